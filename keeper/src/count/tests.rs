//! Counters on a real database and both logs, against what a judge alone says.

mod counting;
mod reversing;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{ExpressionMethods, QueryDsl, dsl};
use diesel_async::RunQueryDsl;
use pixr::entries::Packed;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    log::{PostgresLog, StoredBatch},
    store::schema::{contents, counted_batches, windows},
    testing::TestPostgres,
    views::{ContentId, Verdict, ViewEvent, codec},
};

const P: Partition = Partition(0);
const CONTENTS: u8 = 20;

/// Where views ended up: by kind, shard, relevance and content.
type Credits = BTreeMap<(String, i32, u64, u64), u64>;

pub fn event(id: u32, viewer: u8, content: u8, at: DateTime<Utc>) -> ViewEvent {
    let mut hash = [7; 16];
    hash[..4].copy_from_slice(&id.to_le_bytes());
    // As spread as a hash.
    hash[8..12].copy_from_slice(&id.wrapping_mul(0x9e37_79b9).to_le_bytes());
    ViewEvent {
        id: hash,
        viewer: [viewer; 16],
        content: ContentId([content; 16]),
        at_ms: at.timestamp_millis(),
        watched_ms: 5_000,
        relevance: 9_000 + u16::from(id.is_multiple_of(3)) * 1_000,
    }
}

pub fn batch(events: &[ViewEvent]) -> StoredBatch {
    StoredBatch {
        source: "test".into(),
        received_at: DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap(),
        events: events.len() as u32,
        payload: codec::encode(events),
    }
}

/// Registers contents in a first shard.
pub async fn register(pool: &Pool, ids: &[&str]) {
    registry::tests::open_shard(pool, 0).await;
    for id in ids {
        add_content(pool, 0, id.parse().unwrap()).await;
    }
}

/// What a counter works with that commits often.
pub async fn context(pool: &Pool, log: &Arc<dyn EventLog>) -> Context {
    Context {
        pool: pool.clone(),
        log: log.clone(),
        registry: Arc::new(Registry::load(pool.clone()).await.unwrap()),
        config: CountingConfig::default(),
        commit_interval: Duration::from_millis(20),
        owner: "test".into(),
        counted: watch::Sender::new(()),
    }
}

async fn add_content(pool: &Pool, shard: i32, id: ContentId) {
    let connection = &mut pool.get().await.unwrap();
    let slots: i64 = contents::table
        .filter(contents::shard.eq(shard))
        .count()
        .get_result(connection)
        .await
        .unwrap();
    diesel::insert_into(contents::table)
        .values((
            contents::shard.eq(shard),
            contents::content.eq(slots as i32),
            contents::creator.eq(0),
            contents::id.eq(id.0.as_slice()),
        ))
        .execute(connection)
        .await
        .unwrap();
}

/// A database with two shards: even contents are in the first, odd ones in the second.
pub struct Scene {
    pub pool: Pool,
    pub log: Arc<dyn EventLog>,
}

impl Scene {
    pub async fn new() -> Self {
        let TestPostgres { pool, .. } = TestPostgres::start().await;
        let log = Arc::new(PostgresLog::new(pool.clone()));
        let scene = Self { pool, log };
        scene.fill().await;
        scene
    }

    pub async fn fill(&self) {
        for shard in 0..2 {
            registry::tests::open_shard(&self.pool, shard).await;
        }
        for content in 1..=CONTENTS {
            self.register(i32::from(content % 2), content).await;
        }
    }

    pub async fn register(&self, shard: i32, content: u8) {
        add_content(&self.pool, shard, ContentId([content; 16])).await;
    }

    pub async fn context(&self, owner: &str) -> Context {
        Context { owner: owner.into(), ..context(&self.pool, &self.log).await }
    }

    pub async fn counter(&self, owner: &str) -> Running {
        let cancel = CancellationToken::new();
        let counter = run(self.context(owner).await, P, cancel.clone());
        Running { cancel, task: tokio::spawn(counter) }
    }

    pub async fn append(&self, events: &[ViewEvent]) -> Position {
        loop {
            match self.log.append(vec![(P, batch(events))]).await {
                Ok(positions) => return positions[0],
                // As a source does, with the same ids.
                Err(LogError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until everything up to `position` is counted.
    pub async fn counted(&self, position: Position) {
        for _ in 0..2_000 {
            // While the database restarts there is nobody to ask.
            if let Ok(mut connection) = self.pool.get().await
                && let Ok(found) = commit::position(&mut connection, P).await
                && found >= position
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{position:?} is not counted");
    }

    pub async fn credits(&self) -> Credits {
        let rows: Vec<(String, i32, i64, Vec<u8>)> = windows::table
            .select((windows::kind, windows::shard, windows::views, windows::entries))
            .load(&mut self.pool.get().await.unwrap())
            .await
            .unwrap();
        let mut credits = Credits::new();
        for (kind, shard, views, entries) in rows {
            let packed = Packed::new(entries).unwrap();
            let entries: Vec<_> = packed.entries().map(Result::unwrap).collect();
            assert_eq!(entries.iter().map(|entry| entry.views).sum::<u64>(), views as u64);
            for entry in entries {
                let key = (kind.clone(), shard, entry.relevance, entry.content);
                *credits.entry(key).or_default() += entry.views;
            }
        }
        credits
    }

    /// What a judge alone makes of the whole log.
    pub async fn expected(&self) -> Credits {
        let mut judge = Judge::new(&CountingConfig::default());
        let mut credits = Credits::new();
        for logged in
            self.log.history(P, Position::START, DateTime::UNIX_EPOCH, 10_000).await.unwrap()
        {
            let events = codec::decode(&logged.batch.payload).unwrap();
            let mut verdicts = Vec::new();
            let known = |index: usize| (1..=CONTENTS).contains(&events[index].content.0[0]);
            let received_ms = logged.batch.received_at.timestamp_millis();
            judge.judge(&events, known, received_ms, &mut verdicts);
            for (event, verdict) in events.iter().zip(verdicts) {
                if verdict == Verdict::Counted {
                    let key = credit(event);
                    *credits.entry(key).or_default() += 1;
                }
            }
        }
        credits
    }

    pub async fn check(&self) {
        assert_eq!(self.credits().await, self.expected().await);
        let sums: (Option<i64>, Option<i64>) = counted_batches::table
            .select((dsl::sum(counted_batches::events), dsl::sum(counted_batches::counted)))
            .first(&mut self.pool.get().await.unwrap())
            .await
            .unwrap();
        let views: u64 = self.credits().await.values().sum();
        assert_eq!(sums.1.unwrap_or(0) as u64, views);
    }
}

/// Where a counted event is credited.
pub fn credit(event: &ViewEvent) -> (String, i32, u64, u64) {
    let content = event.content.0[0];
    let slot = if content.is_multiple_of(2) { content / 2 - 1 } else { content / 2 };
    ("views".into(), i32::from(content % 2), event.relevance.into(), slot.into())
}

/// A counter that runs.
pub struct Running {
    pub cancel: CancellationToken,
    pub task: JoinHandle<Result<(), CountError>>,
}

impl Running {
    pub async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Ends it as a crash does: at once, wherever it is.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Batches with duplicates of all kinds, dated around now.
pub fn traffic(seed: u32, batches: u32) -> Vec<Vec<ViewEvent>> {
    let now = Utc::now();
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut random = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % below
    };
    (0..batches)
        .map(|_| {
            (0..1 + random(60))
                .map(|_| {
                    let at = now - TimeDelta::minutes(random(1_500).into());
                    let content = random(u32::from(CONTENTS) + 2) as u8;
                    event(random(3_000), random(40) as u8, content, at)
                })
                .collect()
        })
        .collect()
}

#[test]
fn a_configuration_that_cannot_work_is_named() {
    let mut config = Config::default();
    assert!(check(&config).is_ok());
    config.counting.viewer_views_max = 0;
    let error = check(&config).unwrap_err().to_string();
    assert_eq!(error, "counting.viewer_views_max: 0, expected 1 or more");
    config = Config::default();
    config.log.retention_seconds = crate::config::Seconds(86_400);
    let error = check(&config).unwrap_err().to_string();
    assert_eq!(
        error,
        "log.retention_seconds: 86400, expected 93900 or more: an hour longer than events are \
         remembered to count once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_time_is_dropped() {
    let scene = Scene::new().await;
    let counter = scene.counter("a").await;
    let now = Utc::now();
    let old = scene.append(&[event(1, 1, 1, now)]).await;
    scene.counted(old).await;
    counter.stop().await;
    let waiting = scene.append(&[event(2, 2, 2, now)]).await;
    let later = now + TimeDelta::hours(1);
    assert_eq!(janitor::forget(&scene.pool, &*scene.log, later).await.unwrap(), (1, 1));
    assert_eq!(scene.log.batch(P, old).await.unwrap(), None);
    // What is not counted stays, however old.
    assert!(scene.log.batch(P, waiting).await.unwrap().is_some());
    // And counting goes on without what was dropped.
    let counter = scene.counter("b").await;
    scene.counted(waiting).await;
    counter.stop().await;
    assert_eq!(scene.credits().await.values().sum::<u64>(), 2);
}

#[test]
fn commits_are_four_in_an_interval() {
    assert_eq!(commit_interval(Millis(400)), Duration::from_millis(100));
    assert_eq!(commit_interval(Millis(60_000)), COMMIT_INTERVAL_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_batch_stops_counting_with_its_place() {
    let scene = Scene::new().await;
    let damaged = StoredBatch { payload: Bytes::from_static(&[9, 9]), ..batch(&[]) };
    let damaged = StoredBatch { events: 1, ..damaged };
    let position = scene.log.append(vec![(P, damaged)]).await.unwrap()[0];
    let counter = scene.counter("a").await;
    let error = counter.task.await.unwrap().unwrap_err();
    let CountError::Log(LogError::Corrupt { position: found, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(found, position);
}
