//! From waiting windows to planned batches, in one transaction.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bytea, Integer, Text, Timestamptz},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pixr::entries::Entry;

use super::{
    Kind,
    pack::{PackError, PackedBatch, estimate, merge},
    records::{self, Write, loaded, shard_number, stored},
    tail::{Batch, Link},
    timing::Waiting,
};
use crate::store::{
    Pool, StoreError,
    leases::{self, Lease},
    schema::{batches, plans, shards, windows},
};

/// Most windows of one plan.
const WINDOWS_MAX: i64 = 1_024;
/// Most packed bytes of one plan's windows; the first window is taken however large it is.
const WINDOW_BYTES_MAX: i64 = 4 << 20;

/// A window that is in no plan yet.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub id: i64,
    pub kind: Kind,
    pub entries: Vec<u8>,
    pub oldest_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct WindowRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bytea)]
    entries: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    oldest_at: DateTime<Utc>,
}

/// The first windows of a shard that are in no plan, oldest first.
pub(super) async fn load_windows(
    connection: &mut AsyncPgConnection,
    shard: u32,
) -> Result<Vec<Window>, StoreError> {
    let rows: Vec<WindowRow> = diesel::sql_query(
        "SELECT id, kind, entries, oldest_at FROM (
             SELECT *, sum(octet_length(entries)) OVER (ORDER BY id) - octet_length(entries) AS before
             FROM (SELECT id, kind, entries, oldest_at FROM windows
                   WHERE shard = $1 AND plan IS NULL ORDER BY id LIMIT $2) AS first
         ) AS measured
         WHERE before < $3 ORDER BY id",
    )
    .bind::<Integer, _>(shard_number(shard)?)
    .bind::<BigInt, _>(WINDOWS_MAX)
    .bind::<BigInt, _>(WINDOW_BYTES_MAX)
    .load(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let kind = records::kind(&row.kind)?;
            Ok(Window { id: row.id, kind, entries: row.entries, oldest_at: row.oldest_at })
        })
        .collect()
}

/// Windows of one kind that can become batches together.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub kind: Kind,
    pub windows: Vec<i64>,
    pub entries: Vec<Entry>,
    pub oldest_at: DateTime<Utc>,
}

impl Candidate {
    /// What the decision to plan needs to know.
    pub fn waiting(&self, base_rate: u64, now: DateTime<Utc>) -> Waiting {
        Waiting {
            credits: self.entries.len(),
            amount: estimate(&self.entries, base_rate),
            // A clock that was set back makes nothing older.
            age: (now - self.oldest_at).to_std().unwrap_or(Duration::ZERO),
        }
    }
}

/// What can be planned: the reversals before the first views, and the views.
///
/// Views are never taken back before they are credited, since the program refuses that: a reversal
/// waits for the views before it. Views need not wait for a reversal before them.
pub(super) fn candidates(windows: Vec<Window>) -> Result<Vec<Candidate>, PackError> {
    let (views, reversals): (Vec<_>, Vec<_>) =
        windows.into_iter().partition(|window| window.kind == Kind::Views);
    let first = views.as_slice().first().map(|window| window.id);
    let reversals: Vec<_> = reversals
        .into_iter()
        .filter(|reversal| first.is_none_or(|first| reversal.id < first))
        .collect();
    let both = [(Kind::Reversal, reversals), (Kind::Views, views)];
    both.into_iter().filter_map(|(kind, windows)| candidate(kind, windows).transpose()).collect()
}

fn candidate(kind: Kind, windows: Vec<Window>) -> Result<Option<Candidate>, PackError> {
    let Some(oldest_at) = windows.iter().map(|window| window.oldest_at).min() else {
        return Ok(None);
    };
    let entries = merge(windows.iter().map(|window| window.entries.as_slice()))?;
    let windows = windows.iter().map(|window| window.id).collect();
    Ok(Some(Candidate { kind, windows, entries, oldest_at }))
}

/// What the batches of a plan have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanOf {
    pub plan: i64,
    pub kind: Kind,
    pub oldest_at: DateTime<Utc>,
}

/// Numbers and hashes for packed batches, after `start`.
pub(super) fn chain(
    of: PlanOf,
    start: Link,
    packed: Vec<PackedBatch>,
) -> Result<Vec<Batch>, StoreError> {
    let mut link = start;
    packed
        .into_iter()
        .map(|PackedBatch { entries, credits, views }| {
            link = Link {
                sequence: link.sequence.saturating_add(1),
                hash: of.kind.chain(&link.hash, &entries),
            };
            Ok(Batch {
                sequence: link.sequence,
                kind: of.kind,
                plan: of.plan,
                entries,
                hash: link.hash,
                credits: u64::try_from(credits)
                    .map_err(|_| StoreError::Corrupt("a batch of over 2^64 credits".into()))?,
                views,
                oldest_at: of.oldest_at,
                attempts: Vec::new(),
                confirmed_at: None,
            })
        })
        .collect()
}

/// The list of a shard's batches that a transaction is about to change.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub shard: u32,
    pub lease: &'a Lease,
    /// The last batch, as this process knows it.
    pub last: Option<Link>,
}

impl List<'_> {
    /// Keeps everybody else from changing the list until the transaction ends.
    ///
    /// The shard's row is locked less strictly than `FOR UPDATE` does, so that new windows, which
    /// refer to it, need not wait.
    pub async fn lock(&self, connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
        let number = shard_number(self.shard)?;
        let _: i32 = shards::table
            .find(number)
            .select(shards::number)
            .for_no_key_update()
            .first(connection)
            .await?;
        leases::check(connection, self.lease).await?;
        let last: Option<i64> = batches::table
            .filter(batches::shard.eq(number))
            .select(diesel::dsl::max(batches::sequence))
            .first(connection)
            .await?;
        if last.map(loaded).transpose()? != self.last.map(|last| last.sequence) {
            let shard = self.shard;
            return Err(StoreError::Corrupt(format!("two plan the batches of shard {shard}")));
        }
        Ok(())
    }
}

/// Stores a plan: its batches after `start`, and its windows as planned. Also `writes`, since a
/// commit costs the same with them.
pub(super) async fn commit(
    pool: &Pool,
    list: List<'_>,
    start: Link,
    candidate: &Candidate,
    packed: Vec<PackedBatch>,
    writes: &[Write],
) -> Result<Vec<Batch>, StoreError> {
    let Candidate { kind, oldest_at, .. } = *candidate;
    let windows = &candidate.windows;
    let mut connection = pool.get().await?;
    connection
        .transaction(async |connection| {
            list.lock(connection).await?;
            records::write(connection, writes).await?;
            let plan: i64 = diesel::insert_into(plans::table)
                .values((
                    plans::shard.eq(shard_number(list.shard)?),
                    plans::kind.eq(kind.name()),
                    plans::planned_at.eq(Utc::now()),
                ))
                .returning(plans::id)
                .get_result(connection)
                .await?;
            let batches = chain(PlanOf { plan, kind, oldest_at }, start, packed)?;
            records::insert_batches(connection, list.shard, &batches).await?;
            let taken = diesel::update(windows::table)
                .filter(windows::id.eq_any(windows))
                .filter(windows::plan.is_null())
                .set(windows::plan.eq(plan))
                .execute(connection)
                .await?;
            if taken != windows.len() {
                return Err(StoreError::Corrupt("a window of this plan is in another one".into()));
            }
            Ok(batches)
        })
        .await
}

/// Cuts batches anew that were never signed, from `sequence` to the last: what was planned for a
/// larger transaction or a higher cap. Entries stay with their plan, so that what is said of windows
/// and plans stays true; plans come in the order of `plans`.
///
/// Once a batch is signed its bytes may be on their way, and then it never changes.
pub(super) async fn replace(
    pool: &Pool,
    list: List<'_>,
    start: Link,
    plans: Vec<(PlanOf, Vec<PackedBatch>)>,
    writes: &[Write],
) -> Result<Vec<Batch>, StoreError> {
    let mut link = start;
    let mut all = Vec::new();
    for (of, packed) in plans {
        let batches = chain(of, link, packed)?;
        if let Some(last) = batches.last() {
            link = Link { sequence: last.sequence, hash: last.hash };
        }
        all.extend(batches);
    }
    let mut connection = pool.get().await?;
    connection
        .transaction(async |connection| {
            list.lock(connection).await?;
            records::write(connection, writes).await?;
            // Transactions refer to their batch: this fails when one of these was signed.
            diesel::delete(batches::table)
                .filter(batches::shard.eq(shard_number(list.shard)?))
                .filter(batches::sequence.gt(stored(start.sequence)?))
                .execute(connection)
                .await?;
            records::insert_batches(connection, list.shard, &all).await?;
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(all)
}

#[cfg(test)]
mod tests;
