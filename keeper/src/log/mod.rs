//! The event log: batches of view events, durable before their sender gets an answer.

mod postgres;
mod recent;
mod redis;
#[cfg(test)]
pub mod testing;

use std::{hash::Hasher as _, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use siphasher::sip::SipHasher13;

pub use self::{postgres::PostgresLog, redis::RedisLog};
use crate::{
    config::{LogConfig, LogKind},
    store::Pool,
    views::ContentId,
};

/// A part of the log that is counted in order by one keeper at a time. All events of a content are
/// in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub i16);

/// A place in a partition. Later batches have larger positions; there are gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub i64);

impl Position {
    /// Before the first batch.
    pub const START: Self = Self(0);
}

/// A batch of events as it is kept: see `views::codec` for the form of `payload`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Which source sent it.
    pub source: String,
    /// When it came in, to the microsecond.
    pub received_at: DateTime<Utc>,
    /// How many events it has.
    pub events: u32,
    /// The events.
    pub payload: Bytes,
}

/// A batch with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedBatch {
    pub position: Position,
    pub batch: StoredBatch,
}

/// What went wrong with the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The server cannot be reached or is restarting; trying again can help.
    #[error("the event log is unavailable: {0}")]
    Unavailable(#[source] anyhow::Error),
    /// The server refuses for good: a full disk, missing rights, another layout.
    #[error("the event log refuses: {0}")]
    Refused(#[source] anyhow::Error),
    /// What is stored cannot be read back.
    #[error("the event log is corrupt at {partition:?} {position:?}: {reason}")]
    Corrupt { partition: Partition, position: Position, reason: String },
}

/// Where batches wait to be counted.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// How many partitions there are, from 0.
    fn partitions(&self) -> i16;

    /// Appends batches in order and returns their positions once all of them are durable. On an
    /// error some may have been appended: whoever sent them sends again, and ids tell duplicates.
    async fn append(
        &self,
        batches: Vec<(Partition, StoredBatch)>,
    ) -> Result<Vec<Position>, LogError>;

    /// Makes this process the reader of a partition, from after `position`: what another reader
    /// took and did not acknowledge comes again.
    async fn take_over(&self, partition: Partition, position: Position) -> Result<(), LogError>;

    /// The batches after `position` in order, until `events_max` events are exceeded. Waits up to
    /// `wait` when there are none.
    async fn read(
        &self,
        partition: Partition,
        position: Position,
        events_max: usize,
        wait: std::time::Duration,
    ) -> Result<Vec<LoggedBatch>, LogError>;

    /// Says that everything up to `position` is counted and committed.
    async fn acknowledge(&self, partition: Partition, position: Position) -> Result<(), LogError>;

    /// Batches that wait after `position`.
    async fn backlog(&self, partition: Partition, position: Position) -> Result<u64, LogError>;

    /// One batch, while it is retained.
    async fn batch(
        &self,
        partition: Partition,
        position: Position,
    ) -> Result<Option<LoggedBatch>, LogError>;

    /// Retained batches received from `since` on, oldest first, at most `limit`, after `position`:
    /// unlike [`Self::read`] this does not take them.
    async fn history(
        &self,
        partition: Partition,
        position: Position,
        since: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<LoggedBatch>, LogError>;

    /// Drops batches received before `before` that are acknowledged; returns how many.
    async fn forget(&self, before: DateTime<Utc>) -> Result<u64, LogError>;
}

/// The log that the configuration names. Fails when it is not there or would lose events.
pub async fn open(config: &LogConfig, pool: Pool) -> Result<Arc<dyn EventLog>, LogError> {
    Ok(match config.kind {
        LogKind::Postgres => Arc::new(PostgresLog::new(pool)),
        LogKind::Redis => {
            let Some(url) = &config.redis_url else {
                let problem = "log.redis_url: expected the URL of a Redis server for this log";
                return Err(LogError::Refused(anyhow::anyhow!(problem)));
            };
            Arc::new(RedisLog::connect(url.reveal(), config.partitions).await?)
        }
    })
}

impl Partition {
    /// Where the events of a content are, in a log with this many partitions. The answer is the same
    /// in every process and every version: a content that moved would be counted out of order.
    pub fn of(content: ContentId, partitions: i16) -> Self {
        let partitions = u64::from(partitions.unsigned_abs().max(1));
        if partitions == 1 {
            return Self(0);
        }
        let mut hasher = SipHasher13::new();
        hasher.write(&content.0);
        let partition = hasher.finish() % partitions;
        Self(i16::try_from(partition).expect("below a number of 16 bits"))
    }
}

/// Batches until `events_max` events are exceeded: at least one, if there is any.
fn until(batches: impl Iterator<Item = LoggedBatch>, events_max: usize) -> Vec<LoggedBatch> {
    let mut events = 0;
    let mut taken = Vec::new();
    for logged in batches {
        events += logged.batch.events as usize;
        taken.push(logged);
        if events > events_max {
            break;
        }
    }
    taken
}
