//! A million credits over several shards: packed, signed, executed, read back and checked.

use std::time::Instant;

use pixr::{entries::Entry, instructions::chain_settlement, state::shard::ShardRef};
use pixr_client::{Bounds, Filled, fill};
use pixr_tests::{
    transactions::{Version, send, sign},
    world::{SETTINGS, World},
};
use solana_address::Address;
use solana_signer::Signer;

use super::{
    capacity::Settling,
    workload::{CONTENTS, Grades, VIEWS, float, full_shard, zipf_window},
};
use crate::report::{Goal, Report};

const CREDITS: usize = 1_000_000;
const SHARDS: usize = 4;
/// System transfers timed on the same SVM, for scale.
const TRANSFERS: usize = 550;

pub fn measure(report: &mut Report) {
    let settling = Settling::new();
    let room = settling.room(Version::V1);
    let Settling { mut world, shard } = settling;
    let mut shards = vec![shard];
    shards.resize_with(SHARDS, || full_shard(&mut world));
    let windows = windows();

    let started = Instant::now();
    let mut transactions = 0;
    let mut credits = 0;
    let mut sequences = [1; SHARDS];
    let mut hashes = [[0; 32]; SHARDS];
    let keeper = world.keys.keeper.insecure_clone();
    for (number, window) in windows.iter().enumerate() {
        let at = number % SHARDS;
        let mut rest = window.as_slice();
        while !rest.is_empty() {
            let Filled { entries, credits: count } =
                fill(rest, &Bounds::bytes(room)).expect("entries that can be written");
            hashes[at] = chain_settlement(&hashes[at], &entries);
            let settle = world.platform.settle(keeper.pubkey(), shards[at], sequences[at], entries);
            let transaction =
                sign(world.svm.latest_blockhash(), Version::V1, &[settle], &keeper, &[]);
            send(&mut world.svm, transaction).expect("a settled batch");
            sequences[at] += 1;
            transactions += 1;
            credits += count;
            rest = &rest[count..];
        }
    }
    for (at, shard) in shards.iter().enumerate() {
        let settled = windows.iter().skip(at).step_by(SHARDS);
        check(&world, shard, settled, &hashes[at]);
    }
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(credits, CREDITS);

    let baseline = transfers(&mut world) / float(TRANSFERS) * float(transactions);
    report.add("million_txs", float(transactions), "transactions", Goal::AtMost(1_150.0), None);
    report.add("million_seconds", seconds, "seconds", Goal::AtMost(5.0), Some(baseline));
}

/// Windows of Zipf-distributed views that make up a million entries, the last one cut short.
fn windows() -> Vec<Vec<Entry>> {
    let mut left = CREDITS;
    let mut windows = Vec::new();
    while left > 0 {
        let seed = u64::try_from(windows.len()).unwrap_or(u64::MAX);
        let mut window = zipf_window(seed, VIEWS, Grades::Steps);
        window.truncate(left);
        left -= window.len();
        windows.push(window);
    }
    windows
}

/// Compares every content of a shard, its hash and its totals with the formula.
fn check<'a>(
    world: &World,
    shard: &Address,
    settled: impl Iterator<Item = &'a Vec<Entry>>,
    hash: &[u8; 32],
) {
    let mut products = vec![0_u128; CONTENTS as usize];
    for entry in settled.flatten() {
        products[usize::try_from(entry.content).expect("an index")] +=
            u128::from(entry.views * entry.relevance) * u128::from(SETTINGS.base_rate);
    }
    let account = world.svm.accounts_db().get_account_ref(shard).expect("a shard");
    let view = ShardRef::parse(solana_account::ReadableAccount::data(account)).expect("a shard");
    assert_eq!(view.header.hash, *hash);
    let mut earned = 0;
    for (content, product) in view.contents.iter().zip(products) {
        let exact = u128::from(content.earned) * 10_000_000
            + u128::try_from(content.remainder).expect("no debt");
        assert_eq!(exact, product);
        earned += content.earned;
    }
    let balances: u64 = view.creators.iter().map(|creator| creator.balance).sum();
    assert_eq!((view.header.credited, view.header.balances), (earned, balances));
}

/// Seconds of single system transfers, signed and executed in the same way.
fn transfers(world: &mut World) -> f64 {
    let (payer, to) = (world.keys.payer.insecure_clone(), Address::new_unique());
    let transfer =
        anchor_lang::solana_program::system_instruction::transfer(&payer.pubkey(), &to, 1_000_000);
    let started = Instant::now();
    for _ in 0..TRANSFERS {
        let transaction =
            sign(world.svm.latest_blockhash(), Version::V1, &[transfer.clone()], &payer, &[]);
        send(&mut world.svm, transaction).expect("a transfer");
    }
    started.elapsed().as_secs_f64()
}
