//! When the events of a run were dated, and whether they counted.

use std::collections::BTreeMap;

use chrono::DateTime;
use diesel::{OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;

use super::summary::Hour;
use crate::{
    app::App,
    log::{Partition, Position},
    store::schema::counted_batches,
    views::{Verdict, codec},
};

const HOUR_MS: i64 = 3_600_000;
/// Hours that are told, the latest: events with wrong clocks would add years.
const HOURS_MAX: usize = 25;
/// Batches that are looked at together.
const BATCHES_AT_ONCE: usize = 64;

/// Events by the hour they are dated in, from the log and the verdicts that are kept.
pub async fn hours(app: &App) -> anyhow::Result<Vec<Hour>> {
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    for partition in (0..app.log.partitions()).map(Partition) {
        let mut after = Position::START;
        loop {
            let batches =
                app.log.history(partition, after, DateTime::UNIX_EPOCH, BATCHES_AT_ONCE).await?;
            let Some(last) = batches.last() else { break };
            after = last.position;
            for logged in batches {
                let stored: Option<Vec<u8>> = counted_batches::table
                    .find((partition.0, logged.position.0))
                    .select(counted_batches::verdicts)
                    .first(&mut app.store.get().await?)
                    .await
                    .optional()?;
                let Some(stored) = stored else { continue };
                let events = codec::decode(&logged.batch.payload)?;
                let verdicts = codec::decode_verdicts(&stored, events.len())?;
                for (event, verdict) in events.iter().zip(verdicts) {
                    let start_ms = event.at_ms.div_euclid(HOUR_MS) * HOUR_MS;
                    let empty = || Hour { start_ms, counted: 0, rejected: 0 };
                    let hour = hours.entry(start_ms).or_insert_with(empty);
                    match verdict {
                        Verdict::Counted => hour.counted += 1,
                        _ => hour.rejected += 1,
                    }
                }
            }
        }
    }
    Ok(latest(hours))
}

/// The hours up to the last one with a counted event.
fn latest(hours: BTreeMap<i64, Hour>) -> Vec<Hour> {
    let counted = hours.values().filter(|hour| hour.counted > 0);
    let Some(last) = counted.map(|hour| hour.start_ms).max() else { return Vec::new() };
    let first = last - (HOURS_MAX as i64 - 1) * HOUR_MS;
    let mut latest: Vec<Hour> =
        hours.into_values().filter(|hour| (first..=last).contains(&hour.start_ms)).collect();
    let begins = latest.iter().position(|hour| hour.counted > 0).unwrap_or(0);
    latest.drain(..begins);
    latest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_clocks_add_no_hours() {
        let hours = [(-900, 0, 3), (1, 5, 1), (2, 7, 0), (40, 0, 2)]
            .map(|(hour, counted, rejected)| {
                let start_ms = hour * HOUR_MS;
                (start_ms, Hour { start_ms, counted, rejected })
            })
            .into();
        let shown: Vec<_> = latest(hours).into_iter().map(|hour| hour.start_ms / HOUR_MS).collect();
        assert_eq!(shown, [1, 2]);
    }
}
