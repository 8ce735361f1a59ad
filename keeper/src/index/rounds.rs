//! Rounds and positions, as their events tell it: what commands and the market read.
//!
//! A round whose time is over refunds although no event says so: [`Round::refunds`] compares times.

pub(super) mod projection;
mod rows;

use std::collections::HashMap;

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use pixr::state::RoundTerms;

use self::rows::{PositionRow, RoundRow, number, parsed};
use super::registry::signed;
use crate::store::{
    Pool, StoreError,
    schema::{positions, rounds},
};

/// Where a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundStatus {
    /// Takes investments until its deadline.
    Open,
    /// Waits for its delivery.
    Funded,
    /// Its lane earns; of a support round, that the creator was paid.
    Delivered,
    /// Gives investments back.
    Refunding,
    /// Its lane is given back: what it is owed is final.
    Retired,
    /// Its account is gone.
    Closed,
}

impl RoundStatus {
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Funded, Self::Delivered, Self::Refunding, Self::Retired, Self::Closed];

    /// As the store and people name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Funded => "funded",
            Self::Delivered => "delivered",
            Self::Refunding => "refunding",
            Self::Retired => "retired",
            Self::Closed => "closed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A round. Amounts are base units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    pub address: Pubkey,
    pub shard: u32,
    pub content: u32,
    /// Among the rounds of its content.
    pub number: u32,
    pub terms: RoundTerms,
    pub status: RoundStatus,
    /// Invested, less what was refunded.
    pub raised: u64,
    /// Paid to positions.
    pub claimed: u64,
    pub opened_at: DateTime<Utc>,
    /// The content's `earned` then.
    pub earned_at_opening: u64,
    /// From funding on.
    pub deliver_until: Option<DateTime<Utc>>,
    /// From delivery on, where the cluster said when.
    pub delivered_at: Option<DateTime<Utc>>,
    /// From delivery on; a support round has none.
    pub delivery: Option<Delivery>,
    /// What it is owed, once its lane is given back; the lane says so before.
    pub owed: Option<u64>,
}

/// What a round with returns began to earn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Number of the lane in the shard, from 1. Another round may have it once it is given back.
    pub lane: u32,
    /// SHA-256.
    pub manifest_hash: [u8; 32],
    /// What the content earned between opening and delivery.
    pub baseline_earned: u64,
    /// The time between them.
    pub baseline_seconds: u32,
    /// The content's `earned` at delivery.
    pub earned_at_delivery: u64,
}

impl Round {
    /// Whether investments go back, also where no event says so yet.
    pub fn refunds(&self, now: DateTime<Utc>) -> bool {
        match self.status {
            RoundStatus::Open => now.timestamp() >= self.terms.deadline,
            RoundStatus::Funded => self.deliver_until.is_some_and(|until| now > until),
            RoundStatus::Refunding => true,
            RoundStatus::Delivered | RoundStatus::Retired | RoundStatus::Closed => false,
        }
    }
}

/// What somebody has in a round. Amounts are base units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub address: Pubkey,
    pub round: Pubkey,
    pub owner: Pubkey,
    /// Invested.
    pub amount: u64,
    /// Returns paid so far.
    pub claimed: u64,
    /// What it is offered for; a price above 2^63 - 1 reads as that.
    pub price: Option<u64>,
    /// Refunded, or paid for the last time.
    pub closed: bool,
}

/// The round at this address.
pub async fn round(store: &Pool, address: &Pubkey) -> Result<Option<Round>, StoreError> {
    let row = rounds::table
        .find(address.to_string())
        .select(RoundRow::as_select())
        .first(&mut store.get().await?)
        .await
        .optional()?;
    row.map(RoundRow::read).transpose()
}

/// The rounds of a content, in the order in which they were opened.
pub async fn of_content(store: &Pool, shard: u32, content: u32) -> Result<Vec<Round>, StoreError> {
    let rows = rounds::table
        .filter(rounds::shard.eq(signed(shard)?))
        .filter(rounds::content.eq(signed(content)?))
        .order(rounds::number)
        .select(RoundRow::as_select())
        .load(&mut store.get().await?)
        .await?;
    rows.into_iter().map(RoundRow::read).collect()
}

/// The rounds that stand so, the oldest first.
pub async fn with_status(store: &Pool, statuses: &[RoundStatus]) -> Result<Vec<Round>, StoreError> {
    let names: Vec<_> = statuses.iter().map(|status| status.name()).collect();
    let rows = rounds::table
        .filter(rounds::status.eq_any(names))
        .order((rounds::opened_at, rounds::address))
        .select(RoundRow::as_select())
        .load(&mut store.get().await?)
        .await?;
    rows.into_iter().map(RoundRow::read).collect()
}

/// The position at this address, closed or not.
pub async fn position(store: &Pool, address: &Pubkey) -> Result<Option<Position>, StoreError> {
    let row = positions::table
        .find(address.to_string())
        .select(PositionRow::as_select())
        .first(&mut store.get().await?)
        .await
        .optional()?;
    row.map(PositionRow::read).transpose()
}

/// The positions of a round, closed ones too, by address.
pub async fn positions_of_round(store: &Pool, round: &Pubkey) -> Result<Vec<Position>, StoreError> {
    let rows = positions::table
        .filter(positions::round.eq(round.to_string()))
        .order(positions::address)
        .select(PositionRow::as_select())
        .load(&mut store.get().await?)
        .await?;
    rows.into_iter().map(PositionRow::read).collect()
}

/// The open positions that an owner holds, by round and address.
pub async fn positions_of_owner(store: &Pool, owner: &Pubkey) -> Result<Vec<Position>, StoreError> {
    let rows = positions::table
        .filter(positions::owner.eq(owner.to_string()))
        .filter(positions::closed.eq(false))
        .order((positions::round, positions::address))
        .select(PositionRow::as_select())
        .load(&mut store.get().await?)
        .await?;
    rows.into_iter().map(PositionRow::read).collect()
}

/// The open positions that are for sale, the cheapest first.
pub async fn positions_for_sale(store: &Pool) -> Result<Vec<Position>, StoreError> {
    let rows = positions::table
        .filter(positions::price.is_not_null())
        .filter(positions::closed.eq(false))
        .order((positions::price, positions::address))
        .select(PositionRow::as_select())
        .load(&mut store.get().await?)
        .await?;
    rows.into_iter().map(PositionRow::read).collect()
}

/// Shard and content of those of `addresses` that are rounds of the platform.
pub async fn places(
    store: &Pool,
    addresses: impl IntoIterator<Item = Pubkey>,
) -> Result<HashMap<Pubkey, (u32, u32)>, StoreError> {
    let names: Vec<_> = addresses.into_iter().map(|address| address.to_string()).collect();
    let rows: Vec<(String, i32, i32)> = rounds::table
        .filter(rounds::address.eq_any(names))
        .select((rounds::address, rounds::shard, rounds::content))
        .load(&mut store.get().await?)
        .await?;
    let read = |(address, shard, content): (String, i32, i32)| {
        Ok((parsed("round", &address)?, (number(shard)?, number(content)?)))
    };
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
