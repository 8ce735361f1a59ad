//! What the market says of a content and of the platform.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{BigInt, Integer, SmallInt, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{MarketError, formula::earnings_floor};
use crate::store::{Pool, StoreError};

/// A content's valuation. Amounts are base units.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, QueryableByName)]
pub struct Priced {
    #[diesel(sql_type = Integer)]
    pub shard: i32,
    #[diesel(sql_type = Integer)]
    pub content: i32,
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// Views a day that are expected, millionths of one.
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub interest: i64,
    /// Views by relevance that this rests on, millionths, faded.
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub views_micro: i64,
    /// Basis points.
    #[diesel(sql_type = Integer)]
    pub quality: i32,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub base_rate: i64,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub invested: i64,
    /// Basis points.
    #[diesel(sql_type = SmallInt)]
    pub record_bps: i16,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub value: i64,
}

impl Priced {
    /// What the content is expected to earn, in base units a day.
    pub fn earnings(&self) -> u64 {
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        let quality = u16::try_from(self.quality).unwrap_or(0);
        earnings_floor(number(self.interest), number(self.base_rate), quality)
    }
}

/// A point of a content's history.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, QueryableByName)]
pub struct Point {
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub interest: i64,
    #[diesel(sql_type = Integer)]
    pub quality: i32,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub invested: i64,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub value: i64,
}

/// The platform's totals at one time.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, QueryableByName)]
pub struct Totals {
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// Contents that are valued.
    #[diesel(sql_type = BigInt)]
    pub contents: i64,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub interest: i64,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub invested: i64,
    #[diesel(sql_type = BigInt)]
    #[serde_as(as = "DisplayFromStr")]
    pub value: i64,
}

/// What is read of a valuation.
pub(super) const PRICED: &str = "
    SELECT shard, content, updated_at, interest, views_micro, quality, base_rate, invested,
           record_bps, value
    FROM market_contents";

/// The valuation of a content; none before anything happened to it.
pub async fn content(pool: &Pool, shard: i32, content: i32) -> Result<Option<Priced>, MarketError> {
    Ok(sql_query(format!("{PRICED} WHERE shard = $1 AND content = $2"))
        .bind::<Integer, _>(shard)
        .bind::<Integer, _>(content)
        .get_result(&mut pool.get().await.map_err(StoreError::from)?)
        .await
        .optional()?)
}

/// The last points of a content's history, the oldest first.
pub async fn history(
    pool: &Pool,
    shard: i32,
    content: i32,
    limit: i64,
) -> Result<Vec<Point>, MarketError> {
    let mut points: Vec<Point> = sql_query(
        "SELECT at, interest, quality, invested, value FROM market_history
         WHERE shard = $1 AND content = $2 ORDER BY at DESC LIMIT $3",
    )
    .bind::<Integer, _>(shard)
    .bind::<Integer, _>(content)
    .bind::<BigInt, _>(limit)
    .load(&mut pool.get().await.map_err(StoreError::from)?)
    .await?;
    points.reverse();
    Ok(points)
}

/// The platform's last totals, the oldest first.
pub async fn totals(pool: &Pool, limit: i64) -> Result<Vec<Totals>, MarketError> {
    let mut points: Vec<Totals> = sql_query(
        "SELECT at, contents, interest, invested, value FROM market_totals
         ORDER BY at DESC LIMIT $1",
    )
    .bind::<BigInt, _>(limit)
    .load(&mut pool.get().await.map_err(StoreError::from)?)
    .await?;
    points.reverse();
    Ok(points)
}
