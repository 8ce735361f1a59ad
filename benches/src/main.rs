//! probe
mod program {
    pub mod workload;
}
use pixr::entries::*;
use pixr_tests::{tokens::Token, transactions::*, world::*};
use program::workload::*;
use solana_signer::Signer;
fn main() {
    let mut world = World::new(Token::Spl);
    let shard = full_shard(&mut world);
    for graded in [true, false] {
        let entries = zipf_window(1, VIEWS, graded);
        println!("entries {}", entries.len());
        for n in [100usize, 200, 400, 450] {
            let mut w = Writer::default();
            for e in &entries[..n] {
                w.push(*e).unwrap();
            }
            println!("{n} bytes {}", w.bytes().len());
            let out = world.settle(&shard, &entries[..n]).unwrap();
            println!("cu {}", out.compute_units_consumed);
        }
        let mut w = Writer::default();
        for e in &entries {
            w.push(*e).unwrap();
        }
        println!(
            "all bytes {} per {}",
            w.bytes().len(),
            w.bytes().len() as f64 / entries.len() as f64
        );
    }
    let ix = world.settlement(&shard, &[]);
    let k = world.keys.keeper.insecure_clone();
    let tx = sign(&world.svm, Version::V1, &[ix.clone()], &[&k]);
    println!("overhead v1 {}", wire_bytes(&tx));
    let tx = sign(&world.svm, Version::V0, &[ix], &[&k]);
    println!("overhead v0 {} {}", wire_bytes(&tx), k.pubkey());
}
