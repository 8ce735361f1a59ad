//! Random sequences of all instructions, on the compiled program and on the reference model.
//!
//! After each instruction everything that the model knows is compared with the accounts, and the
//! invariants are checked. `PIXR_SEED` sets the seed, `PIXR_LONG` runs many more sequences from a
//! seed of the time. What once failed is kept in `tests/model-regressions.txt` and tried first.

mod command;
mod harness;
mod resolve;
mod strategy;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use command::Command;
use harness::{Checked, Harness, Tally, told};
use pixr::errors::PixrError;
use pixr_tests::{tokens::Token, transactions::Failure};
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

/// Most commands of a sequence.
const LENGTH_MAX: usize = 300;
/// Sequences that are tried.
const CASES: u32 = 160;
/// Sequences that are tried in a long run.
const CASES_LONG: u32 = 4_000;
/// How long a failing sequence is made shorter.
const SHRINK_MILLISECONDS: u32 = 300_000;
/// The seed of every short run.
const SEED: u64 = 1;
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model-regressions.txt");

/// Errors that no sequence runs into: accounts that do not belong together, mints, and what cannot be
/// without a forged account, a larger transaction or 2^64 base units.
const OUT_OF_REACH: [PixrError; 17] = [
    PixrError::WrongPlatform,
    PixrError::WrongShard,
    PixrError::WrongVault,
    PixrError::WrongMint,
    PixrError::WrongTokenProgram,
    PixrError::WrongRentReceiver,
    PixrError::MintHasTransferFee,
    PixrError::MintHasTransferHook,
    PixrError::MintExtensionUnsupported,
    PixrError::ShardCorrupt,
    PixrError::ContentIndexCrowded,
    PixrError::EntriesTooLong,
    PixrError::Overflow,
    PixrError::Insolvent,
    PixrError::WrongRound,
    PixrError::WrongEscrow,
    PixrError::BaselineTooHigh,
];

/// The seed and the number of sequences.
fn plan() -> (u64, u32) {
    let long = std::env::var_os("PIXR_LONG").is_some();
    let seed = match std::env::var("PIXR_SEED") {
        Ok(seed) => seed.parse().expect("PIXR_SEED is a number"),
        Err(_) if long => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
            now.as_secs()
        }
        Err(_) => SEED,
    };
    (seed, if long { CASES_LONG } else { CASES })
}

fn rng(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn run(token: Token, commands: &[Command]) -> Result<Tally, String> {
    let mut harness = Harness::new(token)?;
    let checked: Checked = commands.iter().try_for_each(|command| harness.run(command));
    checked.map(|()| harness.tally)
}

/// Errors of the program that sequences should have run into and did not.
fn missed(tally: &Tally) -> Vec<u32> {
    let out_of_reach: Vec<u32> = OUT_OF_REACH.map(u32::from).into();
    let met = |code: &u32| {
        let told = told(&Err(Failure::Custom(*code)));
        tally.keys().any(|(_, outcome)| *outcome == told)
    };
    (u32::from(PixrError::NotAdmin)..=u32::from(PixrError::ClaimedTooHigh))
        .filter(|code| !out_of_reach.contains(code) && !met(code))
        .collect()
}

/// Instructions that were only ever refused.
fn refused(tally: &Tally) -> BTreeSet<&String> {
    let done = |name: &String| tally.contains_key(&(name.clone(), told(&Ok(()))));
    tally.keys().map(|(name, _)| name).filter(|name| !done(name)).collect()
}

#[test]
fn the_program_does_what_the_model_says() {
    let (seed, cases) = plan();
    let start = Instant::now();
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        max_shrink_time: SHRINK_MILLISECONDS,
        max_shrink_iters: u32::MAX,
        ..Config::default()
    };
    let long = if cases == CASES_LONG { " PIXR_LONG=1" } else { "" };
    let replay = format!("PIXR_SEED={seed}{long}");
    eprintln!("{replay}: {cases} sequences");
    let tally = RefCell::new(Tally::default());
    let outcome = TestRunner::new_with_rng(config, rng(seed)).run(
        &(strategy::token(), strategy::commands(LENGTH_MAX)),
        |(token, commands)| {
            let one = run(token, &commands).map_err(TestCaseError::fail)?;
            let mut all = tally.borrow_mut();
            one.into_iter().for_each(|(what, count)| *all.entry(what).or_default() += count);
            Ok(())
        },
    );
    for ((instruction, outcome), count) in tally.borrow().iter() {
        eprintln!("{count:8}  {instruction}: {outcome}");
    }
    eprintln!("{:?}", start.elapsed());
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("replay with {replay}: {reason}"),
        Err(other) => panic!("replay with {replay}: {other}"),
    }
    let tally = tally.into_inner();
    let (missed, refused) = (missed(&tally), refused(&tally));
    assert!(missed.is_empty(), "errors that no sequence met: {missed:?}");
    assert!(refused.is_empty(), "instructions that never succeeded: {refused:?}");
}
