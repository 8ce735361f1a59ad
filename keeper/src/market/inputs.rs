//! What a valuation needs besides views and searches: read from the index.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{
    MarketError, corrupt,
    formula::invested_left_floor,
    rows::{Update, seconds_between, unsigned},
};

#[derive(QueryableByName)]
struct Quality {
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Text)]
    quality: String,
}

#[derive(QueryableByName)]
struct Record {
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = BigInt)]
    ended: i64,
    #[diesel(sql_type = BigInt)]
    paid_back: i64,
}

#[derive(QueryableByName)]
struct Funded {
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = BigInt)]
    raised: i64,
    #[diesel(sql_type = BigInt)]
    term_seconds: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    delivered_at: Option<DateTime<Utc>>,
}

/// Qualities as the chain last said, for contents that are valued for the first time. One whose
/// registration was cut out of the log is missing.
pub async fn qualities(
    connection: &mut AsyncPgConnection,
    shard: i32,
    contents: &[i32],
) -> Result<HashMap<i32, i32>, MarketError> {
    if contents.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Quality> = sql_query(
        "SELECT DISTINCT ON (content)
                content, COALESCE(data ->> 'after', data ->> 'quality') AS quality
         FROM chain_events
         WHERE shard = $1 AND content = ANY($2) AND name IN ('ContentRegistered', 'QualityChanged')
         ORDER BY content, id DESC",
    )
    .bind::<Integer, _>(shard)
    .bind::<Array<Integer>, _>(contents)
    .load(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let quality = row.quality.parse().map_err(|_| corrupt("the quality of a content"))?;
            Ok((row.content, quality))
        })
        .collect()
}

/// Rounds with returns that are over, of the creator of each content in this shard, and those of
/// them that were owed what was invested.
pub async fn records(
    connection: &mut AsyncPgConnection,
    shard: i32,
    contents: &[i32],
) -> Result<HashMap<i32, (u32, u32)>, MarketError> {
    let rows: Vec<Record> = sql_query(
        "WITH ended AS (
             SELECT c.creator, r.owed >= r.raised AS paid_back
             FROM rounds r JOIN contents c ON c.shard = r.shard AND c.content = r.content
             WHERE r.shard = $1 AND r.owed IS NOT NULL AND r.kind <> 'support'
         )
         SELECT c.content, count(*) AS ended, count(*) FILTER (WHERE e.paid_back) AS paid_back
         FROM contents c JOIN ended e ON e.creator = c.creator
         WHERE c.shard = $1 AND c.content = ANY($2)
         GROUP BY c.content",
    )
    .bind::<Integer, _>(shard)
    .bind::<Array<Integer>, _>(contents)
    .load(connection)
    .await?;
    let count = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(rows
        .into_iter()
        .map(|row| (row.content, (count(row.ended), count(row.paid_back))))
        .collect())
}

/// What counts of the investments in each content.
pub async fn invested(
    connection: &mut AsyncPgConnection,
    update: &Update,
    contents: &[i32],
) -> Result<HashMap<i32, u64>, MarketError> {
    let rows: Vec<Funded> = sql_query(
        "SELECT content, raised, term_seconds, delivered_at FROM rounds
         WHERE shard = $1 AND content = ANY($2) AND kind <> 'support'
             AND status IN ('open', 'funded', 'delivered')",
    )
    .bind::<Integer, _>(update.shard)
    .bind::<Array<Integer>, _>(contents)
    .load(connection)
    .await?;
    let mut sums = HashMap::<i32, u64>::new();
    for Funded { content, raised, term_seconds, delivered_at } in rows {
        let term = u32::try_from(term_seconds).unwrap_or(u32::MAX);
        let left = delivered_at.map_or(unsigned(raised), |since| {
            invested_left_floor(unsigned(raised), seconds_between(since, update.at), term)
        });
        let sum = sums.entry(content).or_default();
        *sum = sum.saturating_add(left);
    }
    Ok(sums)
}
