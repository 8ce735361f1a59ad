//! The log in Redis Streams, for several keepers: a stream a partition.
//!
//! Each reader has a consumer group of its own, made when it takes a partition over and destroyed by
//! the next that does. So what a dead reader had taken comes again, in order, and a reader that only
//! seemed dead is refused instead of taking batches that the new one would then miss. How far a
//! partition is counted is stored with the counts; groups follow that.

mod checks;
mod entry;
mod reader;

use std::{sync::Arc, time::Duration};

use ::redis::{
    Client, ErrorKind, Pipeline, RedisError, ServerErrorKind,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cmd,
    streams::{StreamInfoGroupsReply, StreamRangeReply},
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use self::{
    entry::{entry_id, logged, position_of},
    reader::Reader,
};
use super::{EventLog, LogError, LoggedBatch, Partition, Position, StoredBatch};

/// How long Redis may take to make a group of batches durable.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(10);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// Attempts to connect before a request fails; the next request tries again.
const CONNECT_RETRIES: usize = 2;
/// Clocks of Redis and of whoever received a batch may differ so much.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::minutes(10);

/// See the module.
pub struct RedisLog {
    client: Client,
    connection: ConnectionManager,
    readers: Vec<Arc<Mutex<Option<Reader>>>>,
}

impl RedisLog {
    /// Connects to the server at `url`; refuses one that could lose what it has acknowledged.
    pub async fn connect(url: &str, partitions: i16) -> Result<Self, LogError> {
        if partitions < 1 {
            let problem = format!("log.partitions: {partitions}, expected 1 or more");
            return Err(LogError::Refused(anyhow::anyhow!(problem)));
        }
        let client = Client::open(url).map_err(failed)?;
        let mut connection = connect(&client, RESPONSE_TIME_MAX).await?;
        checks::durable(&mut connection).await?;
        let readers = (0..partitions).map(|_| Arc::default()).collect();
        Ok(Self { client, connection, readers })
    }

    fn reader(&self, partition: Partition) -> Result<&Mutex<Option<Reader>>, LogError> {
        let reader = usize::try_from(partition.0).ok().and_then(|index| self.readers.get(index));
        let unknown = || LogError::Refused(anyhow::anyhow!("there is no {partition:?}"));
        reader.map(|reader| &**reader).ok_or_else(unknown)
    }

    async fn range(
        &self,
        partition: Partition,
        from: &str,
        to: &str,
        limit: usize,
    ) -> Result<Vec<LoggedBatch>, LogError> {
        let mut range = cmd("XRANGE");
        range.arg(stream(partition)).arg(from).arg(to).arg("COUNT").arg(limit);
        let reply: StreamRangeReply =
            range.query_async(&mut self.connection.clone()).await.map_err(failed)?;
        reply.ids.into_iter().map(|entry| logged(partition, entry)).collect()
    }

    /// Trims one partition to what is younger than `before` or not acknowledged.
    async fn trim(&self, partition: Partition, before: DateTime<Utc>) -> Result<u64, LogError> {
        let mut connection = self.connection.clone();
        let mut keep = Position(before.timestamp_millis().max(0) << entry::SEQUENCE_BITS);
        let groups = groups(&mut connection, partition).await?;
        if groups.groups.is_empty() {
            return Ok(0);
        }
        for group in groups.groups {
            let acknowledged = reader::acknowledged(&mut connection, partition, &group).await?;
            keep = keep.min(Position(acknowledged.0 + 1));
        }
        let mut trim = cmd("XTRIM");
        trim.arg(stream(partition)).arg("MINID").arg("=").arg(entry_id(keep));
        trim.query_async(&mut connection).await.map_err(failed)
    }
}

#[async_trait]
impl EventLog for RedisLog {
    fn partitions(&self) -> i16 {
        i16::try_from(self.readers.len()).expect("made from a number of 16 bits")
    }

    async fn append(
        &self,
        batches: Vec<(Partition, StoredBatch)>,
    ) -> Result<Vec<Position>, LogError> {
        let mut pipeline = Pipeline::with_capacity(2 * batches.len());
        pipeline.atomic();
        for (partition, batch) in &batches {
            self.reader(*partition)?;
            pipeline.add_command(entry::add(&stream(*partition), batch));
            pipeline.cmd("INCR").arg(waiting(*partition)).ignore();
        }
        let ids: Vec<String> =
            pipeline.query_async(&mut self.connection.clone()).await.map_err(failed)?;
        ids.iter()
            .map(|id| {
                let wrong = || LogError::Refused(anyhow::anyhow!("{id} is no id of an entry"));
                position_of(id).ok_or_else(wrong)
            })
            .collect()
    }

    async fn take_over(&self, partition: Partition, position: Position) -> Result<(), LogError> {
        let mut slot = self.reader(partition)?.lock().await;
        *slot = None;
        *slot = Some(Reader::start(&self.client, partition, position).await?);
        Ok(())
    }

    async fn read(
        &self,
        partition: Partition,
        position: Position,
        events_max: usize,
        wait: Duration,
    ) -> Result<Vec<LoggedBatch>, LogError> {
        let mut reader = self.reader(partition)?.lock().await;
        let reader = reader.as_mut().ok_or_else(|| not_taken(partition))?;
        reader.read(position, events_max, wait).await
    }

    async fn acknowledge(&self, partition: Partition, position: Position) -> Result<(), LogError> {
        // Not through the reader: it may be waiting for batches.
        let mut connection = self.connection.clone();
        let groups = groups(&mut connection, partition).await?;
        for group in groups.groups {
            reader::acknowledge(&mut connection, partition, &group.name, position).await?;
        }
        Ok(())
    }

    /// What is not acknowledged; that is what follows the position that was acknowledged last.
    async fn backlog(&self, partition: Partition, _: Position) -> Result<u64, LogError> {
        let mut get = cmd("GET");
        get.arg(waiting(partition));
        let waiting: Option<i64> =
            get.query_async(&mut self.connection.clone()).await.map_err(failed)?;
        Ok(waiting.unwrap_or(0).max(0).unsigned_abs())
    }

    async fn batch(
        &self,
        partition: Partition,
        position: Position,
    ) -> Result<Option<LoggedBatch>, LogError> {
        let id = entry_id(position);
        Ok(self.range(partition, &id, &id, 1).await?.pop())
    }

    async fn history(
        &self,
        partition: Partition,
        position: Position,
        since: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<LoggedBatch>, LogError> {
        let oldest = (since - CLOCKS_DIFFER_MAX).timestamp_millis().max(0);
        let mut from = Position(position.0 + 1).max(Position(oldest << entry::SEQUENCE_BITS));
        let mut found = Vec::new();
        loop {
            let left = limit - found.len();
            let batches = self.range(partition, &entry_id(from), "+", left).await?;
            let last = batches.last().map(|logged| logged.position);
            let all = batches.len() < left;
            found.extend(batches.into_iter().filter(|logged| logged.batch.received_at >= since));
            match last {
                Some(last) if !all && found.len() < limit => from = Position(last.0 + 1),
                _ => return Ok(found),
            }
        }
    }

    async fn forget(&self, before: DateTime<Utc>) -> Result<u64, LogError> {
        let mut forgotten = 0;
        for partition in 0..self.partitions() {
            forgotten += self.trim(Partition(partition), before).await?;
        }
        Ok(forgotten)
    }
}

fn stream(partition: Partition) -> String {
    format!("pixr:views:{}", partition.0)
}

/// The key that counts the batches of a partition that are not acknowledged.
fn waiting(partition: Partition) -> String {
    format!("pixr:views:{}:waiting", partition.0)
}

async fn connect(client: &Client, response_time: Duration) -> Result<ConnectionManager, LogError> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(CONNECT_RETRIES)
        .set_connection_timeout(Some(CONNECT_TIME_MAX))
        .set_response_timeout(Some(response_time));
    ConnectionManager::new_with_config(client.clone(), config).await.map_err(failed)
}

/// The consumer groups of a partition; none when it has no stream yet.
async fn groups(
    connection: &mut ConnectionManager,
    partition: Partition,
) -> Result<StreamInfoGroupsReply, LogError> {
    let mut info = cmd("XINFO");
    info.arg("GROUPS").arg(stream(partition));
    match info.query_async(connection).await {
        Err(error) if error.detail().is_some_and(|detail| detail.contains("no such key")) => {
            Ok(StreamInfoGroupsReply::default())
        }
        other => other.map_err(failed),
    }
}

fn not_taken(partition: Partition) -> LogError {
    LogError::Refused(anyhow::anyhow!("{partition:?} was not taken over by this process"))
}

fn failed(error: RedisError) -> LogError {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain};

    let can_retry = match error.kind() {
        ErrorKind::Io => true,
        ErrorKind::Server(kind) => {
            matches!(kind, BusyLoading | ClusterDown | MasterDown | ReadOnly | TryAgain)
        }
        // The group of a reader whose partition another one has taken over.
        ErrorKind::Extension => matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")),
        _ => false,
    };
    if can_retry { LogError::Unavailable(error.into()) } else { LogError::Refused(error.into()) }
}

#[cfg(test)]
mod tests;
