//! The loop: alone, with another keeper, without its database.

use std::{sync::Arc, time::Instant};

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use tokio::{sync::Notify, task::JoinHandle};

use super::*;
use crate::{
    config::Millis,
    settle::{Board, Settler, State},
    store::schema::transactions,
    testing::{PostgresServer, faults::Call, world::Size},
};

/// A settler in a task of its own.
struct Running {
    wake: Arc<Notify>,
    board: Board,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    fn start(world: &World) -> Self {
        let wake = Arc::new(Notify::new());
        let settler = Settler::new(world.app.clone(), owner(), wake.clone());
        let (board, stop) = (settler.board(), CancellationToken::new());
        let task = tokio::spawn(settler.run(stop.clone()));
        Self { wake, board, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(LONG, self.task).await.expect("it stops");
        ended.expect("no panic").expect("no error");
    }
}

async fn settled(world: &World) {
    eventually("everything settled", async || {
        count(world, "windows WHERE plan IS NULL").await == 0
            && count(world, "batches WHERE finalized_at IS NULL").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_settles_what_comes_and_stops_when_asked() {
    let size = Size { shards: 2, contents: 100, ..Size::default() };
    let world = World::new(size).await;
    let running = Running::start(&world);
    for seed in 0..20 {
        let shard = u32::try_from(seed % 2).expect("a shard");
        world.window(shard, Kind::Views, &views(seed, 100, 60)).await;
        running.wake.notify_waiters();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    settled(&world).await;
    world.check().await;
    let states: Vec<_> = running.board.statuses().into_iter().map(|it| it.state).collect();
    assert_eq!(states, [State::Settling, State::Settling]);
    running.stop().await;
    assert_eq!(count(&world, "leases WHERE expires_at > clock_timestamp()").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_sent_within_the_interval() {
    let world = World::new(Size::default()).await;
    let interval = world.app.config.settlement.batch_interval_ms.duration();
    let running = Running::start(&world);
    eventually("started", async || !running.board.statuses().is_empty()).await;
    let mut slowest = Duration::ZERO;
    for seed in 0..30 {
        let sent = world.faults.calls(Call::Send);
        world.window(0, Kind::Views, &views(seed, 16, 10)).await;
        running.wake.notify_waiters();
        let committed = Instant::now();
        while world.faults.calls(Call::Send) == sent {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        slowest = slowest.max(committed.elapsed());
        tokio::time::sleep(Duration::from_millis(37 * (seed % 4))).await;
    }
    println!("from commit to sent: at most {slowest:?}, interval {interval:?}");
    // Much slack for a busy machine.
    assert!(slowest < interval + Duration::from_millis(400), "{slowest:?}");
    settled(&world).await;
    world.check().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_settle_each_shard_once() {
    let size = Size { shards: 3, contents: 100, ..Size::default() };
    let world = World::new(size).await;
    let (one, other) = (Running::start(&world), Running::start(&world));
    for seed in 0..15 {
        for shard in 0..3 {
            world.window(shard, Kind::Views, &views(seed, 100, 60)).await;
        }
        one.wake.notify_waiters();
        other.wake.notify_waiters();
        tokio::time::sleep(Duration::from_millis(20)).await;
        if seed == 7 {
            // As after a long pause of whoever has them: the other one may take them.
            end_leases(&world).await;
        }
    }
    settled(&world).await;
    world.check().await;
    let all = count(&world, "batches").await;
    assert_eq!(count(&world, "transactions WHERE outcome = 'finalized'").await, all);
    one.stop().await;
    world.window(1, Kind::Views, &views(99, 100, 60)).await;
    settled(&world).await;
    world.check().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_is_survived() {
    let server = PostgresServer::start().await;
    let database = server.database().await;
    let size = Size { contents: 100, ..Size::default() };
    let world = World::with_database(size, database).await;
    let running = Running::start(&world);
    for seed in 0..4 {
        world.window(0, Kind::Views, &views(seed, 100, 80)).await;
        running.wake.notify_waiters();
        server.stop();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.resume().await;
    }
    settled(&world).await;
    world.check().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_amounts_and_high_fees_wait_until_they_are_old() {
    let mut world = World::new(Size::default()).await;
    let mut config = (*world.app.config).clone();
    config.settlement.min_batch_amount = 1_000_000;
    config.settlement.age_max_seconds = crate::config::Seconds(2);
    config.settlement.batch_interval_ms = Millis(50);
    config.settlement.priority_fee_max = 30_000;
    world.app.config = Arc::new(config);
    let running = Running::start(&world);

    // Little: waits for its age.
    let little = [Entry { content: 1, views: 10, relevance: 10_000 }];
    let waits = async |entries: &[Entry]| {
        let before = count(&world, "batches").await;
        world.window(0, Kind::Views, entries).await;
        let started = Instant::now();
        running.wake.notify_waiters();
        eventually("planned", async || count(&world, "batches").await > before).await;
        started.elapsed()
    };
    assert!(waits(&little).await > Duration::from_millis(1_500));
    // Much: goes at once.
    let much = [Entry { content: 1, views: 2_000, relevance: 10_000 }];
    assert!(waits(&much).await < Duration::from_millis(1_500));
    // Much, but the fee is high; then it pays what it may.
    world.faults.set_priority_fee(70_000);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert!(waits(&much).await > Duration::from_millis(1_500));
    settled(&world).await;
    let fee: Option<i64> = transactions::table
        .filter(transactions::sequence.eq(3))
        .select(transactions::priority_fee)
        .first(&mut world.postgres.pool.get().await.expect("a connection"))
        .await
        .optional()
        .expect("an answer");
    assert_eq!(fee, Some(30_000));
    let paid = "transactions WHERE sequence = 3 AND fee_lamports > 5000";
    assert_eq!(count(&world, paid).await, 1);
    world.check().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_costs_three_commits() {
    // Transactions are numbered in a whole server: this one has no other.
    let server = PostgresServer::start().await;
    let world = World::with_database(Size::default(), server.database().await).await;
    settle_all(&world).await;
    let xid = async || {
        let query = "generate_series(1, (SELECT pg_current_xact_id()::text::bigint))";
        count(&world, query).await
    };
    let before = xid().await;
    for seed in 0..10 {
        world.window(0, Kind::Views, &views(seed, 16, 10)).await;
        settle_all(&world).await;
    }
    let spent = xid().await - before - 1;
    // Each window is one, and each pass takes a lease and gives it back.
    let of_batches = spent - 10 - 20;
    assert!(of_batches <= 30, "{of_batches} commits for 10 batches");
}
