//! From the platform's history to `chain_events`.

use std::collections::{BTreeSet, HashMap};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, sql_query,
    sql_types::{Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use solana_signature::Signature;

use super::{
    IndexError, corrupt, history, metrics, registry,
    rounds::{
        self,
        projection::{self, OfRound},
    },
};
use crate::{
    chain::{
        Chain, ChainTransaction,
        events::{Events, ProgramEvent, events},
    },
    crash_point,
    store::{Pool, StoreError, schema::index_cursors},
};

/// Transactions that are asked for, and stored, at once.
const AT_ONCE: usize = 500;

/// What a pass has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    pub transactions: usize,
    pub events: usize,
}

/// Stores every event up to the present.
///
/// Events and cursor are stored in one transaction, in which the cursor is still where this pass found
/// it: of two passes at the same time, each transaction of the chain is stored by one.
pub async fn index_once(
    store: &Pool,
    chain: &dyn Chain,
    platform: &Pubkey,
) -> Result<Indexed, IndexError> {
    let pass = Pass { store, chain, platform };
    let mut indexed = Indexed::default();
    loop {
        let cursor = pass.cursor().await?;
        let transactions = pass.transactions(cursor.as_ref()).await?;
        metrics::asked();
        let Some(last) = transactions.last() else {
            metrics::caught_up();
            return Ok(indexed);
        };
        metrics::lag(chain.time().await?.slot.saturating_sub(last.slot));
        let found = pass.found(&transactions).await?;
        if pass.keep(cursor.as_ref(), &found, last).await? {
            crash_point!("indexed");
            indexed.transactions += transactions.len();
            indexed.events += found.rows.names.len();
            metrics::events(&found.rows.names);
        }
        for shard in &found.changed {
            registry::sync_shard(store, chain, platform, shard).await?;
        }
        metrics::cursor(last.block_time);
        if transactions.len() < AT_ONCE {
            metrics::caught_up();
            return Ok(indexed);
        }
    }
}

/// Where the index ends.
struct Cursor {
    signature: Signature,
    slot: i64,
}

/// What some transactions say.
#[derive(Default)]
struct Found {
    rows: Rows,
    /// Events of rounds, in their order.
    rounds: Vec<OfRound>,
    /// Shards with new slots, or of which that is not known.
    changed: BTreeSet<Pubkey>,
}

/// What belongs to the platform.
struct Own<'a> {
    platform: &'a Pubkey,
    /// Their numbers.
    shards: HashMap<Pubkey, u32>,
    /// Shard and content of rounds that events name.
    rounds: HashMap<Pubkey, (u32, u32)>,
}

/// Events by column.
#[derive(Default)]
struct Rows {
    signatures: Vec<String>,
    ordinals: Vec<i16>,
    slots: Vec<i64>,
    block_times: Vec<Option<DateTime<Utc>>>,
    names: Vec<&'static str>,
    shards: Vec<Option<i32>>,
    creators: Vec<Option<i32>>,
    contents: Vec<Option<i32>>,
    sequences: Vec<Option<i64>>,
    data: Vec<Value>,
}

struct Pass<'a> {
    store: &'a Pool,
    chain: &'a dyn Chain,
    platform: &'a Pubkey,
}

impl Pass<'_> {
    async fn cursor(&self) -> Result<Option<Cursor>, IndexError> {
        let row: Option<(String, i64)> = index_cursors::table
            .filter(index_cursors::address.eq(self.platform.to_string()))
            .select((index_cursors::signature, index_cursors::slot))
            .first(&mut self.store.get().await.map_err(StoreError::from)?)
            .await
            .optional()?;
        let parse = |(signature, slot): (String, i64)| {
            let signature = signature.parse().map_err(|_| corrupt("the cursor"))?;
            Ok(Cursor { signature, slot })
        };
        row.map(parse).transpose()
    }

    async fn transactions(
        &self,
        cursor: Option<&Cursor>,
    ) -> Result<Vec<ChainTransaction>, IndexError> {
        let after = cursor.map(|cursor| cursor.signature);
        let transactions = history::after(self.chain, self.platform, after, AT_ONCE).await?;
        match (transactions, cursor) {
            (None, Some(Cursor { signature, slot })) => {
                Err(IndexError::Hole { after: *signature, slot: *slot })
            }
            (transactions, _) => Ok(transactions.unwrap_or_default()),
        }
    }

    /// Takes the platform's events out of transactions. A transaction that names the platform can
    /// have those of other platforms too.
    async fn found(&self, transactions: &[ChainTransaction]) -> Result<Found, IndexError> {
        let decoded: Vec<_> = transactions.iter().map(events).collect();
        let mut own = self.own(&decoded).await?;
        let mut found = Found::default();
        for (transaction, Events { events, truncated }) in transactions.iter().zip(decoded) {
            if truncated {
                metrics::truncated();
                tracing::error!(
                    signature = %transaction.signature,
                    "the log of this transaction was cut off: events may be missing, and `pixr \
                     verify` will show whether a balance depends on them"
                );
                found.changed.extend(own.shards.keys());
            }
            for (ordinal, event) in events.into_iter().enumerate() {
                if let ProgramEvent::ShardOpened(opened) = &event
                    && opened.platform == *self.platform
                {
                    registry::sync_shard(self.store, self.chain, self.platform, &opened.shard)
                        .await?;
                    own.shards.insert(opened.shard, opened.number);
                }
                found.add(transaction, ordinal, event, &mut own)?;
            }
        }
        Ok(found)
    }

    /// What is known of the platform before these events.
    async fn own(&self, decoded: &[Events]) -> Result<Own<'_>, IndexError> {
        let events = decoded.iter().flat_map(|decoded| &decoded.events);
        let named: BTreeSet<_> = events.filter_map(ProgramEvent::round).collect();
        let shards = registry::known_shards(self.store).await?.into_iter();
        Ok(Own {
            platform: self.platform,
            shards: shards.map(|(number, address)| (address, number)).collect(),
            rounds: rounds::places(self.store, named).await?,
        })
    }

    /// Stores events and moves the cursor, unless another pass did.
    async fn keep(
        &self,
        cursor: Option<&Cursor>,
        found: &Found,
        last: &ChainTransaction,
    ) -> Result<bool, IndexError> {
        let mut connection = self.store.get().await.map_err(StoreError::from)?;
        let address = self.platform.to_string();
        connection
            .transaction(async |connection| {
                let moved = move_cursor(connection, &address, cursor, last).await?;
                if moved {
                    insert(connection, &found.rows).await?;
                    projection::enter(connection, &found.rounds).await?;
                }
                Ok(moved)
            })
            .await
    }
}

impl Own<'_> {
    /// Shard and content of an event where it has them, or `None` when it is of another platform.
    /// Events that name only a round are about its content.
    fn place(&mut self, event: &ProgramEvent) -> Option<(Option<u32>, Option<u32>)> {
        let shard = event.shard().map(|address| self.shards.get(&address).copied());
        if let (ProgramEvent::RoundOpened(opened), Some(Some(shard))) = (event, shard) {
            self.rounds.insert(opened.round, (shard, opened.content));
        }
        let round = event.round().and_then(|round| self.rounds.get(&round)).copied();
        match (event.platform(), shard, round) {
            (Some(platform), shard, _) => {
                (platform == *self.platform).then_some((shard.flatten(), None))
            }
            (None, Some(shard), round) => {
                let content = event.content().or(round.map(|(_, content)| content));
                shard.map(|shard| (Some(shard), content))
            }
            (None, None, round) => round.map(|(shard, content)| (Some(shard), Some(content))),
        }
    }
}

impl Found {
    fn add(
        &mut self,
        transaction: &ChainTransaction,
        ordinal: usize,
        event: ProgramEvent,
        own: &mut Own,
    ) -> Result<(), IndexError> {
        let Some((shard, content)) = own.place(&event) else { return Ok(()) };
        if let ProgramEvent::CreatorRegistered(_) | ProgramEvent::ContentRegistered(_) = event {
            self.changed.extend(event.shard());
        }
        let number = |number: Option<u32>| number.map(registry::signed).transpose();
        let (shard, block_time) = (number(shard)?, transaction.block_time);
        let block_time = block_time.and_then(|unix| DateTime::from_timestamp(unix, 0));
        let rows = &mut self.rows;
        rows.signatures.push(transaction.signature.to_string());
        rows.ordinals.push(i16::try_from(ordinal).map_err(|_| corrupt("too many events"))?);
        rows.slots.push(i64::try_from(transaction.slot).map_err(|_| corrupt("a slot"))?);
        rows.block_times.push(block_time);
        rows.names.push(event.name());
        rows.shards.push(shard);
        rows.creators.push(number(event.creator())?);
        rows.contents.push(number(content)?);
        let sequence = event.sequence().map(i64::try_from).transpose();
        rows.sequences.push(sequence.map_err(|_| corrupt("a sequence"))?);
        rows.data.push(event.json());
        if let (Some(_), Some(shard)) = (event.round(), shard) {
            self.rounds.push(OfRound { shard, block_time, event });
        }
        Ok(())
    }
}

async fn move_cursor(
    connection: &mut AsyncPgConnection,
    address: &str,
    from: Option<&Cursor>,
    to: &ChainTransaction,
) -> Result<bool, IndexError> {
    let slot = i64::try_from(to.slot).map_err(|_| corrupt("a slot"))?;
    let (signature, slot) =
        (index_cursors::signature.eq(to.signature.to_string()), index_cursors::slot.eq(slot));
    let moved = match from {
        None => {
            diesel::insert_into(index_cursors::table)
                .values((index_cursors::address.eq(address), signature, slot))
                .on_conflict_do_nothing()
                .execute(connection)
                .await?
        }
        Some(from) => {
            diesel::update(index_cursors::table)
                .filter(index_cursors::address.eq(address))
                .filter(index_cursors::signature.eq(from.signature.to_string()))
                .set((signature, slot))
                .execute(connection)
                .await?
        }
    };
    Ok(moved == 1)
}

/// Inserts events in their order, so that their ids have it too.
async fn insert(connection: &mut AsyncPgConnection, rows: &Rows) -> Result<(), IndexError> {
    const INSERT: &str = "
        INSERT INTO chain_events
            (signature, ordinal, slot, block_time, name, shard, creator, content, sequence, data)
        SELECT signature, ordinal, slot, block_time, name, shard, creator, content, sequence, data
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) WITH ORDINALITY
            AS new (signature, ordinal, slot, block_time, name, shard, creator, content, sequence,
                    data, at)
        ORDER BY at
        ON CONFLICT (signature, ordinal) DO NOTHING";
    sql_query(INSERT)
        .bind::<Array<Text>, _>(&rows.signatures)
        .bind::<Array<SmallInt>, _>(&rows.ordinals)
        .bind::<Array<BigInt>, _>(&rows.slots)
        .bind::<Array<Nullable<Timestamptz>>, _>(&rows.block_times)
        .bind::<Array<Text>, _>(&rows.names)
        .bind::<Array<Nullable<Integer>>, _>(&rows.shards)
        .bind::<Array<Nullable<Integer>>, _>(&rows.creators)
        .bind::<Array<Nullable<Integer>>, _>(&rows.contents)
        .bind::<Array<Nullable<BigInt>>, _>(&rows.sequences)
        .bind::<Array<Jsonb>, _>(&rows.data)
        .execute(connection)
        .await?;
    Ok(())
}
