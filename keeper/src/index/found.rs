//! What transactions say of a platform, on its way into the store.

use std::collections::{BTreeSet, HashMap};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{
    sql_query,
    sql_types::{Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use super::{IndexError, corrupt, registry, rounds::projection::OfRound};
use crate::chain::{ChainTransaction, events::ProgramEvent};

/// What some transactions say.
#[derive(Default)]
pub struct Found {
    pub rows: Rows,
    /// Events of rounds, in their order.
    pub rounds: Vec<OfRound>,
    /// Shards with new slots, or of which that is not known.
    pub changed: BTreeSet<Pubkey>,
}

/// What belongs to the platform.
pub struct Own<'a> {
    pub platform: &'a Pubkey,
    /// Their numbers.
    pub shards: HashMap<Pubkey, u32>,
    /// Shard and content of rounds that events name.
    pub rounds: HashMap<Pubkey, (u32, u32)>,
}

/// Events by column.
#[derive(Default)]
pub struct Rows {
    signatures: Vec<String>,
    ordinals: Vec<i16>,
    slots: Vec<i64>,
    block_times: Vec<Option<DateTime<Utc>>>,
    pub names: Vec<&'static str>,
    shards: Vec<Option<i32>>,
    creators: Vec<Option<i32>>,
    contents: Vec<Option<i32>>,
    sequences: Vec<Option<i64>>,
    data: Vec<Value>,
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
    /// Takes an event in, if it is the platform's.
    pub fn add(
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

/// Inserts events in their order, so that their ids have it too.
pub async fn insert(connection: &mut AsyncPgConnection, rows: &Rows) -> Result<(), IndexError> {
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
