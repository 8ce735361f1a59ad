//! The reader of one partition, and what its consumer group knows.

use std::time::Duration;

use redis::{
    Client, Pipeline,
    aio::ConnectionManager,
    cmd,
    streams::{StreamInfoGroup, StreamReadReply},
};
use uuid::Uuid;

use super::{
    RESPONSE_TIME_MAX, connect,
    entry::{entry_id, logged, position_of},
    failed, groups, stream, waiting,
};
use crate::log::{LogError, LoggedBatch, Partition, Position};

/// Longest wait of one command: the reader looks again after it.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Batches that one command takes at most.
const READ_BATCHES_MAX: usize = 1_000;
/// Batches of a group that are looked through at once.
const PENDING_PAGE: usize = 10_000;
/// Counts the batches after a position, and stores the number. Redis has a number of its own, the lag
/// of a group, but does not always know it, and after a restart tells a wrong one.
const COUNT_WAITING: &str = "
    local count, from = 0, '(' .. ARGV[1]
    repeat
        local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 100)
        count = count + #page
        if #page > 0 then from = '(' .. page[#page][1] end
    until #page < 100
    redis.call('SET', KEYS[2], count)
    return count";
/// Who reads, in a group that only one does.
const CONSUMER: &str = "keeper";

/// The reader of one partition.
pub struct Reader {
    partition: Partition,
    /// Only for this: it is busy while a command waits.
    connection: ConnectionManager,
    group: String,
    /// What the group has delivered, where that is known: not after a command that failed.
    delivered: Option<Position>,
    /// Events of a batch, as far as is known, to ask for about as many as are wanted.
    events_a_batch: usize,
}

impl Reader {
    /// Makes a group that starts after `position`, and destroys every other.
    pub async fn start(
        client: &Client,
        partition: Partition,
        position: Position,
    ) -> Result<Self, LogError> {
        let mut connection = connect(client, WAIT_MAX + RESPONSE_TIME_MAX).await?;
        let group = format!("keeper-{}", Uuid::now_v7());
        let old = groups(&mut connection, partition).await?.groups;
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        for old in &old {
            pipeline.cmd("XGROUP").arg("DESTROY").arg(stream(partition)).arg(&old.name);
        }
        pipeline.cmd("XGROUP").arg("CREATE").arg(stream(partition)).arg(&group);
        pipeline.arg(entry_id(position)).arg("MKSTREAM");
        pipeline.cmd("EVAL").arg(COUNT_WAITING).arg(2);
        pipeline.arg(stream(partition)).arg(waiting(partition)).arg(entry_id(position));
        pipeline.exec_async(&mut connection).await.map_err(failed)?;
        Ok(Self { partition, connection, group, delivered: Some(position), events_a_batch: 1 })
    }

    /// The batches after `position`: see `EventLog::read`.
    pub async fn read(
        &mut self,
        position: Position,
        events_max: usize,
        wait: Duration,
    ) -> Result<Vec<LoggedBatch>, LogError> {
        if self.delivered != Some(position) {
            self.go_to(position).await?;
        }
        // Until the answer is here, nobody knows what was delivered.
        self.delivered = None;
        let count = events_max.div_ceil(self.events_a_batch).clamp(1, READ_BATCHES_MAX);
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.group).arg(CONSUMER).arg("COUNT").arg(count);
        let wait = wait.min(WAIT_MAX).as_millis();
        if wait > 0 {
            read.arg("BLOCK").arg(u64::try_from(wait).unwrap_or(u64::MAX));
        }
        read.arg("STREAMS").arg(stream(self.partition)).arg(">");
        let reply: Option<StreamReadReply> =
            read.query_async(&mut self.connection).await.map_err(failed)?;

        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        let batches: Vec<_> =
            entries.map(|entry| logged(self.partition, entry)).collect::<Result<_, _>>()?;
        self.delivered = Some(batches.last().map_or(position, |last| last.position));
        let events: usize = batches.iter().map(|logged| logged.batch.events as usize).sum();
        if let Some(average) = events.checked_div(batches.len()) {
            self.events_a_batch = average.max(1);
        }
        Ok(batches)
    }

    /// Makes the group deliver what follows `position` next, whether or not it has before.
    async fn go_to(&mut self, position: Position) -> Result<(), LogError> {
        self.delivered = None;
        let mut set = cmd("XGROUP");
        set.arg("SETID").arg(stream(self.partition)).arg(&self.group).arg(entry_id(position));
        set.exec_async(&mut self.connection).await.map_err(failed)?;
        self.delivered = Some(position);
        Ok(())
    }
}

/// The position up to which a group has acknowledged everything.
pub async fn acknowledged(
    connection: &mut ConnectionManager,
    partition: Partition,
    group: &StreamInfoGroup,
) -> Result<Position, LogError> {
    let first = pending(connection, partition, &group.name, "+", 1).await?;
    Ok(match first.first() {
        Some(first) => Position(first.0 - 1),
        None => position_of(&group.last_delivered_id).unwrap_or_default(),
    })
}

/// Acknowledges what a group has delivered up to `position`.
pub async fn acknowledge(
    connection: &mut ConnectionManager,
    partition: Partition,
    group: &str,
    position: Position,
) -> Result<(), LogError> {
    loop {
        let to = entry_id(position);
        let page = pending(connection, partition, group, &to, PENDING_PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        pipeline.cmd("XACK").arg(stream(partition)).arg(group);
        for position in &page {
            pipeline.arg(entry_id(*position));
        }
        pipeline.cmd("DECRBY").arg(waiting(partition)).arg(page.len());
        pipeline.exec_async(connection).await.map_err(failed)?;
    }
}

/// The first batches, up to one with the id `to`, that a group has delivered and not acknowledged.
async fn pending(
    connection: &mut ConnectionManager,
    partition: Partition,
    group: &str,
    to: &str,
    limit: usize,
) -> Result<Vec<Position>, LogError> {
    let mut pending = cmd("XPENDING");
    pending.arg(stream(partition)).arg(group).arg("-").arg(to).arg(limit);
    // Id, consumer, milliseconds since the delivery, deliveries.
    let rows: Vec<(String, String, u64, u64)> =
        pending.query_async(connection).await.map_err(failed)?;
    Ok(rows.iter().filter_map(|(id, ..)| position_of(id)).collect())
}
