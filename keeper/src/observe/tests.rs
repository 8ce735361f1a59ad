//! Figures, readiness and samples of a platform on the embedded chain and a real database.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use diesel_async::SimpleAsyncConnection;
use pixr::entries::Entry;
use tokio_util::sync::CancellationToken;

use super::{
    Readiness, Sampler,
    exporter::builder,
    figures::{self, Burned, Waiting},
    router,
};
use crate::{
    app::App,
    chain::Chain,
    config::Config,
    keys::Purpose,
    log::{EventLog, Partition, PostgresLog, StoredBatch},
    settle::{Blocked, Board, Kind, State, Timing, settle_once},
    store::{Pool, leases},
    testing::{
        PostgresServer, TestPostgres, request,
        world::{Size, World},
    },
};

const LONG: Duration = Duration::from_secs(60);

fn readiness(app: &App, backlog_batches_max: u64) -> Readiness {
    readiness_with(app, Board::default(), backlog_batches_max)
}

fn readiness_with(app: &App, board: Board, backlog_batches_max: u64) -> Readiness {
    let App { store, chain, log, .. } = app.clone();
    Readiness::new(store, chain, log, board, backlog_batches_max)
}

async fn execute(store: &Pool, sql: &str) {
    store.get().await.unwrap().batch_execute(sql).await.unwrap();
}

fn entry(views: u64) -> Entry {
    Entry { content: 1, views, relevance: 10_000 }
}

async fn append(log: &dyn EventLog, batches: usize) {
    let batch = StoredBatch {
        source: "a".into(),
        received_at: chrono::Utc::now(),
        events: 1,
        payload: bytes::Bytes::from_static(b"x"),
    };
    log.append(vec![(Partition(0), batch); batches]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_waits_in_each_shard() {
    let world = World::new(Size { shards: 2, ..Size::default() }).await;
    let earlier = chrono::Utc::now() - chrono::TimeDelta::seconds(100);
    world.window_at(1, Kind::Views, &[entry(30)], earlier).await;
    world.window(1, Kind::Views, &[entry(12)]).await;
    let waiting = figures::waiting(&world.app.store).await.unwrap();
    assert_eq!(waiting[0], Waiting::default());
    let Waiting { shard, windows, unplanned_views, batches, oldest_seconds, .. } = waiting[1];
    assert_eq!((shard, windows, unplanned_views, batches), (1, 2, 42, 0));
    assert!((100..160).contains(&oldest_seconds.unwrap()));

    settle_once(&world.app, "test", Timing::Now, &CancellationToken::new()).await.unwrap();
    let settled = figures::waiting(&world.app.store).await.unwrap();
    assert_eq!(settled[1], Waiting { shard: 1, ..Waiting::default() });

    execute(&world.app.store, "UPDATE batches SET finalized_at = NULL, signature = NULL").await;
    let open = figures::waiting(&world.app.store).await.unwrap()[1];
    assert_eq!((open.windows, open.batches, open.unfinalized_views), (0, 1, 42));
    assert!(open.oldest_seconds.unwrap() >= 100 && open.oldest_batch_seconds.unwrap() < 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_the_wallets_and_the_credits_of_a_day() {
    let TestPostgres { pool, .. } = TestPostgres::start().await;
    assert_eq!(figures::active_wallets(&pool).await.unwrap(), 0);
    execute(
        &pool,
        r#"
        INSERT INTO shards VALUES (0, 's', 'v', 'r', 9, 9, 0);
        INSERT INTO creators VALUES (0, 0, 'old'), (0, 1, 'anna'), (0, 2, 'boris');
        INSERT INTO chain_events (signature, ordinal, slot, block_time, name, shard, creator, data)
        SELECT 'x', row_number() OVER (), 1, now() - hours * INTERVAL '1 hour', name, 0, creator, data
        FROM (VALUES
            (30, 'Tipped', 0, '{"patron": "long ago"}'::JSONB),
            (25, 'BatchSettled', NULL, '{"credited": "900"}'),
            (23, 'BatchSettled', NULL, '{"credited": "18446744073709"}'),
            (20, 'Tipped', 1, '{"patron": "carla"}'),
            (9, 'Tipped', 1, '{"patron": "boris"}'),
            (8, 'Withdrawn', 2, '{"destination": "an account of boris"}'),
            (1, 'AuthorityChanged', 2, '{"after": "dora"}'),
            (1, 'BatchSettled', NULL, '{"credited": "1"}')
        ) AS events (hours, name, creator, data)"#,
    )
    .await;
    // Anna, Boris, Carla and Dora, each once.
    assert_eq!(figures::active_wallets(&pool).await.unwrap(), 4);
    let burned = figures::burned(&pool).await.unwrap();
    assert_eq!(burned, [Burned { shard: 0, base_units: 18_446_744_073_710 }]);
    assert!(figures::database_bytes(&pool).await.unwrap() > 1 << 20);
}

/// Serves a keeper's router; returns where.
async fn serve(readiness: Readiness) -> SocketAddr {
    let handle = builder().unwrap().build_recorder().handle();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(handle, readiness)).await });
    address
}

async fn ready(readiness: Readiness) -> (u16, serde_json::Value) {
    let reply = request(serve(readiness).await, "GET", "/ready", &[], b"").await;
    (reply.status, reply.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn is_ready_when_every_part_is() {
    let server = PostgresServer::start().await;
    let world = World::with_database(Size::default(), server.database().await).await;
    let App { store, log, .. } = &world.app;

    let (status, report) = ready(readiness(&world.app, 2)).await;
    assert_eq!((status, &report["ready"]), (503, &false.into()));
    assert_eq!(report["parts"]["counter"]["ready"], false, "{report}");
    for part in ["database", "log", "chain", "backlog"] {
        assert_eq!(report["parts"][part]["ready"], true, "{report}");
    }

    leases::acquire(store, "count/0", "somebody", LONG).await.unwrap().unwrap();
    append(&**log, 1).await;
    let (status, report) = ready(readiness(&world.app, 2)).await;
    assert_eq!((status, &report["ready"]), (200, &true.into()), "{report}");

    append(&**log, 1).await;
    let (status, report) = ready(readiness(&world.app, 2)).await;
    assert_eq!((status, &report["parts"]["backlog"]["ready"]), (503, &false.into()));
    execute(store, "INSERT INTO log_positions VALUES (0, 1, now())").await;
    assert_eq!(ready(readiness(&world.app, 2)).await.0, 200, "one of two is counted");

    server.stop();
    let (status, report) = ready(readiness(&world.app, 2)).await;
    assert_eq!(status, 503);
    assert_eq!(report["parts"]["database"]["ready"], false, "{report}");
    assert_eq!(report["parts"]["chain"]["ready"], true, "{report}");
    let health = request(serve(readiness(&world.app, 2)).await, "GET", "/health", &[], b"").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"alive".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_cannot_settle_degrades_and_leaves_it_ready() {
    let world = World::new(Size { shards: 2, ..Size::default() }).await;
    leases::acquire(&world.app.store, "count/0", "somebody", LONG).await.unwrap().unwrap();
    let board = Board::default();
    board.set(0, State::Settling);
    let (status, report) = ready(readiness_with(&world.app, board.clone(), 2)).await;
    assert_eq!((status, &report["degraded"]), (200, &false.into()), "{report}");
    assert_eq!(report["blocked_shards"], serde_json::json!([]));
    board.set(
        1,
        State::Blocked(Blocked {
            cause: "BudgetExhausted".into(),
            reason: "shard 1: batch 7 is refused".into(),
            advice: "fund shard 1".into(),
            retry_in: LONG,
        }),
    );
    let (status, report) = ready(readiness_with(&world.app, board, 2)).await;
    assert_eq!(status, 200, "views are taken and counted: {report}");
    assert_eq!((&report["ready"], &report["degraded"]), (&true.into(), &true.into()));
    let [blocked] = &report["blocked_shards"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&blocked["shard"], &blocked["cause"]), (&1.into(), &"BudgetExhausted".into()));
    assert_eq!(blocked["reason"], "shard 1: batch 7 is refused");
    assert_eq!(blocked["advice"], "fund shard 1");
    assert!(blocked["since"].as_str().unwrap().starts_with("20"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_a_report_on_for_a_second() {
    let TestPostgres { pool, .. } = TestPostgres::start().await;
    let world_chain: Arc<dyn Chain> =
        crate::chain::embedded::Embedded::temporary(&crate::testing::world::program()).unwrap();
    let log = Arc::new(PostgresLog::new(pool.clone()));
    let readiness = Readiness::new(pool.clone(), world_chain, log, Board::default(), 2);
    let first = readiness.report().await;
    leases::acquire(&pool, "count/0", "somebody", LONG).await.unwrap().unwrap();
    assert_eq!(readiness.report().await, first);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(readiness.report().await.ready);
}

#[tokio::test]
async fn samples_everything_and_counts_what_fails() {
    let size = Size { budget: 5_000, ..Size::default() };
    let mut world = World::new(size).await;
    let mut config = Config::clone(&world.app.config);
    config.data.folder = std::env::temp_dir();
    world.app.config = Arc::new(config);
    world.window(0, Kind::Views, &[entry(12)]).await;
    append(&*world.app.log, 3).await;
    let recorder = builder().unwrap().build_recorder();
    let handle = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let sampler = Sampler::new(world.app.clone(), readiness(&world.app, 9), handle.clone());
    sampler.sample(true).await;
    let keeper = world.app.keys.address(Purpose::Keeper);
    let keeper = world.chain.account(&keeper, crate::chain::Commitment::Finalized).await.unwrap();
    let text = handle.render();
    for line in [
        "pixr_waiting_views{shard=\"0\",stage=\"unplanned\"} 12".to_owned(),
        "pixr_unplanned_windows{shard=\"0\"} 1".into(),
        "pixr_reward_budget_base_units{shard=\"0\"} 5000".into(),
        "pixr_locked_base_units{shard=\"0\"} 5000".into(),
        "pixr_creators{shard=\"0\"} 4".into(),
        "pixr_contents{shard=\"0\"} 16".into(),
        "pixr_daily_active_wallets 0".into(),
        format!("pixr_keeper_lamports {}", keeper.unwrap().lamports),
        "pixr_treasury_base_units 0".into(),
        "pixr_log_backlog_batches{partition=\"0\"} 3".into(),
        "pixr_ready 0".into(),
        "pixr_ready_part{part=\"chain\"} 1".into(),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(text.contains("pixr_database_bytes ") && !text.contains("failures"), "{text}");

    world.app.store.close();
    // Until the report from before is not passed on any more.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    sampler.sample(true).await;
    sampler.sample(false).await;
    let text = handle.render();
    for line in [
        "pixr_sample_failures_total{sample=\"waiting\"} 2",
        "pixr_sample_failures_total{sample=\"active_wallets\"} 1",
        "pixr_ready_part{part=\"database\"} 0",
        // What is known from before stays.
        "pixr_waiting_views{shard=\"0\",stage=\"unplanned\"} 12",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("sample=\"lamports\""), "the chain still answers:\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sampler_stops_when_it_is_told_to() {
    let world = World::new(Size::default()).await;
    let handle = builder().unwrap().build_recorder().handle();
    let sampler = Sampler::new(world.app.clone(), readiness(&world.app, 9), handle);
    let stop = CancellationToken::new();
    let task = tokio::spawn(sampler.run(stop.clone()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.cancel();
    tokio::time::timeout(LONG, task).await.unwrap().unwrap().unwrap();
}
