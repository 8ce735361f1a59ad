//! What the store keeps of contents, and how it changes: the same for views and searches.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Integer, SmallInt, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{
    MarketError,
    fading::MEASURE,
    formula::{self, Inputs, Valuation},
    inputs,
};

/// Whoever changes the market holds this lock of the database until the end of its transaction.
const LOCK: i64 = 0x6d61_726b_6574;

/// What happened to a content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Views by relevance and searches that came, or went when below zero; millionths, faded to the
    /// time of the update.
    pub views_micro: i64,
    pub searches_micro: i64,
    /// When the first of them was.
    pub since: Option<DateTime<Utc>>,
    /// Base rate of the last batch, and a quality that was set.
    pub base_rate: Option<u64>,
    pub quality: Option<u16>,
}

/// Changes of contents of one shard, up to one time.
pub struct Update {
    pub shard: i32,
    pub at: DateTime<Utc>,
    pub changes: BTreeMap<i32, Change>,
    /// Seconds that a point of the history stands for.
    pub bucket_seconds: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = BigInt)]
    views_micro: i64,
    #[diesel(sql_type = BigInt)]
    searches_micro: i64,
    #[diesel(sql_type = Timestamptz)]
    since: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    quality: i32,
    #[diesel(sql_type = BigInt)]
    base_rate: i64,
    #[diesel(sql_type = BigInt)]
    invested: i64,
    #[diesel(sql_type = BigInt)]
    interest: i64,
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// What changed of the totals.
#[derive(Default)]
struct Delta {
    contents: i64,
    interest: i64,
    invested: i64,
    value: i64,
}

/// New rows by column.
#[derive(Default)]
struct Columns {
    contents: Vec<i32>,
    views_micro: Vec<i64>,
    searches_micro: Vec<i64>,
    since: Vec<DateTime<Utc>>,
    updated_at: Vec<DateTime<Utc>>,
    quality: Vec<i32>,
    base_rate: Vec<i64>,
    invested: Vec<i64>,
    record_bps: Vec<i16>,
    interest: Vec<i64>,
    value: Vec<i64>,
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    unsigned((to - from).num_seconds())
}

/// Waits until nobody else changes the market; nobody does until the transaction ends.
pub async fn lock(connection: &mut AsyncPgConnection) -> Result<(), MarketError> {
    let lock = sql_query("SELECT pg_advisory_xact_lock($1)").bind::<BigInt, _>(LOCK);
    lock.execute(connection).await?;
    Ok(())
}

/// Values the contents of `update` anew, and keeps history and totals. The caller holds the lock.
pub async fn apply(connection: &mut AsyncPgConnection, update: &Update) -> Result<(), MarketError> {
    if update.changes.is_empty() {
        return Ok(());
    }
    let contents: Vec<i32> = update.changes.keys().copied().collect();
    let mut rows = known(connection, update.shard, &contents).await?;
    let new: Vec<i32> = contents.iter().copied().filter(|it| !rows.contains_key(it)).collect();
    let qualities = inputs::qualities(connection, update.shard, &new).await?;
    let records = inputs::records(connection, update.shard, &contents).await?;
    let invested = inputs::invested(connection, update, &contents).await?;
    let mut columns = Columns::default();
    let mut delta = Delta::default();
    for (content, change) in &update.changes {
        let row = rows.remove(content);
        delta.contents += i64::from(row.is_none());
        let row = row.unwrap_or_else(|| {
            let quality = qualities.get(content).copied().unwrap_or(10_000);
            Row::new(*content, quality, change.since.unwrap_or(update.at))
        });
        let (ended, paid_back) = records.get(content).copied().unwrap_or_default();
        let invested = invested.get(content).copied().unwrap_or_default();
        columns.push(row, change, update.at, (ended, paid_back), invested, &mut delta);
    }
    store(connection, update.shard, &columns).await?;
    keep_history(connection, update, &columns).await?;
    add_to_totals(connection, update, &delta).await
}

impl Row {
    fn new(content: i32, quality: i32, since: DateTime<Utc>) -> Self {
        let (views_micro, searches_micro, updated_at) = (0, 0, since);
        let (base_rate, invested, interest, value) = (0, 0, 0, 0);
        Self {
            content,
            views_micro,
            searches_micro,
            since,
            updated_at,
            quality,
            base_rate,
            invested,
            interest,
            value,
        }
    }
}

impl Columns {
    fn push(
        &mut self,
        row: Row,
        change: &Change,
        at: DateTime<Utc>,
        (ended, paid_back): (u32, u32),
        invested: u64,
        delta: &mut Delta,
    ) {
        let at = at.max(row.updated_at);
        let elapsed = seconds_between(row.updated_at, at);
        let faded = |kept: i64, more: i64| {
            stored(MEASURE.fade(unsigned(kept), elapsed)).saturating_add(more).max(0)
        };
        let views_micro = faded(row.views_micro, change.views_micro);
        let searches_micro = faded(row.searches_micro, change.searches_micro);
        let since = row.since.min(change.since.unwrap_or(row.since));
        let quality = change.quality.map_or(row.quality, i32::from);
        let base_rate = change.base_rate.map_or(row.base_rate, stored);
        let Valuation { interest, value, record_bps, .. } = formula::value(&Inputs {
            views_micro: unsigned(views_micro),
            searches_micro: unsigned(searches_micro),
            measured_seconds: seconds_between(since, at),
            quality: u16::try_from(quality).unwrap_or(0),
            base_rate: unsigned(base_rate),
            ended,
            paid_back,
            invested,
        });
        delta.interest = delta.interest.saturating_add(stored(interest) - row.interest);
        delta.invested = delta.invested.saturating_add(stored(invested) - row.invested);
        delta.value = delta.value.saturating_add(stored(value) - row.value);
        self.contents.push(row.content);
        self.views_micro.push(views_micro);
        self.searches_micro.push(searches_micro);
        self.since.push(since);
        self.updated_at.push(at);
        self.quality.push(quality);
        self.base_rate.push(base_rate);
        self.invested.push(stored(invested));
        self.record_bps.push(i16::try_from(record_bps).unwrap_or(i16::MAX));
        self.interest.push(stored(interest));
        self.value.push(stored(value));
    }
}

async fn known(
    connection: &mut AsyncPgConnection,
    shard: i32,
    contents: &[i32],
) -> Result<HashMap<i32, Row>, MarketError> {
    let rows: Vec<Row> = sql_query(
        "SELECT content, views_micro, searches_micro, since, updated_at, quality, base_rate,
                invested, interest, value
         FROM market_contents WHERE shard = $1 AND content = ANY($2)",
    )
    .bind::<Integer, _>(shard)
    .bind::<Array<Integer>, _>(contents)
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.content, row)).collect())
}

async fn store(
    connection: &mut AsyncPgConnection,
    shard: i32,
    columns: &Columns,
) -> Result<(), MarketError> {
    const STORE: &str = "
        INSERT INTO market_contents
            (shard, content, views_micro, searches_micro, since, updated_at, quality, base_rate,
             invested, record_bps, interest, value)
        SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (shard, content) DO UPDATE SET
            views_micro = excluded.views_micro, searches_micro = excluded.searches_micro,
            since = excluded.since, updated_at = excluded.updated_at, quality = excluded.quality,
            base_rate = excluded.base_rate, invested = excluded.invested,
            record_bps = excluded.record_bps, interest = excluded.interest,
            value = excluded.value";
    sql_query(STORE)
        .bind::<Integer, _>(shard)
        .bind::<Array<Integer>, _>(&columns.contents)
        .bind::<Array<BigInt>, _>(&columns.views_micro)
        .bind::<Array<BigInt>, _>(&columns.searches_micro)
        .bind::<Array<Timestamptz>, _>(&columns.since)
        .bind::<Array<Timestamptz>, _>(&columns.updated_at)
        .bind::<Array<Integer>, _>(&columns.quality)
        .bind::<Array<BigInt>, _>(&columns.base_rate)
        .bind::<Array<BigInt>, _>(&columns.invested)
        .bind::<Array<SmallInt>, _>(&columns.record_bps)
        .bind::<Array<BigInt>, _>(&columns.interest)
        .bind::<Array<BigInt>, _>(&columns.value)
        .execute(connection)
        .await?;
    Ok(())
}

/// The start of the time that a point of the history stands for.
fn bucket(at: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    let start = at.timestamp().div_euclid(seconds.max(1)).saturating_mul(seconds.max(1));
    DateTime::from_timestamp(start, 0).unwrap_or(at)
}

async fn keep_history(
    connection: &mut AsyncPgConnection,
    update: &Update,
    columns: &Columns,
) -> Result<(), MarketError> {
    const KEEP: &str = "
        INSERT INTO market_history (shard, content, at, interest, quality, invested, value)
        SELECT $1, * FROM unnest($2, $3, $4, $5, $6, $7)
        ON CONFLICT (shard, content, at) DO UPDATE SET
            interest = excluded.interest, quality = excluded.quality,
            invested = excluded.invested, value = excluded.value";
    let at: Vec<_> =
        columns.updated_at.iter().map(|at| bucket(*at, update.bucket_seconds)).collect();
    sql_query(KEEP)
        .bind::<Integer, _>(update.shard)
        .bind::<Array<Integer>, _>(&columns.contents)
        .bind::<Array<Timestamptz>, _>(&at)
        .bind::<Array<BigInt>, _>(&columns.interest)
        .bind::<Array<Integer>, _>(&columns.quality)
        .bind::<Array<BigInt>, _>(&columns.invested)
        .bind::<Array<BigInt>, _>(&columns.value)
        .execute(connection)
        .await?;
    Ok(())
}

/// Totals are the last ones and what changed; time does not run backwards among them.
async fn add_to_totals(
    connection: &mut AsyncPgConnection,
    update: &Update,
    delta: &Delta,
) -> Result<(), MarketError> {
    const ADD: &str = "
        INSERT INTO market_totals (at, contents, interest, invested, value)
        SELECT GREATEST($1, last.at), COALESCE(last.contents, 0) + $2,
               COALESCE(last.interest, 0) + $3, COALESCE(last.invested, 0) + $4,
               COALESCE(last.value, 0) + $5
        FROM (SELECT) one
        LEFT JOIN (SELECT * FROM market_totals ORDER BY at DESC LIMIT 1) last ON TRUE
        ON CONFLICT (at) DO UPDATE SET
            contents = excluded.contents, interest = excluded.interest,
            invested = excluded.invested, value = excluded.value";
    sql_query(ADD)
        .bind::<Timestamptz, _>(bucket(update.at, update.bucket_seconds))
        .bind::<BigInt, _>(delta.contents)
        .bind::<BigInt, _>(delta.interest)
        .bind::<BigInt, _>(delta.invested)
        .bind::<BigInt, _>(delta.value)
        .execute(connection)
        .await?;
    Ok(())
}
