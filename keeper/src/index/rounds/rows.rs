//! Rows as the store has them.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use diesel::{Queryable, Selectable};
use pixr::state::RoundTerms;

use super::{Delivery, Position, Round, RoundStatus};
use crate::{
    chain::events::round_kind,
    store::{
        StoreError,
        schema::{positions, rounds},
    },
};

/// A row of `rounds`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = rounds)]
pub struct RoundRow {
    address: String,
    shard: i32,
    content: i32,
    number: i32,
    kind: String,
    target: i64,
    deadline: DateTime<Utc>,
    delivery_seconds: i64,
    share_bps: i32,
    cap: i64,
    term_seconds: i64,
    plan_hash: Vec<u8>,
    status: String,
    raised: i64,
    claimed: i64,
    opened_at: DateTime<Utc>,
    earned_at_opening: i64,
    deliver_until: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    manifest_hash: Option<Vec<u8>>,
    lane: Option<i32>,
    baseline_earned: Option<i64>,
    baseline_seconds: Option<i64>,
    earned_at_delivery: Option<i64>,
    owed: Option<i64>,
}

impl RoundRow {
    pub fn read(self) -> Result<Round, StoreError> {
        let kind = round_kind(&self.kind).ok_or_else(|| corrupt("kind", &self.kind))?;
        let status = RoundStatus::from_name(&self.status);
        let delivery = match self.lane {
            None => None,
            Some(lane) => {
                let missing = || corrupt("delivery", &self.address);
                Some(Delivery {
                    lane: number(lane)?,
                    manifest_hash: hash(self.manifest_hash.ok_or_else(missing)?)?,
                    baseline_earned: number(self.baseline_earned.ok_or_else(missing)?)?,
                    baseline_seconds: number(self.baseline_seconds.ok_or_else(missing)?)?,
                    earned_at_delivery: number(self.earned_at_delivery.ok_or_else(missing)?)?,
                })
            }
        };
        Ok(Round {
            address: parsed("round", &self.address)?,
            shard: number(self.shard)?,
            content: number(self.content)?,
            number: number(self.number)?,
            terms: RoundTerms {
                kind,
                target: number(self.target)?,
                deadline: self.deadline.timestamp(),
                delivery_seconds: number(self.delivery_seconds)?,
                share_bps: number(self.share_bps)?,
                cap: number(self.cap)?,
                term_seconds: number(self.term_seconds)?,
                plan_hash: hash(self.plan_hash)?,
            },
            status: status.ok_or_else(|| corrupt("status", &self.status))?,
            raised: number(self.raised)?,
            claimed: number(self.claimed)?,
            opened_at: self.opened_at,
            earned_at_opening: number(self.earned_at_opening)?,
            deliver_until: self.deliver_until,
            delivered_at: self.delivered_at,
            delivery,
            owed: self.owed.map(number).transpose()?,
        })
    }
}

/// A row of `positions`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = positions)]
pub struct PositionRow {
    address: String,
    round: String,
    owner: String,
    amount: i64,
    claimed: i64,
    price: Option<i64>,
    closed: bool,
}

impl PositionRow {
    pub fn read(self) -> Result<Position, StoreError> {
        Ok(Position {
            address: parsed("position", &self.address)?,
            round: parsed("round", &self.round)?,
            owner: parsed("owner", &self.owner)?,
            amount: number(self.amount)?,
            claimed: number(self.claimed)?,
            price: self.price.map(number).transpose()?,
            closed: self.closed,
        })
    }
}

fn corrupt(what: &str, found: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} {found} of a round"))
}

pub fn parsed<T: FromStr>(what: &str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(what, text))
}

pub fn number<T: TryFrom<i64>>(stored: impl Into<i64>) -> Result<T, StoreError> {
    let stored = stored.into();
    T::try_from(stored).map_err(|_| corrupt("number", &stored.to_string()))
}

fn hash(stored: Vec<u8>) -> Result<[u8; 32], StoreError> {
    <[u8; 32]>::try_from(stored).map_err(|stored| corrupt("hash", &hex::encode(stored)))
}
