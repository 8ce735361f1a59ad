//! Where a view event is in the log, and what was said of it.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;

use super::{ExplainError, corrupt};
use crate::{
    app::App,
    log::{Partition, Position},
    store::{StoreError, schema::counted_batches},
    views::{Verdict, ViewEvent, codec},
};

/// Batches of the log that are read at once.
const BATCHES_AT_ONCE: usize = 64;
/// Events with one id that are told of.
const FOUND_MAX: usize = 20;

/// An event in the log.
#[derive(Clone, Debug)]
pub struct Found {
    pub partition: Partition,
    pub position: Position,
    /// Its place in the batch, from 0.
    pub number: usize,
    pub source: String,
    pub received_at: DateTime<Utc>,
    pub event: ViewEvent,
}

/// Searches all that the log retains of the time since `since`, in its order. Every batch is
/// decoded: a log of a busy week takes minutes, so say when the event was sent.
pub async fn find(
    app: &App,
    id: [u8; 16],
    since: Option<DateTime<Utc>>,
) -> Result<Vec<Found>, ExplainError> {
    let since = since.unwrap_or(DateTime::UNIX_EPOCH);
    let mut found = Vec::new();
    for partition in (0..app.log.partitions()).map(Partition) {
        let mut position = Position::START;
        loop {
            let batches = app.log.history(partition, position, since, BATCHES_AT_ONCE).await?;
            let Some(last) = batches.last() else { break };
            position = last.position;
            for logged in batches {
                let events = codec::decode(&logged.batch.payload).map_err(|error| {
                    corrupt(format!("{partition:?} {:?} of the log: {error}", logged.position))
                })?;
                let own = events.into_iter().enumerate().filter(|(_, event)| event.id == id);
                found.extend(own.map(|(number, event)| Found {
                    partition,
                    position: logged.position,
                    number,
                    source: logged.batch.source.clone(),
                    received_at: logged.batch.received_at,
                    event,
                }));
                if found.len() >= FOUND_MAX {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

/// What became of an event and when that was stored; nothing until it is counted.
pub async fn verdict(
    app: &App,
    found: &Found,
) -> Result<Option<(Verdict, DateTime<Utc>)>, ExplainError> {
    let row: Option<(Vec<u8>, i32, DateTime<Utc>)> = counted_batches::table
        .filter(counted_batches::partition.eq(found.partition.0))
        .filter(counted_batches::position.eq(found.position.0))
        .select((counted_batches::verdicts, counted_batches::events, counted_batches::counted_at))
        .first(&mut app.store.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    let Some((stored, events, counted_at)) = row else { return Ok(None) };
    let wrong = || corrupt(format!("verdicts of {:?} {:?}", found.partition, found.position));
    let events = usize::try_from(events).map_err(|_| wrong())?;
    let verdicts = codec::decode_verdicts(&stored, events).map_err(|_| wrong())?;
    let verdict = verdicts.get(found.number).copied();
    Ok(Some((verdict.ok_or_else(wrong)?, counted_at)))
}
