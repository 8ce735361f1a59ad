//! A keeper that dies at any step, and another one that goes on.

use std::sync::Arc;

use super::*;
use crate::testing::{
    faults::{Call, Fault},
    world::Size,
};

/// A world whose windows make several batches.
async fn world() -> World {
    let world = World::new(Size { contents: 400, creators: 50, ..Size::default() }).await;
    world.faults.set_takes_v1(false);
    world.window(0, Kind::Views, &views(1, 400, 1_500)).await;
    world.window(0, Kind::Reversal, &views(1, 400, 1_500)[..200]).await;
    world
}

/// Starts to settle, and dies when `call` is asked for the `count`-th time. Returns whether it came
/// to that.
async fn die_at(world: &World, call: Call, count: u64) -> bool {
    world.faults.script(
        move |asked, number| {
            if asked == call && number == count { Fault::Hang } else { Fault::None }
        },
    );
    let app = world.app.clone();
    let pass = tokio::spawn(async move {
        settle_once(&app, &owner(), Timing::Now, &CancellationToken::new())
            .await
            .expect("a database");
    });
    eventually("dead or done", async || pass.is_finished() || world.faults.calls(call) >= count)
        .await;
    let died = !pass.is_finished();
    pass.abort();
    let _ = pass.await;
    world.faults.heal();
    end_leases(world).await;
    died
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_question_is_succeeded() {
    let calls = [
        Call::AccountPart,
        Call::Account,
        Call::TakesV1,
        Call::PriorityFee,
        Call::Blockhash,
        Call::Simulate,
        Call::Send,
        Call::Statuses,
        Call::Transaction,
    ];
    for call in calls {
        for count in [1, 2, 3, 5, 8] {
            let world = world().await;
            if !die_at(&world, call, count).await && count == 1 {
                panic!("{call:?} is never asked");
            }
            settle_all(&world).await;
            world.check().await;
            assert_eq!(count_open(&world).await, 0, "{call:?} {count}");
        }
    }
}

async fn count_open(world: &World) -> i64 {
    count(world, "transactions WHERE outcome <> 'finalized'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_at_any_moment_is_succeeded() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let world = Arc::new(world().await);
    let mut deaths = 0;
    for seed in 2..26 {
        world.window(0, Kind::Views, &views(seed, 400, 700)).await;
        let app = world.app.clone();
        let pass = tokio::spawn(async move {
            settle_once(&app, &owner(), Timing::Now, &CancellationToken::new()).await
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
        deaths += u32::from(!pass.is_finished());
        pass.abort();
        let _ = pass.await;
        end_leases(&world).await;
    }
    assert!(deaths > 0);
    settle_all(&world).await;
    world.check().await;
    assert_eq!(count_open(&world).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_and_not_sent_is_sent_and_not_signed_again() {
    let world = world().await;
    assert!(die_at(&world, Call::Send, 2).await);
    assert_eq!(count(&world, "transactions WHERE outcome = 'pending'").await, 1);
    let before = count(&world, "transactions").await;
    let batches = count(&world, "batches").await;
    settle_all(&world).await;
    world.check().await;
    // One for each batch; that of the reversal was planned later.
    assert!(before < batches);
    let all = count(&world, "batches").await;
    assert_eq!(count(&world, "transactions").await, all);
}
