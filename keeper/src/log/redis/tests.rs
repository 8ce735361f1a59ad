use super::*;
use crate::{
    log::testing::{self, P, stored},
    testing::TestRedis,
};

async fn log(redis: &TestRedis) -> RedisLog {
    RedisLog::connect(&redis.url, 1).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_behaves_as_a_log() {
    let redis = TestRedis::start("always").await;
    testing::behaves(&log(&redis).await, &log(&redis).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_wake() {
    let redis = TestRedis::start("always").await;
    testing::wakes(&log(&redis).await, &log(&redis).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_remembers_as_long_as_needed() {
    let redis = TestRedis::start("always").await;
    testing::remembers(&log(&redis).await, async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_could_lose_events_is_refused() {
    for (appendfsync, setting) in [("no", "appendonly yes"), ("everysec", "appendfsync always")] {
        let redis = TestRedis::start(appendfsync).await;
        let error = RedisLog::connect(&redis.url, 1).await.err().unwrap();
        assert!(matches!(error, LogError::Refused(_)));
        assert!(error.to_string().ends_with(&format!("set {setting}")), "{error}");
    }
    let redis = TestRedis::start("always").await;
    let mut connection = connect(&Client::open(redis.url.as_str()).unwrap(), WAIT).await.unwrap();
    let mut set = cmd("CONFIG");
    set.arg("SET").arg("maxmemory-policy").arg("allkeys-lru");
    set.exec_async(&mut connection).await.unwrap();
    let error = RedisLog::connect(&redis.url, 1).await.err().unwrap();
    assert!(error.to_string().ends_with("set maxmemory-policy noeviction"), "{error}");
}

const WAIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_lost_its_partition_takes_nothing() {
    let redis = TestRedis::start("always").await;
    let (old, new) = (log(&redis).await, log(&redis).await);
    old.take_over(P, Position::START).await.unwrap();
    let waiting = tokio::spawn(async move {
        let first = old.read(P, Position::START, 10, WAIT).await;
        (first, old.read(P, Position::START, 10, WAIT).await)
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    new.take_over(P, Position::START).await.unwrap();
    let positions = new.append(vec![(P, stored(1, 1, 10))]).await.unwrap();
    assert_eq!(new.read(P, Position::START, 10, WAIT).await.unwrap()[0].position, positions[0]);
    let (first, second) = waiting.await.unwrap();
    assert!(matches!(first, Err(LogError::Unavailable(_))), "{first:?}");
    assert!(matches!(second, Err(LogError::Unavailable(_))), "{second:?}");
    assert_eq!(new.backlog(P, Position::START).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_survived() {
    let redis = TestRedis::start("always").await;
    let log = log(&redis).await;
    log.take_over(P, Position::START).await.unwrap();
    let first = log.append(vec![(P, stored(1, 1, 10))]).await.unwrap()[0];
    assert_eq!(log.read(P, Position::START, 10, WAIT).await.unwrap().len(), 1);
    redis.stop();
    let error = log.append(vec![(P, stored(2, 1, 10))]).await.unwrap_err();
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    let error = log.read(P, first, 10, WAIT).await.unwrap_err();
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    redis.resume().await;
    let mut tries = 0;
    let second = loop {
        match log.append(vec![(P, stored(3, 1, 10))]).await {
            Ok(positions) => break positions[0],
            Err(LogError::Unavailable(_)) if tries < 100 => tries += 1,
            Err(error) => panic!("{error}"),
        }
    };
    let mut read = log.read(P, first, 10, WAIT).await;
    while read.is_err() && tries < 100 {
        tries += 1;
        read = log.read(P, first, 10, WAIT).await;
    }
    assert_eq!(read.unwrap().last().unwrap().position, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_apart() {
    let redis = TestRedis::start("always").await;
    let log = RedisLog::connect(&redis.url, 3).await.unwrap();
    let batches = (0..3).map(|n| (Partition(n), stored(n as u8, 1, 10))).collect();
    let positions = log.append(batches).await.unwrap();
    for partition in 0..3 {
        log.take_over(Partition(partition), Position::START).await.unwrap();
        let read = log.read(Partition(partition), Position::START, 10, WAIT).await.unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].batch.source, format!("source-{partition}"));
        assert_eq!(read[0].position, positions[partition as usize]);
    }
    assert!(log.append(vec![(Partition(3), stored(1, 1, 1))]).await.is_err());
}
