//! Takes in what the chain says, in its order.

use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pixr::entries::Packed;

use super::{
    MarketError, corrupt,
    fading::MEASURE,
    rows::{self, Change, Update},
};
use crate::{
    app::App,
    index::{
        batches::{self, IndexedStep, Range},
        files::Outcome,
        registry,
        steps::Step,
    },
    settle::Kind,
    store::StoreError,
};

/// Events of a shard that are taken in at once.
const AT_ONCE: i64 = 256;
/// Contents that are valued anew at once because time has passed.
const REFRESHED_AT_ONCE: i64 = 1_000;
/// How old a valuation gets.
const REFRESH_AFTER: TimeDelta = TimeDelta::hours(1);
/// Millionths of a view for each basis point of relevance.
const MICRO_PER_BPS: u64 = 100;

/// Events that change what a content is worth, besides those of batches.
const OTHERS: [&str; 12] = [
    "QualityChanged",
    "RoundOpened",
    "Invested",
    "RoundFunded",
    "RoundCancelled",
    "Refunded",
    "RoundDelivered",
    "RoundSupported",
    "Claimed",
    "LaneRetired",
    "RoundClosed",
    "PositionSold",
];
const BATCHES: [&str; 2] = ["BatchSettled", "ViewsReversed"];

#[derive(QueryableByName)]
struct End {
    #[diesel(sql_type = Nullable<BigInt>)]
    event: Option<i64>,
}

#[derive(QueryableByName)]
struct Other {
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    block_time: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    quality: Option<String>,
}

#[derive(QueryableByName)]
struct Old {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
}

/// Values every content anew of which something is new. Returns how many events were taken in.
///
/// Of two at the same time, each event is taken in by one.
pub async fn advance(app: &App) -> Result<usize, MarketError> {
    let mut events = 0;
    for (shard, address) in registry::known_shards(&app.store).await? {
        loop {
            let taken = Pass { app, shard, address }.run().await?;
            events += taken;
            if taken == 0 {
                break;
            }
        }
    }
    Ok(events)
}

/// Values contents anew that nothing happened to for an hour: interest fades. Returns how many.
pub async fn refresh(app: &App, now: DateTime<Utc>) -> Result<usize, MarketError> {
    let mut connection = app.store.get().await.map_err(StoreError::from)?;
    let bucket_seconds = i64::from(app.config.market.history_seconds.0);
    connection
        .transaction(async |connection| {
            rows::lock(connection).await?;
            let old: Vec<Old> = sql_query(
                "SELECT shard, content FROM market_contents
                 WHERE updated_at < $1 ORDER BY updated_at LIMIT $2",
            )
            .bind::<Timestamptz, _>(now - REFRESH_AFTER)
            .bind::<BigInt, _>(REFRESHED_AT_ONCE)
            .load(connection)
            .await?;
            let mut shards = BTreeMap::<i32, BTreeMap<i32, Change>>::new();
            for Old { shard, content } in &old {
                shards.entry(*shard).or_default().insert(*content, Change::default());
            }
            for (shard, changes) in shards {
                rows::apply(connection, &Update { shard, at: now, changes, bucket_seconds })
                    .await?;
            }
            Ok(old.len())
        })
        .await
}

/// The next events of a shard.
struct Pass<'a> {
    app: &'a App,
    shard: u32,
    address: Pubkey,
}

impl Pass<'_> {
    async fn run(&self) -> Result<usize, MarketError> {
        let shard = registry::signed(self.shard)?;
        let after = self.cursor(shard).await?;
        let Some(through) = self.end(shard, after).await? else { return Ok(0) };
        let batches = self.batches(shard, after, through).await?;
        let others = self.others(shard, after, through).await?;
        let times = batches.iter().map(|(step, ..)| step.block_time);
        let times = times.chain(others.iter().map(|other| other.block_time));
        let at = times.flatten().max().unwrap_or_else(Utc::now);
        let mut changes = BTreeMap::<i32, Change>::new();
        for (step, outcome, entries) in &batches {
            add_views(&mut changes, at, step.block_time.unwrap_or(at), outcome, entries)?;
        }
        for Other { content, quality, .. } in &others {
            let change = changes.entry(*content).or_default();
            if let Some(text) = quality {
                change.quality =
                    Some(text.parse().map_err(|_| corrupt("the quality of a content"))?);
            }
        }
        let taken = batches.len() + others.len();
        let bucket_seconds = i64::from(self.app.config.market.history_seconds.0);
        let update = Update { shard, at, changes, bucket_seconds };
        self.keep(&update, after, through).await?;
        // Events that are none of the market's count too: there may be more after them.
        Ok(taken.max(1))
    }

    async fn cursor(&self, shard: i32) -> Result<i64, MarketError> {
        let row: Option<End> = sql_query("SELECT event FROM market_cursors WHERE shard = $1")
            .bind::<Integer, _>(shard)
            .get_result(&mut self.app.store.get().await.map_err(StoreError::from)?)
            .await
            .optional()?;
        Ok(row.and_then(|row| row.event).unwrap_or(0))
    }

    /// The last of the events that are taken in now.
    async fn end(&self, shard: i32, after: i64) -> Result<Option<i64>, MarketError> {
        let row: End = sql_query(
            "SELECT max(id) AS event FROM (
                 SELECT id FROM chain_events WHERE shard = $1 AND id > $2 ORDER BY id LIMIT $3
             ) next",
        )
        .bind::<Integer, _>(shard)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(AT_ONCE)
        .get_result(&mut self.app.store.get().await.map_err(StoreError::from)?)
        .await?;
        Ok(row.event)
    }

    async fn batches(
        &self,
        shard: i32,
        after: i64,
        through: i64,
    ) -> Result<Vec<(IndexedStep, Outcome, Vec<u8>)>, MarketError> {
        let range = Range { shard, after, through, names: &BATCHES, content: None, limit: AT_ONCE };
        let mut found = Vec::new();
        for mut step in batches::steps(&self.app.store, range).await? {
            let Step::Batch(outcome) = step.step else { continue };
            let place = (self.shard, &self.address);
            let entries = step.entries(&*self.app.chain, place, &outcome).await?;
            found.push((step, outcome, entries));
        }
        Ok(found)
    }

    async fn others(
        &self,
        shard: i32,
        after: i64,
        through: i64,
    ) -> Result<Vec<Other>, MarketError> {
        Ok(sql_query(
            "SELECT content, block_time,
                    CASE name WHEN 'QualityChanged' THEN data ->> 'after' END AS quality
             FROM chain_events
             WHERE shard = $1 AND id > $2 AND id <= $3 AND name = ANY($4) AND content IS NOT NULL
             ORDER BY id",
        )
        .bind::<Integer, _>(shard)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(through)
        .bind::<Array<Text>, _>(OTHERS.as_slice())
        .load(&mut self.app.store.get().await.map_err(StoreError::from)?)
        .await?)
    }

    /// Stores it all and moves the cursor, unless another pass did.
    async fn keep(&self, update: &Update, after: i64, through: i64) -> Result<(), MarketError> {
        let mut connection = self.app.store.get().await.map_err(StoreError::from)?;
        connection
            .transaction(async |connection| {
                rows::lock(connection).await?;
                if move_cursor(connection, update.shard, after, through).await? {
                    rows::apply(connection, update).await?;
                }
                Ok(())
            })
            .await
    }
}

async fn move_cursor(
    connection: &mut AsyncPgConnection,
    shard: i32,
    after: i64,
    through: i64,
) -> Result<bool, MarketError> {
    let moved = sql_query(
        "INSERT INTO market_cursors AS cursor (shard, event) VALUES ($1, $3)
         ON CONFLICT (shard) DO UPDATE SET event = excluded.event WHERE cursor.event = $2",
    )
    .bind::<Integer, _>(shard)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(through)
    .execute(connection)
    .await?;
    Ok(moved == 1)
}

/// Adds a batch that was settled at `settled`, faded to `at`.
fn add_views(
    changes: &mut BTreeMap<i32, Change>,
    at: DateTime<Utc>,
    settled: DateTime<Utc>,
    outcome: &Outcome,
    entries: &[u8],
) -> Result<(), MarketError> {
    let elapsed = u64::try_from((at - settled).num_seconds()).unwrap_or(0);
    let packed = Packed::new(entries.to_vec()).map_err(|_| corrupt("the entries of a batch"))?;
    for entry in packed.entries() {
        let entry = entry.map_err(|_| corrupt("the entries of a batch"))?;
        let weight = entry.views * entry.relevance * MICRO_PER_BPS;
        let faded = i64::try_from(MEASURE.fade(weight, elapsed)).unwrap_or(i64::MAX);
        let content = i32::try_from(entry.content).map_err(|_| corrupt("a content"))?;
        let change = changes.entry(content).or_default();
        change.views_micro = match outcome.kind.0 {
            Kind::Views => change.views_micro.saturating_add(faded),
            Kind::Reversal => change.views_micro.saturating_sub(faded),
        };
        change.since = Some(change.since.map_or(settled, |since| since.min(settled)));
        change.base_rate = Some(outcome.base_rate);
    }
    Ok(())
}
