//! Late findings of fraud: takes counted views back.
//!
//! An event is found in the retained log by its hashed id. If it counted, and was not taken back
//! before, it is booked as a reversal in the shard where it counted; later batches settle it.

mod search;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use metrics::counter;
use serde::Serialize;

use self::search::{Found, Place};
use super::{CountError, commit::WindowRow, metrics as names, registry::Slot, tally};
use crate::{
    config::CountingConfig,
    log::{EventLog, Partition},
    store::{
        Pool, StoreError,
        schema::{findings, reversed_events, windows},
    },
};

/// Values of one statement at most.
const VALUES_MAX: usize = 10_000;
/// Stands where a window of views has its partition.
const NO_PARTITION: Partition = Partition(-1);

/// An event that should not have counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Hash of the source's id of the event: see `views::Hashes::event`.
    pub event: [u8; 16],
    /// When the view was, in Unix milliseconds, to find it sooner.
    pub at_ms: Option<i64>,
}

/// What became of findings; each event is in one of these numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The finding's number, if it took anything back.
    pub finding: Option<i64>,
    /// Taken back now.
    pub reversed: u64,
    /// Taken back before.
    pub already_reversed: u64,
    /// Never counted.
    pub not_counted: u64,
    /// Not judged yet: report them again.
    pub pending: u64,
    /// Not in the log, or no longer.
    pub unknown: u64,
}

/// Takes back those of the events that counted.
pub async fn report(
    pool: &Pool,
    log: &dyn EventLog,
    config: &CountingConfig,
    source: &str,
    reason: &str,
    events: &[Finding],
) -> Result<Outcome, CountError> {
    let found = search::search(pool, log, config, events).await?;
    let mut outcome = Outcome::default();
    let mut counted = HashMap::new();
    for (event, found) in found {
        match found {
            Found::Counted(place) => {
                counted.insert(event, place);
            }
            Found::NotCounted => outcome.not_counted += 1,
            Found::Pending => outcome.pending += 1,
            Found::Nowhere => outcome.unknown += 1,
        }
    }
    let total = counted.len() as u64;
    let mut connection = pool.get().await.map_err(StoreError::from)?;
    forget_reversed(&mut connection, &mut counted).await?;
    if !counted.is_empty() {
        let now = Utc::now();
        let counted = search::slots(&mut connection, &counted).await?;
        let booked = connection
            .transaction(async |connection| book(connection, source, reason, now, counted).await)
            .await?;
        outcome.finding = booked.map(|(finding, _)| finding);
        outcome.reversed = booked.map_or(0, |(_, views)| views);
    }
    outcome.already_reversed = total - outcome.reversed;
    counter!(names::REVERSED, "source" => source.to_owned()).increment(outcome.reversed);
    Ok(outcome)
}

/// Leaves out what was taken back before.
async fn forget_reversed(
    connection: &mut AsyncPgConnection,
    counted: &mut HashMap<[u8; 16], Place>,
) -> Result<(), StoreError> {
    let events: Vec<_> = counted.keys().copied().collect();
    for events in events.chunks(VALUES_MAX) {
        let reversed: Vec<Vec<u8>> = reversed_events::table
            .filter(reversed_events::event.eq_any(events.iter().map(|event| event.as_slice())))
            .select(reversed_events::event)
            .load(connection)
            .await?;
        for event in reversed {
            counted.remove(event.as_slice());
        }
    }
    Ok(())
}

/// Books reversals; returns the finding's number and how many views it takes back, if any.
async fn book(
    connection: &mut AsyncPgConnection,
    source: &str,
    reason: &str,
    now: DateTime<Utc>,
    counted: HashMap<[u8; 16], (Slot, u16)>,
) -> Result<Option<(i64, u64)>, StoreError> {
    let finding: i64 = diesel::insert_into(findings::table)
        .values((
            findings::source.eq(source),
            findings::reason.eq(reason),
            findings::received_at.eq(now),
        ))
        .returning(findings::id)
        .get_result(connection)
        .await?;
    // In one order, so that two reports at once wait for each other instead of both failing.
    let mut events: Vec<_> = counted.keys().copied().collect();
    events.sort_unstable();
    let mut reversed: Vec<Vec<u8>> = Vec::new();
    for events in events.chunks(VALUES_MAX) {
        let rows: Vec<_> = events
            .iter()
            .map(|event| {
                (reversed_events::event.eq(event.as_slice()), reversed_events::finding.eq(finding))
            })
            .collect();
        let new: Vec<Vec<u8>> = diesel::insert_into(reversed_events::table)
            .values(rows)
            .on_conflict_do_nothing()
            .returning(reversed_events::event)
            .get_results(connection)
            .await?;
        reversed.extend(new);
    }
    if reversed.is_empty() {
        // Another report was faster. The finding stays, and says nothing.
        return Ok(None);
    }
    let views = reversed.iter().filter_map(|event| counted.get(event.as_slice()).copied());
    let shards = tally::pack_slots(views)
        .map_err(|error| StoreError::Corrupt(format!("views that cannot be: {error:?}")))?;
    let rows: Result<Vec<_>, _> = shards
        .iter()
        .map(|shard| WindowRow::new("reversal", NO_PARTITION, finding, shard, now))
        .collect();
    diesel::insert_into(windows::table).values(rows?).execute(connection).await?;
    Ok(Some((finding, reversed.len() as u64)))
}
