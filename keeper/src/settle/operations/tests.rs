use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anchor_lang::solana_program::system_instruction;
use diesel::{QueryableByName, sql_query, sql_types::BigInt};
use diesel_async::RunQueryDsl;
use pixr::errors::PixrError;
use solana_signer::Signer;

use super::*;
use crate::{
    chain::{Chain, ChainError, Commitment},
    keys::Purpose,
    testing::{
        faults::{Call, Fault},
        world::{Size, World},
    },
};

/// How long anything may take before a test fails.
const LONG: Duration = Duration::from_secs(60);

async fn world() -> World {
    World::new(Size { contents: 200, ..Size::default() }).await
}

/// Moves lamports to a new address; what it has afterwards tells how often that was done.
fn transfer(world: &World, lamports: u64) -> (Keypair, Vec<Instruction>) {
    let to = Keypair::new();
    let keeper = world.app.keys.address(Purpose::Keeper);
    let instruction = system_instruction::transfer(&keeper, &to.pubkey(), lamports);
    (to, vec![instruction])
}

async fn lamports(world: &World, of: &Keypair) -> u64 {
    let account = world.chain.account(&of.pubkey(), Commitment::Finalized).await;
    account.expect("an answer").map_or(0, |account| account.lamports)
}

async fn count(world: &World, condition: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let query = format!("SELECT count(*) AS count FROM transactions WHERE {condition}");
    let mut connection = world.postgres.pool.get().await.expect("a connection");
    sql_query(query).get_result::<Count>(&mut connection).await.expect("a count").count
}

async fn run_it(
    world: &World,
    key: &str,
    instructions: &[Instruction],
) -> Result<Landed, OperationError> {
    tokio::time::timeout(LONG, run(&world.app, key, instructions, &[])).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_done_once() {
    let world = world().await;
    let (to, instructions) = transfer(&world, 1 << 20);
    let first = run_it(&world, "a", &instructions).await.expect("it lands");
    assert_eq!(first.fee_lamports, 5_000);
    assert!(first.slot > 0);
    let details = world.chain.transaction(&first.signature).await.expect("an answer");
    assert_eq!(details.expect("a transaction").fee_lamports, first.fee_lamports);
    let again = run_it(&world, "a", &instructions).await.expect("it has landed");
    assert_eq!(again, first);
    assert_eq!(lamports(&world, &to).await, 1 << 20);
    run_it(&world, "b", &instructions).await.expect("another key is another operation");
    assert_eq!(lamports(&world, &to).await, 2 << 20);
    assert_eq!(count(&world, "outcome = 'finalized'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_at_once_is_done_once() {
    let world = world().await;
    let (to, instructions) = transfer(&world, 1 << 20);
    let runs = (0..8).map(|_| run_it(&world, "same", &instructions));
    let outcomes: Vec<_> = futures::future::join_all(runs).await;
    let first = outcomes[0].as_ref().expect("it lands");
    for outcome in &outcomes {
        assert_eq!(outcome.as_ref().expect("it has landed"), first);
    }
    assert_eq!(lamports(&world, &to).await, 1 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_explained_and_can_be_tried_again() {
    let world = world().await;
    let (keeper, shard) = (world.app.keys.address(Purpose::Keeper), world.shards[0]);
    let register = world.app.platform.register_content(keeper, shard, keeper, 0, [1; 16]);
    for _ in 0..2 {
        let refused = run_it(&world, "register", &[register.clone()]).await.expect_err("a refusal");
        let OperationError::Refused { message, code } = refused else { panic!("{refused}") };
        assert_eq!(code, Some(PixrError::ShardFullOfContents.into()));
        assert!(message.contains("no free content slot"), "{message}");
    }
    assert_eq!(count(&world, "operation = 'register'").await, 0, "nothing was sent");

    // Of another program: more lamports than there are.
    let (_, instructions) = transfer(&world, u64::MAX);
    let refused = run_it(&world, "too much", &instructions).await.expect_err("a refusal");
    let OperationError::Refused { message, code } = refused else { panic!("{refused}") };
    assert_eq!(code, Some(1));
    assert!(message.contains("insufficient lamports"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_goes_on_after_a_crash() {
    // Dies at each of these: before it is stored, before it is sent, after it was sent.
    for (call, stored) in [
        (Call::Simulate, false),
        (Call::Blockhash, false),
        (Call::Send, true),
        (Call::Statuses, true),
    ] {
        let world = world().await;
        let (to, instructions) = transfer(&world, 1 << 20);
        world.faults.script(move |asked, _| if asked == call { Fault::Hang } else { Fault::None });
        let (app, dying) = (world.app.clone(), instructions.clone());
        let run = tokio::spawn(async move { run(&app, "key", &dying, &[]).await });
        while world.faults.calls(call) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        run.abort();
        assert!(run.await.expect_err("it is gone").is_cancelled());
        assert_eq!(count(&world, "outcome = 'pending'").await, i64::from(stored), "{call:?}");
        world.faults.heal();
        run_it(&world, "key", &instructions).await.expect("it lands");
        assert_eq!(lamports(&world, &to).await, 1 << 20, "{call:?}");
        assert_eq!(count(&world, "outcome = 'finalized'").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_is_signed_again() {
    let world = world().await;
    let (to, instructions) = transfer(&world, 1 << 20);
    // The first two are taken and never reach the cluster.
    world.faults.script(|call, count| match call {
        Call::Send if count <= 2 => Fault::Forget,
        _ => Fault::None,
    });
    let run = run_it(&world, "key", &instructions);
    let time_passes = async {
        for sent in 1..=2 {
            while world.faults.calls(Call::Send) < sent {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            world.chain.advance(Duration::from_secs(70)).await.expect("time passes");
        }
    };
    let (landed, ()) = tokio::join!(run, time_passes);
    landed.expect("it lands in the end");
    assert_eq!(lamports(&world, &to).await, 1 << 20);
    assert_eq!(count(&world, "outcome = 'expired'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_signature_is_not_done_again() {
    let world = world().await;
    let (to, instructions) = transfer(&world, 1 << 20);
    world.faults.script(|call, _| match call {
        Call::Statuses => Fault::Forget,
        _ => Fault::None,
    });
    let run = run_it(&world, "key", &instructions);
    let time_passes = async {
        while world.faults.calls(Call::Send) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.chain.advance(Duration::from_secs(70)).await.expect("time passes");
    };
    let (landed, ()) = tokio::join!(run, time_passes);
    landed.expect("it has landed");
    assert_eq!(lamports(&world, &to).await, 1 << 20);
    assert_eq!(count(&world, "true").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_fails_is_refused() {
    let world = world().await;
    let (keeper, guardian) = (Purpose::Keeper, Purpose::Guardian);
    let (payer, guardian) = (world.app.keys.address(keeper), world.app.keys.key(guardian));
    let shard = world.shards[0];
    // It succeeds when it is simulated; then the platform is paused; then a node without preflight
    // lets it fail on the chain.
    let settle = world.app.platform.settle(payer, shard, 1, vec![0, 0]);
    world.faults.script(|call, _| if call == Call::Send { Fault::Forget } else { Fault::None });
    let settle = [settle];
    let run = run_it(&world, "key", &settle);
    let fails = async {
        while world.faults.calls(Call::Send) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pause = world.app.platform.pause(guardian.pubkey());
        world.run(&[pause], &[&guardian]).await;
        let bytes = pending_bytes(&world).await;
        world.chain.send_without_preflight(&bytes).await.expect("it lands and fails");
    };
    let (outcome, ()) = tokio::join!(run, fails);
    let OperationError::Refused { message, code } = outcome.expect_err("a refusal") else {
        panic!("refused");
    };
    assert_eq!(code, Some(PixrError::Paused.into()), "{message}");
    assert!(message.contains("paused"), "{message}");
    assert_eq!(count(&world, "outcome = 'failed' AND error LIKE '%paused%'").await, 1);
}

async fn pending_bytes(world: &World) -> Vec<u8> {
    use diesel::{ExpressionMethods, QueryDsl};

    use crate::store::schema::transactions;

    transactions::table
        .filter(transactions::outcome.eq("pending"))
        .select(transactions::bytes)
        .first(&mut world.postgres.pool.get().await.expect("a connection"))
        .await
        .expect("a pending transaction")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_endpoint_is_named_and_a_bad_one_is_endured() {
    let world = world().await;
    let (to, instructions) = transfer(&world, 1 << 20);
    let random = Mutex::new(1_u64);
    world.faults.script(move |_, _| {
        let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        match (*random >> 33) % 24 {
            0 => Fault::Busy,
            1 => Fault::Timeout,
            2 => Fault::Unreachable,
            3 => Fault::LoseAnswer,
            4 => Fault::Behind,
            _ => Fault::None,
        }
    });
    for number in 1..=5 {
        let key = format!("key {number}");
        run_it(&world, &key, &instructions).await.expect("it lands all the same");
        assert_eq!(lamports(&world, &to).await, number << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_done_at_once_and_only_once() {
    const COUNT: usize = 1_500;
    let world = world().await;
    let (to, instructions) = transfer(&world, 1 << 20);
    let (_, impossible) = transfer(&world, u64::MAX);
    // Equal instructions under different keys, and every 500th cannot be done.
    let operations = || {
        (0..COUNT).map(|number| Operation {
            key: format!("bulk {number}"),
            instructions: if number % 500 == 7 { impossible.clone() } else { instructions.clone() },
            signers: Vec::new(),
        })
    };
    let mut outcomes = BTreeMap::new();
    let done = run_many(&world.app, operations(), |key, outcome| {
        assert!(outcomes.insert(key.to_owned(), outcome.is_ok()).is_none(), "{key} came twice");
    })
    .await
    .expect("it ends");
    assert_eq!((done.landed, done.refused, done.open), (COUNT as u64 - 3, 3, 0));
    assert_eq!(done.fees_lamports, done.landed * 5_000);
    assert_eq!(outcomes.len(), COUNT);
    assert!(!outcomes["bulk 507"]);
    assert_eq!(lamports(&world, &to).await, (COUNT as u64 - 3) << 20);
    let again = run_many(&world.app, operations(), |_, _| {}).await.expect("it ends");
    assert_eq!((again.landed, again.refused), (COUNT as u64 - 3, 3));
    assert_eq!(lamports(&world, &to).await, (COUNT as u64 - 3) << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_no_try_mends_is_returned() {
    let world = world().await;
    let (to, instructions) = transfer(&world, 1 << 20);
    world.faults.script(|call, _| match call {
        Call::Blockhash => Fault::Invalid,
        _ => Fault::None,
    });
    let error = run_it(&world, "key", &instructions).await.expect_err("an error");
    assert!(matches!(error, OperationError::Chain(ChainError::Invalid(_))), "{error}");
    assert_eq!(lamports(&world, &to).await, 0);
    world.faults.heal();
    run_it(&world, "key", &instructions).await.expect("it lands");
}
