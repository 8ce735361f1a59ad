//! The log in PostgreSQL: a batch a row, one partition, nothing else to run.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper, dsl,
    result::{DatabaseErrorKind, Error},
    sql_query,
    sql_types::{BigInt, Timestamptz},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::future::try_join_all;
use tokio::{sync::watch, time::Instant};

use super::{
    EventLog, LogError, LoggedBatch, Partition, Position, StoredBatch,
    recent::{Following, Recent},
};
use crate::store::{Connection, Pool, StoreError, schema::event_batches};

/// How often the log is looked at for batches of other processes.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Batches that one read looks at, at most.
const READ_BATCHES_MAX: i64 = 1_000;
/// Batches that one statement deletes.
const FORGET_BATCHES: i64 = 500;
/// Batches that came in at once and may be appended in any order: more than an appender's queue has.
const AT_ONCE_MAX: i64 = 16_384;
/// Clocks of several processes may differ so much without a batch being missed by its time.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::minutes(10);

/// See the module.
pub struct PostgresLog {
    pool: Pool,
    recent: Mutex<Recent>,
    appended: watch::Sender<()>,
}

#[derive(Insertable)]
#[diesel(table_name = event_batches)]
struct NewRow<'a> {
    source: &'a str,
    received_at: DateTime<Utc>,
    events: i32,
    payload: &'a [u8],
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = event_batches)]
struct Row {
    position: i64,
    source: String,
    received_at: DateTime<Utc>,
    events: i32,
    payload: Vec<u8>,
}

impl PostgresLog {
    /// The log in this database.
    pub fn new(pool: Pool) -> Self {
        Self { pool, recent: Mutex::default(), appended: watch::Sender::new(()) }
    }

    async fn connection(&self) -> Result<Connection, LogError> {
        self.pool.get().await.map_err(|error| LogError::Unavailable(error.into()))
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // It is only ever replaced or added to as a whole.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stored_after(
        &self,
        position: Position,
        events_max: usize,
    ) -> Result<Vec<LoggedBatch>, LogError> {
        let mut connection = self.connection().await?;
        let after = event_batches::table
            .filter(event_batches::position.gt(position.0))
            .order(event_batches::position);
        let sizes: Vec<(i64, i32)> = after
            .select((event_batches::position, event_batches::events))
            .limit(READ_BATCHES_MAX)
            .load(&mut connection)
            .await
            .map_err(refused)?;
        let mut left = i64::try_from(events_max).unwrap_or(i64::MAX);
        let last = sizes.iter().find(|(_, events)| {
            left = left.saturating_sub(i64::from(*events));
            left < 0
        });
        let Some((last, _)) = last.or(sizes.last()) else { return Ok(Vec::new()) };
        let rows = after
            .filter(event_batches::position.le(last))
            .select(Row::as_select())
            .load(&mut connection)
            .await
            .map_err(refused)?;
        rows.into_iter().map(Row::logged).collect()
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    fn partitions(&self) -> i16 {
        1
    }

    async fn append(
        &self,
        batches: Vec<(Partition, StoredBatch)>,
    ) -> Result<Vec<Position>, LogError> {
        let mut connection = self.connection().await?;
        let (before, positions) = connection
            .transaction(async |connection| insert(connection, &batches).await)
            .await
            .map_err(refused)?;
        let mut logged: Vec<_> = positions
            .iter()
            .zip(batches)
            .map(|(position, (_, batch))| LoggedBatch { position: *position, batch })
            .collect();
        logged.sort_unstable_by_key(|batch| batch.position);
        self.recent().append(before, logged);
        self.appended.send_replace(());
        Ok(positions)
    }

    /// Readers keep nothing in the database but their position, so there is nothing to take.
    async fn take_over(&self, _: Partition, _: Position) -> Result<(), LogError> {
        Ok(())
    }

    async fn read(
        &self,
        _: Partition,
        position: Position,
        events_max: usize,
        wait: Duration,
    ) -> Result<Vec<LoggedBatch>, LogError> {
        let deadline = Instant::now() + wait;
        let mut appended = self.appended.subscribe();
        let mut poll = false;
        loop {
            appended.mark_unchanged();
            let following = self.recent().following(position, events_max);
            match following {
                Following::Batches(batches) => return Ok(batches),
                Following::Nothing if !poll => {}
                Following::Nothing | Following::Unknown => {
                    let batches = self.stored_after(position, events_max).await?;
                    if !batches.is_empty() {
                        return Ok(batches);
                    }
                }
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(Vec::new());
            }
            let until = deadline.min(now + POLL_INTERVAL);
            poll = tokio::time::timeout_at(until, appended.changed()).await.is_err();
        }
    }

    /// The position is stored with the counts.
    async fn acknowledge(&self, _: Partition, _: Position) -> Result<(), LogError> {
        Ok(())
    }

    async fn backlog(&self, _: Partition, position: Position) -> Result<u64, LogError> {
        let count: i64 = event_batches::table
            .filter(event_batches::position.gt(position.0))
            .count()
            .get_result(&mut self.connection().await?)
            .await
            .map_err(refused)?;
        Ok(count.unsigned_abs())
    }

    async fn batch(
        &self,
        _: Partition,
        position: Position,
    ) -> Result<Option<LoggedBatch>, LogError> {
        event_batches::table
            .find(position.0)
            .select(Row::as_select())
            .first(&mut self.connection().await?)
            .await
            .optional()
            .map_err(refused)?
            .map(Row::logged)
            .transpose()
    }

    async fn history(
        &self,
        _: Partition,
        position: Position,
        since: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<LoggedBatch>, LogError> {
        let mut connection = self.connection().await?;
        // Positions and times ascend together, but for clocks that differ and for requests that come
        // in at once, which are appended in any order: without this bound a search by time would
        // start with the first batch of all.
        let first: Vec<i64> = event_batches::table
            .filter(event_batches::received_at.ge(since - CLOCKS_DIFFER_MAX))
            .order(event_batches::received_at)
            .limit(AT_ONCE_MAX)
            .select(event_batches::position)
            .load(&mut connection)
            .await
            .map_err(refused)?;
        let Some(start) = first.into_iter().min() else { return Ok(Vec::new()) };
        let rows = event_batches::table
            .filter(event_batches::position.gt(position.0))
            .filter(event_batches::position.ge(start))
            .filter(event_batches::received_at.ge(since))
            .order(event_batches::position)
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(Row::as_select())
            .load(&mut connection)
            .await
            .map_err(refused)?;
        rows.into_iter().map(Row::logged).collect()
    }

    async fn forget(&self, before: DateTime<Utc>) -> Result<u64, LogError> {
        const FORGET: &str = "
            DELETE FROM event_batches WHERE position IN (
                SELECT position FROM event_batches
                WHERE received_at < $1
                  AND position <= (SELECT position FROM log_positions WHERE partition = 0)
                LIMIT $2
            )";

        let mut connection = self.connection().await?;
        let mut forgotten = 0;
        loop {
            let deleted = sql_query(FORGET)
                .bind::<Timestamptz, _>(before)
                .bind::<BigInt, _>(FORGET_BATCHES)
                .execute(&mut connection)
                .await
                .map_err(refused)?;
            if deleted == 0 {
                return Ok(forgotten);
            }
            forgotten += deleted as u64;
        }
    }
}

/// Inserts batches; returns the position of the batch before the first, and theirs.
///
/// One append at a time, from the first position until the commit: so batches become visible in the
/// order of their positions, and whoever has read up to one has missed none before it.
async fn insert(
    connection: &mut AsyncPgConnection,
    batches: &[(Partition, StoredBatch)],
) -> Result<(Position, Vec<Position>), Error> {
    connection
        .batch_execute(
            "SET LOCAL synchronous_commit = on; SELECT pg_advisory_xact_lock(hashtext('pixr log'))",
        )
        .await?;
    let before: Option<i64> =
        event_batches::table.select(dsl::max(event_batches::position)).first(connection).await?;
    // All at once: no statement waits for the answer to the one before.
    let connection = &*connection;
    let positions = try_join_all(batches.iter().map(async |(_, batch)| {
        let row = NewRow {
            source: &batch.source,
            received_at: batch.received_at,
            events: i32::try_from(batch.events).unwrap_or(i32::MAX),
            payload: &batch.payload,
        };
        diesel::insert_into(event_batches::table)
            .values(row)
            .returning(event_batches::position)
            .get_result(&mut &*connection)
            .await
            .map(Position)
    }))
    .await?;
    Ok((before.map_or(Position::START, Position), positions))
}

impl Row {
    fn logged(self) -> Result<LoggedBatch, LogError> {
        let position = Position(self.position);
        let events = u32::try_from(self.events).map_err(|_| LogError::Corrupt {
            partition: Partition(0),
            position,
            reason: format!("it has {} events", self.events),
        })?;
        let (source, received_at) = (self.source, self.received_at);
        let batch = StoredBatch { source, received_at, events, payload: self.payload.into() };
        Ok(LoggedBatch { position, batch })
    }
}

fn refused(error: Error) -> LogError {
    use DatabaseErrorKind::{ClosedConnection, SerializationFailure, UnableToSendCommand};

    let gone = match &error {
        Error::DatabaseError(ClosedConnection | SerializationFailure | UnableToSendCommand, _)
        | Error::BrokenTransactionManager
        | Error::RollbackErrorOnCommit { .. } => true,
        // A server that stops says so, and the library keeps only the text.
        Error::DatabaseError(_, information) => {
            let message = information.message();
            message.starts_with("terminating connection")
                || message.starts_with("the database system")
        }
        _ => false,
    };
    let error = StoreError::Query(error).into();
    if gone { LogError::Unavailable(error) } else { LogError::Refused(error) }
}

#[cfg(test)]
mod tests;
