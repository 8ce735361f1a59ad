//! Figures of a keeper that have to be asked for: what waits, what is locked, who is active.

use diesel::{
    QueryDsl, QueryableByName, sql_query,
    sql_types::{BigInt, Integer, Nullable},
};
use diesel_async::RunQueryDsl;
use pixr::state::Shard;

use crate::{
    log::{EventLog, LogError, Partition, Position},
    store::{Pool, StoreError, schema::log_positions},
};

/// Names of the leases of those who count begin so.
const COUNTER_LEASES: &str = "count/%";

/// The last chain event before the last 24 hours, 0 when there is none: events are in the order of
/// their times, so that it is found from the end without reading those before.
const BEFORE_TODAY: &str = "
    coalesce((SELECT id FROM chain_events
              WHERE block_time < clock_timestamp() - INTERVAL '24 hours'
              ORDER BY id DESC LIMIT 1), 0)";

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<diesel::result::Error> for FigureError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What waits to be paid in a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub shard: u32,
    /// Windows that are in no plan, and their views.
    pub windows: u64,
    pub unplanned_views: u64,
    /// Batches that are not final, and their views.
    pub batches: u64,
    pub unfinalized_views: u64,
    /// How long the first of these views has waited; `None` when nothing waits.
    pub oldest_seconds: Option<u64>,
    /// How long ago the first of the open batches was planned; `None` when there is none.
    pub oldest_batch_seconds: Option<u64>,
}

/// What a shard holds, and what went through it. Amounts are base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    pub shard: u32,
    pub reward_budget: u64,
    /// Everything that the vault has to cover, `reward_budget` included.
    pub liabilities: u64,
    pub credited: u64,
    pub withdrawn: u64,
    pub creators: u32,
    pub contents: u32,
}

impl Locked {
    /// `None` when the liabilities overflow, which the program does not let happen.
    pub fn of(header: &Shard) -> Option<Self> {
        Some(Self {
            shard: header.number,
            reward_budget: header.reward_budget,
            liabilities: header.liabilities()?,
            credited: header.credited,
            withdrawn: header.withdrawn,
            creators: header.creator_count,
            contents: header.content_count,
        })
    }
}

/// What a shard credited in the last 24 hours, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burned {
    pub shard: u32,
    pub base_units: u64,
}

#[derive(QueryableByName)]
struct WaitingRow {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    windows: i64,
    #[diesel(sql_type = BigInt)]
    unplanned_views: i64,
    #[diesel(sql_type = BigInt)]
    batches: i64,
    #[diesel(sql_type = BigInt)]
    unfinalized_views: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    oldest_seconds: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    oldest_batch_seconds: Option<i64>,
}

#[derive(QueryableByName)]
struct BurnedRow {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    base_units: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// A number of the database that is not below zero.
fn natural<T: TryFrom<i64>>(number: impl Into<i64>) -> Result<T, StoreError> {
    let number = number.into();
    T::try_from(number).map_err(|_| StoreError::Corrupt(format!("the number {number}")))
}

/// Seconds since a time that another machine's clock may have put ahead of the database's.
fn age(seconds: Option<i64>) -> Result<Option<u64>, StoreError> {
    seconds.map(|seconds| natural(seconds.max(0))).transpose()
}

async fn number(store: &Pool, query: &str) -> Result<u64, StoreError> {
    let row: Number = sql_query(query).get_result(&mut store.get().await?).await?;
    natural(row.number)
}

/// What waits in every shard that the database knows, by number.
pub async fn waiting(store: &Pool) -> Result<Vec<Waiting>, StoreError> {
    const WAITING: &str = "
        SELECT number AS shard,
               coalesce(w.windows, 0) AS windows,
               coalesce(w.views, 0) AS unplanned_views,
               coalesce(b.batches, 0) AS batches,
               coalesce(b.views, 0) AS unfinalized_views,
               extract(epoch FROM clock_timestamp() - least(w.oldest, b.oldest))::BIGINT
                   AS oldest_seconds,
               extract(epoch FROM clock_timestamp() - b.planned)::BIGINT AS oldest_batch_seconds
        FROM shards
        LEFT JOIN (
            SELECT shard, count(*) AS windows, sum(views)::BIGINT AS views, min(oldest_at) AS oldest
            FROM windows WHERE plan IS NULL GROUP BY shard
        ) w ON w.shard = number
        LEFT JOIN (
            SELECT batches.shard, count(*) AS batches, sum(views)::BIGINT AS views,
                   min(oldest_at) AS oldest, min(planned_at) AS planned
            FROM batches JOIN plans ON plans.id = batches.plan
            WHERE finalized_at IS NULL GROUP BY batches.shard
        ) b ON b.shard = number
        ORDER BY number";

    let rows: Vec<WaitingRow> = sql_query(WAITING).load(&mut store.get().await?).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Waiting {
                shard: natural(row.shard)?,
                windows: natural(row.windows)?,
                unplanned_views: natural(row.unplanned_views)?,
                batches: natural(row.batches)?,
                unfinalized_views: natural(row.unfinalized_views)?,
                oldest_seconds: age(row.oldest_seconds)?,
                oldest_batch_seconds: age(row.oldest_batch_seconds)?,
            })
        })
        .collect()
}

/// What each shard credited in the last 24 hours, as far as the chain is indexed; shards that
/// credited nothing are left out.
pub async fn burned(store: &Pool) -> Result<Vec<Burned>, StoreError> {
    let query = format!(
        "SELECT shard, sum((data ->> 'credited')::NUMERIC)::BIGINT AS base_units
         FROM chain_events
         WHERE id > {BEFORE_TODAY} AND name = 'BatchSettled' AND shard IS NOT NULL
         GROUP BY shard ORDER BY shard"
    );
    let rows: Vec<BurnedRow> = sql_query(query).load(&mut store.get().await?).await?;
    rows.into_iter()
        .map(|row| Ok(Burned { shard: natural(row.shard)?, base_units: natural(row.base_units)? }))
        .collect()
}

/// Wallets that acted in the last 24 hours: patrons, and creators who did anything or were tipped,
/// by their withdraw authorities. A destination of a withdrawal is an account of a wallet that is
/// counted already, its creator's.
pub async fn active_wallets(store: &Pool) -> Result<u64, StoreError> {
    let query = format!(
        "WITH today AS (
             SELECT name, shard, creator, data FROM chain_events WHERE id > {BEFORE_TODAY}
         )
         SELECT count(DISTINCT wallet) AS number FROM (
             SELECT authority AS wallet FROM today JOIN creators USING (shard, creator)
             UNION ALL
             SELECT data ->> 'patron' FROM today WHERE name = 'Tipped'
             UNION ALL
             SELECT data ->> 'after' FROM today WHERE name = 'AuthorityChanged'
         ) AS wallets"
    );
    number(store, &query).await
}

/// Size of the database on disk, in bytes.
pub async fn database_bytes(store: &Pool) -> Result<u64, StoreError> {
    number(store, "SELECT pg_database_size(current_database()) AS number").await
}

/// Batches of each partition that are not counted.
pub async fn backlog(
    store: &Pool,
    log: &dyn EventLog,
) -> Result<Vec<(Partition, u64)>, FigureError> {
    let counted: Vec<(i16, i64)> = log_positions::table
        .select((log_positions::partition, log_positions::position))
        .load(&mut store.get().await.map_err(StoreError::from)?)
        .await?;
    let mut backlog = Vec::new();
    for number in 0..log.partitions() {
        let row = counted.iter().find(|(partition, _)| *partition == number);
        let position = row.map_or(Position::START, |(_, position)| Position(*position));
        let partition = Partition(number);
        backlog.push((partition, log.backlog(partition, position).await?));
    }
    Ok(backlog)
}

/// Partitions that some keeper counts at present.
pub async fn counters(store: &Pool) -> Result<u64, StoreError> {
    let query = format!(
        "SELECT count(*) AS number FROM leases
         WHERE name LIKE '{COUNTER_LEASES}' AND expires_at > clock_timestamp()"
    );
    number(store, &query).await
}
