//! Transactions of operations in the database.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::Landed;
use crate::{
    settle::{
        records::{self, AttemptRow, FINALIZED, NewTransaction, Owner, PENDING, Write, loaded},
        tail::Attempt,
    },
    store::{Pool, StoreError, schema::transactions},
};

/// What is known of an operation.
pub enum Known {
    Landed(Landed),
    Pending(Attempt),
}

/// What is known of the operations with these keys; nothing of those that never had a transaction
/// that landed or still can.
pub async fn known(pool: &Pool, keys: &[&str]) -> Result<BTreeMap<String, Known>, StoreError> {
    let rows: Vec<(AttemptRow, Option<i64>, Option<i64>)> = transactions::table
        .filter(transactions::operation.eq_any(keys))
        .filter(transactions::outcome.eq_any([PENDING, FINALIZED]))
        .select((AttemptRow::as_select(), transactions::slot, transactions::fee_lamports))
        .load(&mut pool.get().await?)
        .await?;
    let mut known = BTreeMap::new();
    for (mut row, slot, fee) in rows {
        let Some(key) = row.operation.take() else { continue };
        let attempt = Attempt::try_from(row)?;
        let entry = if attempt.pending {
            Known::Pending(attempt)
        } else {
            Known::Landed(Landed {
                signature: attempt.signature,
                slot: loaded(slot.unwrap_or(0))?,
                fee_lamports: loaded(fee.unwrap_or(0))?,
            })
        };
        known.insert(key, entry);
    }
    Ok(known)
}

/// Stores signed transactions as pending, in one commit. Returns the signatures of those that were
/// stored: not of those whose key has a transaction by now, or that are equal to another one.
pub async fn store(
    pool: &Pool,
    attempts: &[(&str, &Attempt)],
) -> Result<BTreeSet<String>, StoreError> {
    let rows: Vec<NewTransaction> = attempts
        .iter()
        .map(|(key, attempt)| NewTransaction::pending(Owner::Operation(key), attempt))
        .collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut connection = pool.get().await?;
    connection
        .transaction(async |connection| {
            let mut stored = BTreeSet::new();
            for rows in rows.chunks(records::ROWS_MAX) {
                let signatures: Vec<String> = diesel::insert_into(transactions::table)
                    .values(rows)
                    .on_conflict_do_nothing()
                    .returning(transactions::signature)
                    .get_results(connection)
                    .await?;
                stored.extend(signatures);
            }
            Ok(stored)
        })
        .await
}

/// Writes what became of transactions, in one commit.
pub async fn write(pool: &Pool, writes: &[Write]) -> Result<(), StoreError> {
    let mut connection = pool.get().await?;
    connection.transaction(async |connection| records::write(connection, writes).await).await
}
