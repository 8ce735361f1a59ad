//! Searches that the platform reports.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use diesel::{
    ExpressionMethods, QueryDsl, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Integer, Text, Timestamptz},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::{
    MarketError,
    fading::MEASURE,
    formula::MICRO,
    rows::{self, Change, Update},
};
use crate::{
    store::{Pool, StoreError, schema::contents},
    views::ContentId,
};

/// Reports are taken for hours that began within this time. What is older has faded.
pub const AGE_MAX: TimeDelta = TimeDelta::days(30);

/// How often a content was searched for in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    pub content: ContentId,
    /// Any time within the hour.
    pub at: DateTime<Utc>,
    pub searches: u32,
}

/// A report for a slot.
#[derive(QueryableByName)]
struct Changed {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Timestamptz)]
    hour: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    more: i64,
}

/// Books what `source` reports; returns how many reports were of known contents. A report takes the
/// place of an earlier one of the same source, hour and content, so that sending it again changes
/// nothing.
pub async fn report(
    pool: &Pool,
    source: &str,
    reports: &[Report],
    now: DateTime<Utc>,
    bucket_seconds: i64,
) -> Result<usize, MarketError> {
    let mut connection = pool.get().await.map_err(StoreError::from)?;
    connection
        .transaction(async |connection| {
            rows::lock(connection).await?;
            let slots = slots(connection, reports).await?;
            let counts = counts(reports, &slots);
            let changed = keep(connection, source, &counts).await?;
            let mut shards = BTreeMap::<i32, BTreeMap<i32, Change>>::new();
            for Changed { shard, content, hour, more } in changed {
                let change = shards.entry(shard).or_default().entry(content).or_default();
                add(change, hour, more, now);
            }
            for (shard, changes) in shards {
                rows::apply(connection, &Update { shard, at: now, changes, bucket_seconds })
                    .await?;
            }
            Ok(reports.iter().filter(|report| slots.contains_key(&report.content)).count())
        })
        .await
}

fn add(change: &mut Change, hour: DateTime<Utc>, more: i64, now: DateTime<Utc>) {
    let elapsed = u64::try_from((now - hour).num_seconds()).unwrap_or(0);
    let faded = MEASURE.fade(more.unsigned_abs().saturating_mul(MICRO), elapsed);
    let faded = i64::try_from(faded).unwrap_or(i64::MAX);
    change.searches_micro = match more < 0 {
        true => change.searches_micro.saturating_sub(faded),
        false => change.searches_micro.saturating_add(faded),
    };
    change.since = Some(change.since.map_or(hour, |since| since.min(hour)));
}

/// Where each content's views count: the first shard that has it.
async fn slots(
    connection: &mut AsyncPgConnection,
    reports: &[Report],
) -> Result<BTreeMap<ContentId, (i32, i32)>, MarketError> {
    let ids: Vec<&[u8]> = reports.iter().map(|report| report.content.0.as_slice()).collect();
    let rows: Vec<(Vec<u8>, i32, i32)> = contents::table
        .filter(contents::id.eq_any(ids))
        .order((contents::id, contents::shard.desc()))
        .select((contents::id, contents::shard, contents::content))
        .load(connection)
        .await?;
    let slot = |(id, shard, content): (Vec<u8>, i32, i32)| {
        Some((ContentId(id.try_into().ok()?), (shard, content)))
    };
    // Of several, the last inserted stays: the first shard.
    Ok(rows.into_iter().filter_map(slot).collect())
}

/// The last report of each hour and content.
fn counts(
    reports: &[Report],
    slots: &BTreeMap<ContentId, (i32, i32)>,
) -> BTreeMap<(DateTime<Utc>, i32, i32), i64> {
    let mut counts = BTreeMap::new();
    for report in reports {
        let hour = report.at.duration_trunc(TimeDelta::hours(1)).unwrap_or(report.at);
        if let Some((shard, content)) = slots.get(&report.content) {
            counts.insert((hour, *shard, *content), i64::from(report.searches));
        }
    }
    counts
}

/// Stores counts; returns by how much each differs from what was there.
async fn keep(
    connection: &mut AsyncPgConnection,
    source: &str,
    counts: &BTreeMap<(DateTime<Utc>, i32, i32), i64>,
) -> Result<Vec<Changed>, MarketError> {
    const KEEP: &str = "
        WITH new AS (
            SELECT * FROM unnest($2, $3, $4, $5) AS new (hour, shard, content, searches)
        ), old AS (
            SELECT new.*, COALESCE(kept.searches, 0) AS before
            FROM new LEFT JOIN search_counts kept
                ON kept.source = $1 AND kept.hour = new.hour AND kept.shard = new.shard
                AND kept.content = new.content
        ), stored AS (
            INSERT INTO search_counts (source, hour, shard, content, searches)
            SELECT $1, hour, shard, content, searches FROM new
            ON CONFLICT (source, hour, shard, content) DO UPDATE SET searches = excluded.searches
        )
        SELECT shard, content, hour, searches - before AS more FROM old WHERE searches <> before";
    let hours: Vec<_> = counts.keys().map(|(hour, ..)| *hour).collect();
    let shards: Vec<_> = counts.keys().map(|(_, shard, _)| *shard).collect();
    let contents: Vec<_> = counts.keys().map(|(.., content)| *content).collect();
    let searches: Vec<_> = counts.values().copied().collect();
    Ok(sql_query(KEEP)
        .bind::<Text, _>(source)
        .bind::<Array<Timestamptz>, _>(hours)
        .bind::<Array<Integer>, _>(shards)
        .bind::<Array<Integer>, _>(contents)
        .bind::<Array<BigInt>, _>(searches)
        .load(connection)
        .await?)
}

/// Forgets counts of hours for which no report is taken any more.
pub async fn forget(pool: &Pool, now: DateTime<Utc>) -> Result<usize, MarketError> {
    Ok(sql_query("DELETE FROM search_counts WHERE hour < $1")
        .bind::<Timestamptz, _>(now - AGE_MAX - TimeDelta::days(1))
        .execute(&mut pool.get().await.map_err(StoreError::from)?)
        .await?)
}
