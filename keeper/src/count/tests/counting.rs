use super::*;
use crate::{
    log::RedisLog,
    store::leases,
    testing::{PostgresServer, TestRedis},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_counts_once() {
    let scene = Scene::new().await;
    let counter = scene.counter("a").await;
    let mut last = Position::START;
    for events in traffic(1, 60) {
        last = scene.append(&events).await;
    }
    scene.counted(last).await;
    counter.stop().await;
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_and_crashes_change_nothing() {
    let scene = Scene::new().await;
    let mut last = Position::START;
    for (number, events) in traffic(2, 40).chunks(5).enumerate() {
        for events in events {
            last = scene.append(events).await;
        }
        let owner = format!("{number}");
        let counter = scene.counter(&owner).await;
        tokio::time::sleep(Duration::from_millis(15 * number as u64)).await;
        if number % 2 == 0 {
            counter.stop().await;
        } else {
            counter.kill().await;
            expire_leases(&scene).await;
        }
    }
    let counter = scene.counter("last").await;
    scene.counted(last).await;
    counter.stop().await;
    scene.check().await;
}

async fn expire_leases(scene: &Scene) {
    diesel::sql_query("UPDATE leases SET expires_at = now() - INTERVAL '1 second'")
        .execute(&mut scene.pool.get().await.unwrap())
        .await
        .unwrap();
}

/// The second takes over while the first still works, as if it had been asleep.
#[tokio::test(flavor = "multi_thread")]
async fn two_keepers_count_no_event_twice() {
    let scene = Scene::new().await;
    let first = scene.counter("first").await;
    let second = scene.counter("second").await;
    let mut last = Position::START;
    for (number, events) in traffic(3, 60).iter().enumerate() {
        last = scene.append(events).await;
        if number % 10 == 5 {
            // As whoever waits sees it when time has passed.
            let name = "count/0";
            expire_leases(&scene).await;
            leases::acquire(&scene.pool, name, "third", Duration::from_millis(30)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
    scene.counted(last).await;
    first.stop().await;
    second.stop().await;
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_content_counts_from_its_first_event() {
    let scene = Scene::new().await;
    let counter = scene.counter("a").await;
    let now = Utc::now();
    let before = scene.append(&[event(1, 1, 200, now)]).await;
    scene.counted(before).await;
    assert!(scene.credits().await.is_empty());
    scene.register(1, 200).await;
    let after = scene.append(&[event(2, 1, 200, now), event(1, 2, 200, now)]).await;
    scene.counted(after).await;
    counter.stop().await;
    assert_eq!(scene.credits().await.values().sum::<u64>(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_wake_whoever_waits_for_them() {
    let scene = Scene::new().await;
    let context = scene.context("a").await;
    let mut counted = context.counted.subscribe();
    let cancel = CancellationToken::new();
    let task = tokio::spawn(run(context, P, cancel.clone()));
    scene.append(&[event(1, 1, 1, Utc::now())]).await;
    tokio::time::timeout(Duration::from_secs(10), counted.changed()).await.unwrap().unwrap();
    assert_eq!(scene.credits().await.len(), 1);
    Running { cancel, task }.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_is_waited_for() {
    let server = PostgresServer::start().await;
    let TestPostgres { pool, .. } = server.database().await;
    let log = Arc::new(PostgresLog::new(pool.clone()));
    let scene = Scene { pool, log };
    scene.fill().await;
    let counter = scene.counter("a").await;
    let mut last = Position::START;
    for (number, events) in traffic(4, 30).iter().enumerate() {
        last = scene.append(events).await;
        if number % 10 == 4 {
            server.stop();
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.resume().await;
        }
    }
    scene.counted(last).await;
    counter.stop().await;
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_may_be_in_redis() {
    let redis = TestRedis::start("always").await;
    let TestPostgres { pool, .. } = TestPostgres::start().await;
    let log = Arc::new(RedisLog::connect(&redis.url, 1).await.unwrap());
    let scene = Scene { pool, log };
    scene.fill().await;
    let mut last = Position::START;
    for (number, events) in traffic(5, 50).chunks(10).enumerate() {
        let counter = scene.counter(&format!("{number}")).await;
        for events in events {
            last = scene.append(events).await;
        }
        match number {
            1 => {
                counter.kill().await;
                expire_leases(&scene).await;
            }
            2 => {
                redis.stop();
                tokio::time::sleep(Duration::from_millis(300)).await;
                redis.resume().await;
                scene.counted(last).await;
                counter.stop().await;
            }
            _ => counter.stop().await,
        }
    }
    let counter = scene.counter("last").await;
    scene.counted(last).await;
    counter.stop().await;
    scene.check().await;
    assert_eq!(scene.log.backlog(P, last).await.unwrap(), 0);
}
