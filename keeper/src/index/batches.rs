//! Indexed steps of a shard, with the entries of its batches.

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bytea, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use solana_signature::Signature;

use super::{
    IndexError, corrupt,
    files::Outcome,
    registry,
    steps::{Step, sent_entries},
};
use crate::{
    chain::Chain,
    store::{Pool, StoreError},
};

/// Steps of a shard in the order of the chain.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    pub shard: i32,
    /// Ids of events: after the first, up to the second.
    pub after: i64,
    pub through: i64,
    /// Which events: some of [`super::steps::NAMES`].
    pub names: &'a [&'a str],
    /// Of events that are about a content, only those about this one.
    pub content: Option<i32>,
    /// At most so many.
    pub limit: i64,
}

/// An indexed step.
#[derive(Clone, Debug)]
pub struct IndexedStep {
    /// Id of the event.
    pub id: i64,
    pub signature: Signature,
    pub slot: u64,
    pub block_time: Option<DateTime<Utc>>,
    pub step: Step,
    /// What this keeper planned as the batch: entries and running hash.
    planned: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    signature: String,
    #[diesel(sql_type = BigInt)]
    slot: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    block_time: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Jsonb)]
    data: Value,
    #[diesel(sql_type = Nullable<Bytea>)]
    entries: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Bytea>)]
    hash: Option<Vec<u8>>,
}

/// What is read of a step. Only events of batches have a sequence.
const SELECT: &str = "
    SELECT e.id, e.signature, e.slot, e.block_time, e.name, e.data, b.entries, b.hash
    FROM chain_events e
    LEFT JOIN batches b ON b.shard = e.shard AND b.sequence = e.sequence";

/// Reads steps.
pub async fn steps(store: &Pool, range: Range<'_>) -> Result<Vec<IndexedStep>, IndexError> {
    const WHICH: &str = "
        WHERE e.shard = $1 AND e.id > $2 AND e.id <= $3 AND e.name = ANY($4)
            AND ($5 IS NULL OR e.content IS NULL OR e.content = $5)
        ORDER BY e.id
        LIMIT $6";
    let rows: Vec<Row> = sql_query(format!("{SELECT}{WHICH}"))
        .bind::<Integer, _>(range.shard)
        .bind::<BigInt, _>(range.after)
        .bind::<BigInt, _>(range.through)
        .bind::<Array<Text>, _>(range.names)
        .bind::<Nullable<Integer>, _>(range.content)
        .bind::<BigInt, _>(range.limit)
        .load(&mut store.get().await.map_err(StoreError::from)?)
        .await?;
    rows.into_iter().map(IndexedStep::read).collect()
}

/// The batch with this sequence, once it is indexed.
pub async fn batch(
    store: &Pool,
    shard: u32,
    sequence: u64,
) -> Result<Option<(IndexedStep, Outcome)>, IndexError> {
    let Ok(sequence) = i64::try_from(sequence) else { return Ok(None) };
    let row: Option<Row> = sql_query(format!("{SELECT} WHERE e.shard = $1 AND e.sequence = $2"))
        .bind::<Integer, _>(registry::signed(shard)?)
        .bind::<BigInt, _>(sequence)
        .get_result(&mut store.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    let Some(step) = row.map(IndexedStep::read).transpose()? else { return Ok(None) };
    match step.step {
        Step::Batch(outcome) => Ok(Some((step, outcome))),
        _ => Err(corrupt(format!("event {} has a sequence", step.id))),
    }
}

impl IndexedStep {
    fn read(row: Row) -> Result<Self, IndexError> {
        let Row { id, signature, slot, block_time, name, data, entries, hash } = row;
        let wrong = |what: &str| corrupt(format!("event {id}: {what}"));
        Ok(Self {
            id,
            signature: signature.parse().map_err(|_| wrong("the signature"))?,
            slot: slot.try_into().map_err(|_| wrong("the slot"))?,
            block_time,
            step: Step::read(&name, &data)
                .map_err(corrupt)?
                .ok_or_else(|| wrong("it is no step"))?,
            planned: entries.zip(hash),
        })
    }

    /// The packed entries of this batch: as planned if that is what landed, else from the
    /// transaction.
    pub async fn entries(
        &mut self,
        chain: &dyn Chain,
        shard: (u32, &Pubkey),
        batch: &Outcome,
    ) -> Result<Vec<u8>, IndexError> {
        if let Some((entries, hash)) = self.planned.take()
            && hash == batch.hash.0
        {
            return Ok(entries);
        }
        let (shard, address) = shard;
        let (sequence, signature) = (batch.sequence, self.signature);
        let transaction = chain.transaction(&signature).await?;
        let missing = IndexError::NoEntries { shard, sequence, signature };
        sent_entries(&transaction.ok_or(missing)?, address, sequence).map_err(corrupt)
    }
}
