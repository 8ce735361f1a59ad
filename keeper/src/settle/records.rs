//! Batches and their transactions in the database.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use solana_signature::Signature;

use super::{
    Kind,
    tail::{Attempt, Batch, Link, Tail},
};
pub(super) use crate::store::{loaded, stored};
use crate::{
    chain::transactions::{Limits, Version},
    store::{
        StoreError,
        schema::{batches, transactions},
    },
};

/// Open batches that are loaded at once.
const LOADED_MAX: i64 = 256;
/// Rows of one INSERT: PostgreSQL takes 65,535 parameters.
pub(super) const ROWS_MAX: usize = 1_000;

/// A shard's number as PostgreSQL keeps it.
pub(super) fn shard_number(shard: u32) -> Result<i32, StoreError> {
    i32::try_from(shard).map_err(|_| StoreError::Corrupt(format!("there is no shard {shard}")))
}

pub(super) fn kind(name: &str) -> Result<Kind, StoreError> {
    Kind::from_name(name).ok_or_else(|| StoreError::Corrupt(format!("no kind {name}")))
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("a hash that has not 32 bytes".into()))
}

fn signature(text: &str) -> Result<Signature, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("{text} is no signature")))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = batches)]
struct BatchRow {
    sequence: i64,
    kind: String,
    plan: i64,
    entries: Vec<u8>,
    hash: Vec<u8>,
    credits: i32,
    views: i64,
    oldest_at: DateTime<Utc>,
}

impl TryFrom<BatchRow> for Batch {
    type Error = StoreError;

    fn try_from(row: BatchRow) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: loaded(row.sequence)?,
            kind: kind(&row.kind)?,
            plan: row.plan,
            entries: row.entries,
            hash: hash(&row.hash)?,
            credits: loaded(row.credits.into())?,
            views: loaded(row.views)?,
            oldest_at: row.oldest_at,
            attempts: Vec::new(),
            confirmed_at: None,
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = batches)]
struct NewBatch<'a> {
    shard: i32,
    sequence: i64,
    kind: &'static str,
    plan: i64,
    entries: &'a [u8],
    hash: &'a [u8],
    credits: i32,
    views: i64,
    oldest_at: DateTime<Utc>,
}

/// What is read of a stored transaction.
#[derive(Queryable, Selectable)]
#[diesel(table_name = transactions)]
pub(super) struct AttemptRow {
    pub sequence: Option<i64>,
    pub operation: Option<String>,
    signature: String,
    bytes: Vec<u8>,
    version: i16,
    last_valid_block_height: i64,
    compute_unit_limit: i32,
    priority_fee: i64,
    signed_at: DateTime<Utc>,
    pub outcome: String,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let version = [Version::V0, Version::V1]
            .into_iter()
            .find(|version| version.number() == row.version)
            .ok_or_else(|| StoreError::Corrupt(format!("no version {}", row.version)))?;
        let compute_units = u32::try_from(row.compute_unit_limit)
            .map_err(|_| StoreError::Corrupt("a negative compute unit limit".into()))?;
        Ok(Self {
            signature: signature(&row.signature)?,
            bytes: row.bytes,
            version,
            limits: Limits { compute_units, priority_fee: loaded(row.priority_fee)? },
            last_valid_block_height: loaded(row.last_valid_block_height)?,
            signed_at: row.signed_at,
            pending: row.outcome == PENDING,
        })
    }
}

/// Outcomes as they are stored.
pub(super) const PENDING: &str = "pending";
pub(super) const FINALIZED: &str = "finalized";
pub(super) const FAILED: &str = "failed";
pub(super) const EXPIRED: &str = "expired";

/// Whose transaction it is.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    Batch { shard: u32, sequence: u64 },
    Operation(&'a str),
}

#[derive(Insertable)]
#[diesel(table_name = transactions)]
pub(super) struct NewTransaction<'a> {
    signature: String,
    shard: Option<i32>,
    sequence: Option<i64>,
    operation: Option<&'a str>,
    bytes: &'a [u8],
    version: i16,
    last_valid_block_height: i64,
    compute_unit_limit: i32,
    priority_fee: i64,
    signed_at: DateTime<Utc>,
    outcome: &'static str,
}

impl<'a> NewTransaction<'a> {
    pub fn pending(owner: Owner<'a>, attempt: &'a Attempt) -> Result<Self, StoreError> {
        let (shard, sequence, operation) = match owner {
            Owner::Batch { shard, sequence } => {
                (Some(shard_number(shard)?), Some(stored(sequence)?), None)
            }
            Owner::Operation(key) => (None, None, Some(key)),
        };
        let limit = attempt.limits.compute_units;
        Ok(Self {
            signature: attempt.signature.to_string(),
            shard,
            sequence,
            operation,
            bytes: &attempt.bytes,
            version: attempt.version.number(),
            last_valid_block_height: stored(attempt.last_valid_block_height)?,
            compute_unit_limit: i32::try_from(limit)
                .map_err(|_| StoreError::Corrupt(format!("a limit of {limit} compute units")))?,
            priority_fee: stored(attempt.limits.priority_fee)?,
            signed_at: attempt.signed_at,
            outcome: PENDING,
        })
    }
}

/// A transaction that landed, with what the cluster still knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LandedAttempt {
    pub signature: Signature,
    pub slot: Option<u64>,
    pub fee_lamports: u64,
    pub compute_units: Option<u64>,
}

/// What became known of a batch or a transaction and is not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// A batch is finalized; by which transaction, where that is known.
    Finalized {
        shard: u32,
        sequence: u64,
        confirmed_at: DateTime<Utc>,
        landed: Option<LandedAttempt>,
    },
    /// An operation's transaction is finalized.
    Landed(LandedAttempt),
    /// A transaction can no longer land.
    Closed { signature: Signature, outcome: &'static str, error: Option<String> },
}

/// Reads the end of a shard's list of batches.
pub(super) async fn load_tail(
    connection: &mut AsyncPgConnection,
    shard: u32,
) -> Result<Tail, StoreError> {
    let number = shard_number(shard)?;
    let last: Option<(i64, Vec<u8>)> = batches::table
        .filter(batches::shard.eq(number))
        .order(batches::sequence.desc())
        .select((batches::sequence, batches::hash))
        .first(connection)
        .await
        .optional()?;
    let Some((last, last_hash)) = last else { return Ok(Tail::default()) };
    let last = Link { sequence: loaded(last)?, hash: hash(&last_hash)? };
    let open = load_batches(connection, shard, 0).await?;
    let finalized =
        open.as_slice().first().map_or(last.sequence, |first| first.sequence.saturating_sub(1));
    Ok(Tail { open: open.into(), finalized: Some(finalized), last: Some(last) })
}

/// Reads open batches after `sequence`, in order, with their transactions.
pub(super) async fn load_batches(
    connection: &mut AsyncPgConnection,
    shard: u32,
    sequence: u64,
) -> Result<Vec<Batch>, StoreError> {
    let shard = shard_number(shard)?;
    let rows: Vec<BatchRow> = batches::table
        .filter(batches::shard.eq(shard))
        .filter(batches::sequence.gt(stored(sequence)?))
        .filter(batches::finalized_at.is_null())
        .order(batches::sequence)
        .limit(LOADED_MAX)
        .select(BatchRow::as_select())
        .load(connection)
        .await?;
    let (Some(first), Some(last)) = (rows.as_slice().first(), rows.last()) else {
        return Ok(Vec::new());
    };
    let attempts: Vec<AttemptRow> = transactions::table
        .filter(transactions::shard.eq(shard))
        .filter(transactions::sequence.between(first.sequence, last.sequence))
        .order(transactions::signed_at)
        .select(AttemptRow::as_select())
        .load(connection)
        .await?;
    let mut by_sequence: BTreeMap<i64, Vec<Attempt>> = BTreeMap::new();
    for row in attempts {
        let Some(sequence) = row.sequence else { continue };
        by_sequence.entry(sequence).or_default().push(row.try_into()?);
    }
    rows.into_iter()
        .map(|row| {
            let attempts = by_sequence.remove(&row.sequence).unwrap_or_default();
            Ok(Batch { attempts, ..row.try_into()? })
        })
        .collect()
}

/// Stores planned batches.
pub(super) async fn insert_batches(
    connection: &mut AsyncPgConnection,
    shard: u32,
    planned: &[Batch],
) -> Result<(), StoreError> {
    let shard = shard_number(shard)?;
    for rows in planned.chunks(ROWS_MAX) {
        let rows: Vec<NewBatch> = rows
            .iter()
            .map(|batch| {
                Ok(NewBatch {
                    shard,
                    sequence: stored(batch.sequence)?,
                    kind: batch.kind.name(),
                    plan: batch.plan,
                    entries: &batch.entries,
                    hash: &batch.hash,
                    credits: i32::try_from(batch.credits)
                        .map_err(|_| StoreError::Corrupt("a batch of over 2^31 credits".into()))?,
                    views: stored(batch.views)?,
                    oldest_at: batch.oldest_at,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        diesel::insert_into(batches::table).values(&rows).execute(connection).await?;
    }
    Ok(())
}

/// Stores a signed transaction as pending.
pub(super) async fn insert_attempt(
    connection: &mut AsyncPgConnection,
    owner: Owner<'_>,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let row = NewTransaction::pending(owner, attempt)?;
    diesel::insert_into(transactions::table).values(&row).execute(connection).await?;
    Ok(())
}

/// Writes what became known.
pub(super) async fn write(
    connection: &mut AsyncPgConnection,
    writes: &[Write],
) -> Result<(), StoreError> {
    for write in writes {
        match write {
            Write::Landed(landed) => land(connection, landed, Utc::now()).await?,
            Write::Finalized { shard, sequence, confirmed_at, landed } => {
                finalize(connection, *shard, *sequence, landed.as_ref()).await?;
                if let Some(landed) = landed {
                    land(connection, landed, *confirmed_at).await?;
                }
            }
            Write::Closed { signature, outcome, error } => {
                close(connection, signature, outcome, error.as_deref()).await?;
            }
        }
    }
    Ok(())
}

async fn finalize(
    connection: &mut AsyncPgConnection,
    shard: u32,
    sequence: u64,
    landed: Option<&LandedAttempt>,
) -> Result<(), StoreError> {
    let signature = landed.map(|landed| landed.signature.to_string());
    diesel::update(batches::table)
        .filter(batches::shard.eq(shard_number(shard)?))
        .filter(batches::sequence.eq(stored(sequence)?))
        .set((batches::finalized_at.eq(Utc::now()), batches::signature.eq(signature)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes that a transaction landed, whatever was thought of it before.
async fn land(
    connection: &mut AsyncPgConnection,
    landed: &LandedAttempt,
    confirmed_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(transactions::table)
        .filter(transactions::signature.eq(landed.signature.to_string()))
        .set((
            transactions::outcome.eq(FINALIZED),
            transactions::error.eq(None::<String>),
            transactions::slot.eq(landed.slot.map(stored).transpose()?),
            transactions::fee_lamports.eq(stored(landed.fee_lamports)?),
            transactions::compute_units.eq(landed.compute_units.map(stored).transpose()?),
            transactions::confirmed_at.eq(confirmed_at),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes that a pending transaction can no longer land.
async fn close(
    connection: &mut AsyncPgConnection,
    signature: &Signature,
    outcome: &str,
    error: Option<&str>,
) -> Result<(), StoreError> {
    diesel::update(transactions::table)
        .filter(transactions::signature.eq(signature.to_string()))
        .filter(transactions::outcome.eq(PENDING))
        .set((transactions::outcome.eq(outcome), transactions::error.eq(error)))
        .execute(connection)
        .await?;
    Ok(())
}
