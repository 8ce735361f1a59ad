//! From the platform's history to `chain_events`.

use std::collections::BTreeSet;

use anchor_lang::prelude::Pubkey;
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use solana_signature::Signature;

use super::{
    IndexError, corrupt,
    found::{Found, Own, insert},
    history, metrics, registry,
    rounds::{self, projection},
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
