//! The rounds of a shard, what their positions are paid, and the lanes that earn for them.

use std::collections::HashMap;

use anchor_lang::prelude::Pubkey;
use pixr::{
    math::returns::{Baseline, part_floor},
    state::{
        Lane,
        shard::{LaneTerms, link_of},
    },
};

use super::{accounts::ContentBooks, ledger::index};
use crate::index::files::Change;

/// What a change should say and does not: field, what follows from the books, what it says.
pub type Wrong = (&'static str, String, String);

/// What a round has come to. Amounts are base units.
struct Round {
    content: u32,
    number: u32,
    /// Basis points; zero for support.
    share_bps: u16,
    cap: u64,
    term_seconds: u32,
    opened_at: i64,
    earned_at_opening: u64,
    raised: u64,
    claimed: u64,
    positions: HashMap<Pubkey, Position>,
    returns: Returns,
}

#[derive(Clone, Copy, Default)]
struct Position {
    amount: u64,
    claimed: u64,
}

/// Where it stands what a round is owed.
#[derive(Clone, Copy)]
enum Returns {
    /// It is not delivered.
    None,
    /// In the lane with this number.
    Lane(u32),
    /// Here: nothing can be added.
    Final(u64),
}

/// All rounds of a shard that have an account, and its lanes.
#[derive(Default)]
pub struct Rounds {
    rounds: HashMap<Pubkey, Round>,
    /// Every lane that is or was in use; their links are not kept up to date.
    lanes: Vec<Lane>,
    /// Numbers of the lanes of each content that has some, in the order of delivery.
    lists: HashMap<u32, Vec<u32>>,
    /// Numbers of free lanes; the last is taken first.
    free: Vec<u32>,
}

impl Rounds {
    pub fn knows(&self, round: &Pubkey) -> bool {
        self.rounds.contains_key(round)
    }

    pub fn content_of(&self, round: &Pubkey) -> Option<u32> {
        self.rounds.get(round).map(|round| round.content)
    }

    /// Link to the first lane of a content; zero when it has none.
    pub fn first_lane(&self, content: u32) -> u64 {
        self.lists.get(&content).and_then(|list| list.first()).map_or(0, |first| link_of(*first))
    }

    /// The lanes as the account must have them.
    pub fn lanes(&self) -> Vec<Lane> {
        let mut lanes = self.lanes.clone();
        let free = self.free.iter().rev().copied().collect::<Vec<_>>();
        for list in self.lists.values().chain([&free]) {
            let next = list.iter().skip(1).map(|number| link_of(*number)).chain([0]);
            for (number, next) in list.iter().zip(next) {
                if let Some(lane) = lanes.get_mut(place(*number)) {
                    lane.next = next;
                }
            }
        }
        lanes
    }

    /// Lanes that are or were in use.
    pub fn lanes_used(&self) -> usize {
        self.lanes.len()
    }

    pub fn free_lanes(&self) -> usize {
        self.free.len()
    }

    /// Number of the free lane that is taken next; zero when there is none.
    pub fn first_free_lane(&self) -> u32 {
        self.free.last().copied().unwrap_or(0)
    }

    /// Lets the lanes of a content that has earned `earned` in all take their part of a credit.
    /// Returns what is left for the creator.
    #[inline]
    pub fn share_out(
        &mut self,
        content: u32,
        unix_seconds: u64,
        earned: u64,
        credit: u64,
    ) -> Option<u64> {
        if self.lists.is_empty() {
            return Some(credit);
        }
        let mut left = credit;
        for number in self.lists.get(&content).into_iter().flatten() {
            let lane = self.lanes.get_mut(place(*number))?;
            // SAFETY: `Lane::new` made each lane of a list, from a baseline: its seconds are not zero.
            left = unsafe { lane.take(unix_seconds, earned, left) };
        }
        Some(left)
    }

    /// Books a change of a round that is known.
    pub fn change(
        &mut self,
        address: &Pubkey,
        change: &Change,
        contents: &[ContentBooks],
    ) -> Result<(), Wrong> {
        let wrong = || ("change", "one that the round allows".into(), format!("{change:?}"));
        let round = self.rounds.get_mut(address).ok_or_else(wrong)?;
        match *change {
            Change::Invested { position, amount, .. } => {
                let held = round.positions.entry(position).or_default();
                held.amount = held.amount.checked_add(amount).ok_or_else(wrong)?;
                round.raised = round.raised.checked_add(amount).ok_or_else(wrong)?;
            }
            Change::Refunded { position, amount, .. } => {
                let held = round.positions.remove(&position).ok_or_else(wrong)?;
                equal("refund", held.amount, amount)?;
                round.raised = round.raised.checked_sub(amount).ok_or_else(wrong)?;
            }
            Change::Supported { amount, .. } => {
                equal("support", round.raised, amount)?;
                round.returns = Returns::Final(0);
            }
            Change::Claimed { position, amount, .. } => {
                let (owed, is_final) = match round.returns {
                    Returns::None => return Err(wrong()),
                    Returns::Lane(lane) => {
                        (self.lanes.get(place(lane)).ok_or_else(wrong)?.owed, false)
                    }
                    Returns::Final(owed) => (owed, true),
                };
                let held = round.positions.get_mut(&position).ok_or_else(wrong)?;
                let part = part_floor(owed, held.amount, round.raised);
                let due = part.and_then(|part| part.checked_sub(held.claimed));
                equal("claim", due.ok_or_else(wrong)?, amount)?;
                held.claimed = held.claimed.checked_add(amount).ok_or_else(wrong)?;
                round.claimed = round.claimed.checked_add(amount).ok_or_else(wrong)?;
                if is_final {
                    round.positions.remove(&position);
                }
            }
            Change::Closed { dust, .. } => {
                let owed = match round.returns {
                    Returns::None => 0,
                    Returns::Final(owed) => owed,
                    Returns::Lane(_) => return Err(wrong()),
                };
                equal("positions", 0, round.positions.len())?;
                equal("dust", owed.checked_sub(round.claimed).ok_or_else(wrong)?, dust)?;
                self.rounds.remove(address);
            }
            Change::Delivered { .. } => return self.deliver(address, change, contents),
            Change::Retired { owed, .. } => return self.retire(address, owed),
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// Books the opening of a content's next round.
    pub fn open(&mut self, change: &Change, content: &mut ContentBooks) -> Result<(), Wrong> {
        let Change::Opened {
            round,
            content: at,
            number,
            share_bps,
            cap,
            term_seconds,
            unix_seconds,
        } = *change
        else {
            return Ok(());
        };
        equal("number", content.next_round, number)?;
        content.next_round = number.saturating_add(1);
        let new = Round {
            content: at,
            number,
            share_bps,
            cap,
            term_seconds,
            opened_at: unix_seconds,
            earned_at_opening: content.earned,
            raised: 0,
            claimed: 0,
            positions: HashMap::new(),
            returns: Returns::None,
        };
        match self.rounds.insert(round, new) {
            None => Ok(()),
            Some(_) => Err(("round", "a new one".into(), "one that was opened before".into())),
        }
    }

    /// Gives a round its lane, with the baseline that follows from the content's own counters.
    fn deliver(
        &mut self,
        address: &Pubkey,
        change: &Change,
        contents: &[ContentBooks],
    ) -> Result<(), Wrong> {
        let wrong = || ("delivery", "one that the books allow".into(), format!("{change:?}"));
        let Change::Delivered { lane, baseline_earned, baseline_seconds, unix_seconds, .. } =
            *change
        else {
            return Err(wrong());
        };
        let round = self.rounds.get_mut(address).ok_or_else(wrong)?;
        let earned = contents.get(index(round.content)).ok_or_else(wrong)?.earned;
        let since = earned.checked_sub(round.earned_at_opening).ok_or_else(wrong)?;
        equal("baseline, base units", since, baseline_earned)?;
        let seconds = unix_seconds.checked_sub(round.opened_at).ok_or_else(wrong)?;
        equal("baseline, seconds", seconds, i64::from(baseline_seconds))?;
        let baseline =
            Baseline::new(since, baseline_seconds, round.term_seconds).ok_or_else(wrong)?;
        let terms = LaneTerms {
            content: round.content,
            round: round.number,
            share_bps: round.share_bps,
            cap: round.cap,
            term_seconds: round.term_seconds,
        };
        let new = Lane::new(terms, baseline, earned, unix_seconds).map_err(|_| wrong())?;
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.lanes.push(bytemuck::Zeroable::zeroed());
                u32::try_from(self.lanes.len()).map_err(|_| wrong())?
            }
        };
        *self.lanes.get_mut(place(number)).ok_or_else(wrong)? = new;
        self.lists.entry(round.content).or_default().push(number);
        round.returns = Returns::Lane(number);
        equal("lane", number, lane)
    }

    /// Takes the lane of a round back.
    fn retire(&mut self, address: &Pubkey, stated: u64) -> Result<(), Wrong> {
        let wrong = || ("lane", "one to be given back".into(), "none".into());
        let round = self.rounds.get_mut(address).ok_or_else(wrong)?;
        let Returns::Lane(number) = round.returns else { return Err(wrong()) };
        let lane = self.lanes.get_mut(place(number)).ok_or_else(wrong)?;
        let Lane { owed, .. } = std::mem::replace(lane, bytemuck::Zeroable::zeroed());
        if let Some(list) = self.lists.get_mut(&round.content) {
            list.retain(|other| *other != number);
            if list.is_empty() {
                self.lists.remove(&round.content);
            }
        }
        self.free.push(number);
        round.returns = Returns::Final(owed);
        equal("owed", owed, stated)
    }
}

fn equal<T: PartialEq<U> + ToString, U: ToString>(
    field: &'static str,
    expected: T,
    found: U,
) -> Result<(), Wrong> {
    if expected == found {
        return Ok(());
    }
    Err((field, expected.to_string(), found.to_string()))
}

/// Where the lane with this number, from 1, is in the array.
fn place(number: u32) -> usize {
    index(number).wrapping_sub(1)
}
