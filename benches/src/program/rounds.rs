//! Rounds: what lanes cost a settlement, what investing and claiming cost, and that the number of
//! investors costs nothing.

use anchor_lang::{InstructionData, ToAccountMetas, solana_program::system_program};
use pixr::entries::Entry;
use pixr_baseline::{accounts, instruction};
use pixr_tests::{
    artifacts,
    rounds::{MANIFEST, TERMS},
    tokens::{Token, write_mint, write_token_account},
    transactions::{Version, send, sign},
    world::{SETTINGS, SMALL, World, svm, views},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::report::{Goal, Report};

/// Contents with lanes in a batch; the marginal cost is that of the last thousand.
const FEW: usize = 100;
const MANY: usize = 1_100;
/// Worlds of which the cheapest counts: finding an address costs an amount that depends on it.
const WORLDS: usize = 24;
const INVESTORS: u32 = 100_000;

pub fn measure(report: &mut Report) {
    let plain = lanes(0);
    for (id, count, goal) in
        [("cu_one_lane", 1, Goal::AtMost(90.0)), ("cu_four_lanes", 4, Goal::AtMost(220.0))]
    {
        report.add(id, lanes(count), "compute units", goal, Some(plain));
    }
    let own: Vec<_> = (0..WORLDS).map(|_| payments()).collect();
    let base: Vec<_> = (0..WORLDS).map(|_| baseline()).collect();
    let least = |all: &[Costs], cost: fn(&Costs) -> u64| {
        all.iter().map(cost).min().expect("several worlds") as f64
    };
    for (id, cost) in [
        ("invest_cu_ratio", (|costs| costs.invest) as fn(&Costs) -> u64),
        ("claim_cu_ratio", |costs| costs.claim),
    ] {
        let (own, base) = (least(&own, cost), least(&base, cost));
        report.add(id, own / base, "of an escrow", Goal::AtMost(0.7), Some(1.0));
    }
    report.add(
        "invest_cu",
        least(&own, |costs| costs.invest),
        "compute units",
        Goal::Reported,
        Some(least(&base, |costs| costs.invest)),
    );
    report.add(
        "claim_cu",
        least(&own, |costs| costs.claim),
        "compute units",
        Goal::Reported,
        Some(least(&base, |costs| costs.claim)),
    );
    let delta = own.iter().map(|costs| costs.delta).max().expect("several worlds");
    report.add("investors_cu_delta", delta as f64, "compute units", Goal::AtMost(0.0), None);
}

/// Compute units of one more credit of a content with so many lanes, each of which gets a part.
fn lanes(lanes: u32) -> f64 {
    let mut world = World::new(Token::Spl);
    let shard = world.funded_shard(SMALL, 1 << 50);
    let (_, _, content) = world.creator(&shard);
    let investor = world.wallet(1 << 40);
    for _ in 0..lanes {
        world.settle(&shard, &[views(content, 7)]).expect("a batch");
        world.delivered_round(&shard, content, TERMS, &investor);
    }
    let entry = Entry { content: content.into(), views: 3, relevance: 9_500 };
    let mut settle = |count: usize| {
        let outcome = world.settle(&shard, &vec![entry; count]).expect("a batch");
        outcome.compute_units_consumed
    };
    let few = settle(FEW);
    (settle(MANY) - few) as f64 / (MANY - FEW) as f64
}

struct Costs {
    invest: u64,
    claim: u64,
    /// The largest difference that the number of investors makes to settle, deliver and claim.
    delta: u64,
}

/// A round from the first investment to a claim; from the delivery on once more from the same state,
/// but with a hundred thousand investors.
fn payments() -> Costs {
    let mut world = World::new(Token::Spl);
    let shard = world.funded_shard(SMALL, 1 << 50);
    let (_, _, content) = world.creator(&shard);
    let (first, rest) = (world.wallet(1 << 40), world.wallet(1 << 40));
    let round = world.open_round(&shard, content, TERMS);
    let invest = world.invest(&round, &first, TERMS.target / 100_000).expect("an investment");
    world.invest(&round, &rest, TERMS.target).expect("the rest");
    world.wait(SETTINGS.baseline_seconds_min.into());
    let (keeper, treasury) = (world.keys.keeper.insecure_clone(), world.treasury_tokens());
    let deliver = world.platform.deliver(keeper.pubkey(), shard, round, treasury, MANIFEST, 10_000);
    let settle = world.settlement(&shard, &[views(content, 1_000_000)]);
    let position = world.position(&round, &first.address());
    let claim = world.platform.claim(first.address(), shard, position, first.tokens);
    let steps = [(deliver, &keeper), (settle, &keeper), (claim, &first.key)];
    let start = world.svm.clone();
    let [few, many] = [2, INVESTORS].map(|investors| {
        world.svm = start.clone();
        world.forge_positions(&round, investors);
        steps.clone().map(|(step, signer)| {
            world.run(&[step], &[signer]).expect("a transaction").compute_units_consumed
        })
    });
    let delta = few.iter().zip(many).map(|(few, many)| few.abs_diff(many)).max();
    Costs {
        invest: invest.compute_units_consumed,
        claim: few[2],
        delta: delta.expect("three steps"),
    }
}

/// The same with the straightforward escrow.
fn baseline() -> Costs {
    let mut svm = svm();
    svm.add_program(pixr_baseline::ID, &artifacts::program("pixr_baseline"))
        .expect("a program that loads");
    let derive = |seeds: &[&[u8]]| Address::find_program_address(seeds, &pixr_baseline::ID).0;
    let (admin, investor) = (Keypair::new(), Keypair::new());
    for key in [&admin, &investor] {
        svm.airdrop(&key.pubkey(), 1 << 40).expect("lamports");
    }
    let mint = write_mint(&mut svm, Token::Spl);
    let token_program = Token::Spl.program();
    let (at, owner) = (Address::new_unique(), investor.pubkey());
    write_token_account(&mut svm, token_program, at, mint, owner, 1 << 40);
    let bank = derive(&[b"bank"]);
    let (vault, round) = (derive(&[b"vault", bank.as_ref()]), derive(&[b"round", bank.as_ref()]));
    let escrow = derive(&[b"escrow", round.as_ref()]);
    let position = derive(&[b"position", round.as_ref(), owner.as_ref()]);
    let system_program = system_program::ID;
    let build = |metas, data| Instruction { program_id: pixr_baseline::ID, accounts: metas, data };
    let mut run = |instruction: Instruction, signer: &Keypair| {
        let transaction = sign(svm.latest_blockhash(), Version::V1, &[instruction], signer, &[]);
        send(&mut svm, transaction).expect("a transaction").compute_units_consumed
    };
    let open = accounts::OpenRound {
        admin: admin.pubkey(),
        bank,
        vault,
        round,
        escrow,
        mint,
        token_program,
        system_program,
    };
    let (target, deadline) = (1_000_000, i64::MAX);
    let data = instruction::OpenRound { target, deadline }.data();
    run(build(open.to_account_metas(None), data), &admin);
    let invest = accounts::Invest {
        investor: owner,
        bank,
        round,
        position,
        escrow,
        source: at,
        mint,
        token_program,
        system_program,
    };
    let data = instruction::Invest { amount: target }.data();
    let invest = run(build(invest.to_account_metas(None), data), &investor);
    // The vault gets what is claimed from the investor's own tokens.
    let pay = anchor_spl::token::spl_token::instruction::transfer(
        &token_program,
        &at,
        &vault,
        &owner,
        &[],
        500_000,
    );
    run(pay.expect("an instruction"), &investor);
    let deliver = accounts::Deliver { admin: admin.pubkey(), bank, round };
    let data = instruction::Deliver { owed: 500_000 }.data();
    run(build(deliver.to_account_metas(None), data), &admin);
    let claim = accounts::Claim {
        owner,
        bank,
        round,
        position,
        vault,
        destination: at,
        mint,
        token_program,
    };
    let data = instruction::Claim {}.data();
    let claim = run(build(claim.to_account_metas(None), data), &investor);
    Costs { invest, claim, delta: 0 }
}
