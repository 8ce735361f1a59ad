//! What a counter remembers, made again from the log and the stored verdicts.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;

use super::{CountError, corrupt, judge::Judge};
use crate::{
    config::CountingConfig,
    log::{EventLog, LoggedBatch, Partition, Position},
    store::{Pool, StoreError, schema::counted_batches},
    views::{
        Verdict,
        codec::{decode_into, decode_verdicts},
    },
};

/// Batches that are read at once.
const PAGE_BATCHES: usize = 16;
/// Batches come into the log nearly in the order of their times.
const DISORDER_MAX: TimeDelta = TimeDelta::minutes(10);

/// A judge that remembers what counted up to `position`, as far back as it matters.
pub async fn judge(
    pool: &Pool,
    log: &dyn EventLog,
    config: &CountingConfig,
    partition: Partition,
    position: Position,
) -> Result<Judge, CountError> {
    let mut judge = Judge::new(config);
    let Some(last) = received_at(pool, partition, position).await? else { return Ok(judge) };
    let memory = TimeDelta::from_std(Judge::memory(config)).unwrap_or(TimeDelta::MAX);
    // Some hundredths more: that is how exactly a judge knows when to forget.
    let since = last - memory - memory / 25 - DISORDER_MAX;
    let mut after = Position::START;
    let mut page = next_page(pool, log, partition, after, since).await?;
    while let Some((last, _)) = page.last() {
        after = last.position;
        let reading = next_page(pool, log, partition, after, since);
        let remembering = tokio::task::spawn_blocking(move || -> Result<_, CountError> {
            for (logged, verdicts) in page.iter().filter(|(logged, _)| logged.position <= position)
            {
                remember(&mut judge, partition, logged, verdicts.as_deref())?;
            }
            Ok(judge)
        });
        let (read, remembered) = tokio::join!(reading, remembering);
        judge = remembered.map_err(CountError::Stopped)??;
        page = if after < position { read? } else { Vec::new() };
    }
    Ok(judge)
}

/// When the last counted batch came in.
async fn received_at(
    pool: &Pool,
    partition: Partition,
    position: Position,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let received_at = counted_batches::table
        .find((partition.0, position.0))
        .select(counted_batches::received_at)
        .first(&mut pool.get().await?)
        .await
        .optional()?;
    Ok(received_at)
}

/// The next batches, each with its stored verdicts.
async fn next_page(
    pool: &Pool,
    log: &dyn EventLog,
    partition: Partition,
    after: Position,
    since: DateTime<Utc>,
) -> Result<Vec<(LoggedBatch, Option<Vec<u8>>)>, CountError> {
    let batches = log.history(partition, after, since, PAGE_BATCHES).await?;
    let mut verdicts = stored_verdicts(pool, partition, &batches).await?.into_iter().peekable();
    let with_verdicts = batches.into_iter().map(|logged| {
        let found = verdicts.next_if(|(position, _)| *position == logged.position.0);
        (logged, found.map(|(_, verdicts)| verdicts))
    });
    Ok(with_verdicts.collect())
}

/// The stored verdicts on those of `batches` that are counted, in their order.
pub async fn stored_verdicts(
    pool: &Pool,
    partition: Partition,
    batches: &[LoggedBatch],
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let positions: Vec<_> = batches.iter().map(|logged| logged.position.0).collect();
    let rows = counted_batches::table
        .filter(counted_batches::partition.eq(partition.0))
        .filter(counted_batches::position.eq_any(positions))
        .order(counted_batches::position)
        .select((counted_batches::position, counted_batches::verdicts))
        .load(&mut pool.get().await?)
        .await?;
    Ok(rows)
}

fn remember(
    judge: &mut Judge,
    partition: Partition,
    logged: &LoggedBatch,
    verdicts: Option<&[u8]>,
) -> Result<(), CountError> {
    let position = logged.position;
    let verdicts = verdicts.ok_or_else(|| {
        let place = format!("the verdicts on {partition:?} {position:?}");
        StoreError::Corrupt(format!("{place} are missing, though it is counted"))
    })?;
    let mut events = Vec::new();
    decode_into(&logged.batch.payload, &mut events)
        .map_err(|error| corrupt(partition, position, error))?;
    let verdicts = decode_verdicts(verdicts, events.len())
        .map_err(|error| StoreError::Corrupt(format!("verdicts of {position:?}: {error}")))?;
    let counted = events
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| *verdict == Verdict::Counted)
        .map(|(event, _)| event);
    judge.remember(counted, logged.batch.received_at.timestamp_millis());
    Ok(())
}
