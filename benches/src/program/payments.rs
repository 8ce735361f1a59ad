//! Withdrawals and tips against plain transfers, and transfers as the other way to pay creators.

use anchor_lang::solana_program::system_instruction;
use anchor_spl::token::spl_token;
use pixr_tests::{
    tokens::Token,
    transactions::{Version, send, sign, wire_bytes},
    world::{SMALL, World, views},
};
use solana_instruction::Instruction;
use solana_keypair::Keypair;

use super::workload::float;
use crate::report::{Goal, Report};

/// Payments in the transactions of plain transfers.
const TRANSFERS: usize = 50;

fn units(world: &mut World, instruction: Instruction, signer: &Keypair) -> f64 {
    world.run(&[instruction], &[signer]).expect("a payment").compute_units_consumed as f64
}

pub fn measure(report: &mut Report) {
    for (token, suffix) in [(Token::Spl, ""), (Token::Token2022, "_token_2022")] {
        let mut world = World::new(token);
        let shard = world.funded_shard(SMALL, 1 << 40);
        let (alice, creator, content) = world.creator(&shard);
        let patron = world.wallet(1 << 40);
        world.settle(&shard, &[views(content, 1 << 20)]).expect("a batch");
        let platform = world.platform;
        let plain = anchor_spl::token_2022::spl_token_2022::instruction::transfer_checked(
            &platform.token_program,
            &patron.tokens,
            &platform.mint,
            &alice.tokens,
            &patron.address(),
            &[],
            1_000,
            pixr_tests::tokens::DECIMALS,
        )
        .expect("an instruction");
        let plain = units(&mut world, plain, &patron.key);
        let withdraw = platform.withdraw(alice.address(), shard, creator, alice.tokens, 1_000);
        let withdraw = units(&mut world, withdraw, &alice.key);
        let memo = "thank you for the music".to_owned();
        let tip = platform.tip(patron.address(), patron.tokens, shard, creator, 10_000, memo);
        let tip = units(&mut world, tip, &patron.key);
        let (withdraw_id, tip_id) = match suffix {
            "" => ("withdraw_cu", "tip_cu"),
            _ => ("withdraw_cu_token_2022", "tip_cu_token_2022"),
        };
        report.add(withdraw_id, withdraw, "compute units", Goal::Reported, Some(plain));
        report.add(tip_id, tip, "compute units", Goal::Reported, Some(plain));
    }
    transfers(report);
}

/// What paying creators one by one costs: 50 transfers in a transaction.
fn transfers(report: &mut Report) {
    let mut world = World::new(Token::Spl);
    let payer = world.wallet(1 << 40);
    let wallets: Vec<_> = (0..TRANSFERS).map(|_| world.wallet(0)).collect();
    let system: Vec<_> = wallets
        .iter()
        .map(|to| system_instruction::transfer(&payer.address(), &to.address(), 1_000_000))
        .collect();
    let spl: Vec<_> = wallets
        .iter()
        .map(|to| {
            let (program, owner) = (Token::Spl.program(), payer.address());
            spl_token::instruction::transfer(&program, &payer.tokens, &to.tokens, &owner, &[], 7)
                .expect("an instruction")
        })
        .collect();
    let mut run = |instructions: &[Instruction]| {
        let transaction =
            sign(world.svm.latest_blockhash(), Version::V1, instructions, &payer.key, &[]);
        let bytes = wire_bytes(&transaction);
        let meta = send(&mut world.svm, transaction).expect("transfers");
        (meta.compute_units_consumed as f64 / float(TRANSFERS), float(bytes) / float(TRANSFERS))
    };
    let (system_units, system_bytes) = run(&system);
    let (spl_units, spl_bytes) = run(&spl);
    let mut add = |id, value, unit| report.add(id, value, unit, Goal::Reported, None);
    add("system_transfer_cu", system_units, "compute units");
    add("system_transfer_bytes", system_bytes, "bytes");
    add("spl_transfer_cu", spl_units, "compute units");
    add("spl_transfer_bytes", spl_bytes, "bytes");
}
