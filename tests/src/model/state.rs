//! What the model knows: facts, not counters. Totals follow from them.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use pixr::state::{Role, RoundTerms, Settings, shard::Capacities};

use super::action::{Actor, RequestId, RoundId};

/// Views times relevance times rate that are worth one base unit.
pub const SCALE: u32 = 10_000_000;

/// What an actor holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purse {
    pub tokens: BigInt,
    pub lamports: BigInt,
}

/// Who may do what, and at which rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    pub settings: Settings,
    pub admin: Actor,
    pub pending_admin: Option<Actor>,
    pub keeper: Actor,
    pub guardian: Actor,
    pub treasury: Actor,
    pub processor: Actor,
    pub paused: bool,
}

impl Platform {
    /// Who holds a role.
    pub fn holder(&mut self, role: Role) -> &mut Actor {
        match role {
            Role::Keeper => &mut self.keeper,
            Role::Guardian => &mut self.guardian,
            Role::Treasury => &mut self.treasury,
            Role::Processor => &mut self.processor,
        }
    }
}

/// A creator. What was ever credited is `balance` plus `withdrawn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    pub authority: Actor,
    pub balance: BigInt,
    /// Paid out or requested.
    pub withdrawn: BigInt,
    pub window_start: i64,
    pub window_spent: BigInt,
    /// Requests made so far: the number of the next one.
    pub requests: u32,
}

/// A content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub id: u128,
    pub creator: u32,
    pub quality: u16,
    pub views: BigInt,
    /// Views times relevance times rate, settled less reversed.
    pub points: BigInt,
    /// What the points were worth when they stood highest, in whole base units.
    pub earned: BigInt,
    /// Rounds opened so far: the number of the next one.
    pub rounds: u32,
    /// Rounds that earn, in the order of delivery.
    pub lanes: Vec<RoundId>,
}

/// What one investor put into a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub owner: Actor,
    pub payer: Actor,
    pub amount: BigInt,
    pub claimed: BigInt,
    pub price: u64,
}

/// Where a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    Funded { at: i64 },
    Delivered { funded_at: i64, at: i64 },
    Refunding { funded_at: i64 },
}

/// What a round earns by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Number among the shard's lanes, from 1.
    pub number: u32,
    /// What the content earned between opening and delivery, and how many seconds that took.
    pub baseline: (BigInt, u32),
    pub earned_at_delivery: BigInt,
    /// The highest uplift at a settlement so far, or as much of it as counts.
    pub high: BigInt,
}

/// A round with its escrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    pub terms: RoundTerms,
    pub opener: Actor,
    pub opened_at: i64,
    pub earned_at_opening: BigInt,
    pub stage: Stage,
    /// What its positions hold; of a delivered one, what they held then.
    pub raised: BigInt,
    /// What the escrow holds.
    pub escrow: BigInt,
    /// None before delivery, for support, and once it was given back.
    pub lane: Option<Lane>,
    pub owed: BigInt,
    pub claimed: BigInt,
    pub positions: BTreeMap<Actor, Position>,
}

/// A delayed withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub amount: BigInt,
    pub destination: Actor,
    pub payer: Actor,
    pub executable_at: i64,
    pub frozen: bool,
}

/// A proposed withdraw authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub by: Actor,
    pub proposed: Actor,
}

/// What batches did on one UTC day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970.
    pub number: u64,
    pub credited: BigInt,
    pub reversed: BigInt,
}

/// A ledger shard with its vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    pub number: u32,
    pub capacities: Capacities,
    /// Number of the next batch.
    pub sequence: u64,
    pub hash: [u8; 32],
    /// The day of the last batch.
    pub day: Day,
    pub funded: BigInt,
    pub tipped: BigInt,
    /// Paid out.
    pub withdrawn: BigInt,
    /// Settled, reversals not taken off.
    pub views: BigInt,
    /// Not yet collected.
    pub platform_fees: BigInt,
    /// Not yet collected.
    pub processing_fees: BigInt,
    /// What the vault holds.
    pub vault: BigInt,
    pub creators: Vec<Creator>,
    pub contents: Vec<Content>,
    pub requests: BTreeMap<RequestId, Request>,
    pub proposals: BTreeMap<u32, Proposal>,
    pub rounds: BTreeMap<RoundId, Round>,
    /// Lanes that are or were in use.
    pub lanes_used: u32,
    /// Numbers of those that were given back, the last one last.
    pub lanes_free: Vec<u32>,
    /// Taken by lanes.
    pub shared: BigInt,
    /// Paid to investors.
    pub claimed: BigInt,
    /// Credited to creators by support rounds.
    pub supported: BigInt,
}

/// Totals of a shard that follow from its creators, contents, requests and rounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    pub reward_budget: BigInt,
    pub balances: BigInt,
    pub delayed: BigInt,
    pub credited: BigInt,
    pub owed: BigInt,
}

impl Shard {
    /// A shard that was just opened.
    pub fn new(number: u32, capacities: Capacities) -> Self {
        Self {
            number,
            capacities,
            sequence: 1,
            hash: [0; 32],
            day: Day::default(),
            funded: BigInt::ZERO,
            tipped: BigInt::ZERO,
            withdrawn: BigInt::ZERO,
            views: BigInt::ZERO,
            platform_fees: BigInt::ZERO,
            processing_fees: BigInt::ZERO,
            vault: BigInt::ZERO,
            creators: Vec::new(),
            contents: Vec::new(),
            requests: BTreeMap::new(),
            proposals: BTreeMap::new(),
            rounds: BTreeMap::new(),
            lanes_used: 0,
            lanes_free: Vec::new(),
            shared: BigInt::ZERO,
            claimed: BigInt::ZERO,
            supported: BigInt::ZERO,
        }
    }

    /// Everything that contents ever earned.
    pub fn credited(&self) -> BigInt {
        self.contents.iter().map(|content| &content.earned).sum()
    }

    /// The totals that the facts add up to.
    pub fn totals(&self) -> Totals {
        let credited = self.credited();
        Totals {
            reward_budget: &self.funded - &credited,
            balances: self.creators.iter().map(|creator| &creator.balance).sum(),
            delayed: self.requests.values().map(|request| &request.amount).sum(),
            credited,
            owed: self.rounds.values().map(|round| &round.owed - &round.claimed).sum(),
        }
    }
}

/// A whole platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub platform: Platform,
    pub actors: Vec<Purse>,
    pub shards: Vec<Shard>,
}
