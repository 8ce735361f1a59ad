//! Who is shown first.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bytea, Integer, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{
    MarketError, corrupt,
    promotion::{paid_floor, score_floor, weight_floor},
    read::{PRICED, Priced},
};
use crate::{
    store::{Pool, StoreError},
    views::ContentId,
};

/// A content in the ranking.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ranked {
    #[serde_as(as = "DisplayFromStr")]
    pub content: ContentId,
    /// Views a day that are expected, millionths of one.
    #[serde_as(as = "DisplayFromStr")]
    pub interest: u64,
    /// Of promotions that run now, in basis points; 10,000 without any.
    pub weight_bps: u64,
    /// Interest by weight: what ranks.
    #[serde_as(as = "DisplayFromStr")]
    pub score: u64,
}

#[derive(QueryableByName)]
struct Promotion {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = BigInt)]
    raised: i64,
    #[diesel(sql_type = BigInt)]
    term_seconds: i64,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Bytea)]
    id: Vec<u8>,
}

/// Shard and content, as they are stored.
pub(super) type Slot = (i32, i32);

/// The first `limit` contents at the time `now`.
pub async fn ranking(
    pool: &Pool,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Ranked>, MarketError> {
    let connection = &mut pool.get().await.map_err(StoreError::from)?;
    let paid = promoted(connection, now).await?;
    // No weight is below one, so nothing outside the first `limit` and the promoted comes in.
    let mut contents = most_watched(connection, limit).await?;
    let known: BTreeSet<Slot> = contents.iter().map(|it| (it.shard, it.content)).collect();
    let others: Vec<Slot> = paid.keys().filter(|slot| !known.contains(slot)).copied().collect();
    contents.extend(at(connection, &others).await?);
    let mut scored: Vec<_> = contents
        .into_iter()
        .map(|priced| {
            let slot = (priced.shard, priced.content);
            let interest = u64::try_from(priced.interest).unwrap_or(0);
            let weight = weight_floor(paid.get(&slot).copied().unwrap_or(0), priced.earnings());
            (Reverse(score_floor(interest, weight)), slot, interest, weight)
        })
        .collect();
    scored.sort_unstable();
    scored.truncate(limit);
    let slots: Vec<Slot> = scored.iter().map(|(_, slot, ..)| *slot).collect();
    let ids = ids(connection, &slots).await?;
    let ranked = scored.into_iter().map(|(Reverse(score), slot, interest, weight_bps)| {
        let content = *ids.get(&slot).ok_or_else(|| corrupt("a content without id"))?;
        Ok(Ranked { content, interest, weight_bps, score })
    });
    ranked.collect()
}

/// What promotions that run now pay a day for each content.
pub(super) async fn promoted(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
) -> Result<HashMap<Slot, u64>, MarketError> {
    let rows: Vec<Promotion> = sql_query(
        "SELECT shard, content, raised, term_seconds FROM rounds
         WHERE kind = 'promotion' AND status IN ('delivered', 'retired', 'closed')
             AND delivered_at <= $1
             AND delivered_at + term_seconds * INTERVAL '1 second' > $1",
    )
    .bind::<Timestamptz, _>(now)
    .load(connection)
    .await?;
    let mut paid = HashMap::<Slot, u64>::new();
    for Promotion { shard, content, raised, term_seconds } in rows {
        let raised = u64::try_from(raised).unwrap_or(0);
        let term = u32::try_from(term_seconds).unwrap_or(u32::MAX);
        let sum = paid.entry((shard, content)).or_default();
        *sum = sum.saturating_add(paid_floor(raised, term));
    }
    Ok(paid)
}

async fn most_watched(
    connection: &mut AsyncPgConnection,
    limit: usize,
) -> Result<Vec<Priced>, MarketError> {
    Ok(sql_query(format!("{PRICED} ORDER BY interest DESC, shard, content LIMIT $1"))
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
        .await?)
}

fn columns(slots: &[Slot]) -> (Vec<i32>, Vec<i32>) {
    slots.iter().copied().unzip()
}

/// The valuations of contents; none of what nothing happened to.
pub(super) async fn at(
    connection: &mut AsyncPgConnection,
    slots: &[Slot],
) -> Result<Vec<Priced>, MarketError> {
    let (shards, contents) = columns(slots);
    Ok(sql_query(format!("{PRICED} WHERE (shard, content) IN (SELECT * FROM unnest($1, $2))"))
        .bind::<Array<Integer>, _>(shards)
        .bind::<Array<Integer>, _>(contents)
        .load(connection)
        .await?)
}

/// The ids of contents.
pub(super) async fn ids(
    connection: &mut AsyncPgConnection,
    slots: &[Slot],
) -> Result<HashMap<Slot, ContentId>, MarketError> {
    let (shards, contents) = columns(slots);
    let rows: Vec<Id> = sql_query(
        "SELECT shard, content, id FROM contents
         WHERE (shard, content) IN (SELECT * FROM unnest($1, $2))",
    )
    .bind::<Array<Integer>, _>(shards)
    .bind::<Array<Integer>, _>(contents)
    .load(connection)
    .await?;
    rows.into_iter()
        .map(|Id { shard, content, id }| {
            let id = id.try_into().map_err(|_| corrupt("the id of a content"))?;
            Ok(((shard, content), ContentId(id)))
        })
        .collect()
}
