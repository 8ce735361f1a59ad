//! Delivery, and what rounds earn by it: the formulas in integers without bounds.

use num_bigint::BigInt;
use pixr::{errors::PixrError, state::RoundKind};

use super::{
    Model, Verdict,
    action::{Actor, Destination, PositionId, RoundId},
    at, grow, need,
    rounds::need_room,
    state::{Lane, Round, Stage},
};

impl Lane {
    /// What the content has earned above its baseline, so many seconds after delivery.
    fn uplift(&self, earned: &BigInt, seconds: i64) -> BigInt {
        let (base, measured) = &self.baseline;
        earned - &self.earned_at_delivery - base * seconds / *measured
    }
}

impl Round {
    /// The uplift of which the share first reaches the cap.
    pub fn uplift_at_cap(&self) -> BigInt {
        let share = BigInt::from(self.terms.share_bps);
        (BigInt::from(self.terms.cap) * 10_000 + &share - 1) / share
    }

    /// When the term ends, if it was delivered.
    pub fn term_end(&self) -> Option<i64> {
        match self.stage {
            Stage::Delivered { at, .. } => Some(at + i64::from(self.terms.term_seconds)),
            _ => None,
        }
    }

    /// Takes what has come due out of `left`.
    fn take(&mut self, now: i64, earned: &BigInt, left: &mut BigInt) {
        let counts = self.uplift_at_cap();
        let (Stage::Delivered { at, .. }, Some(lane)) = (self.stage, &mut self.lane) else {
            panic!("a round that earns is delivered");
        };
        if now <= at + i64::from(self.terms.term_seconds) {
            let uplift = lane.uplift(earned, now - at).min(counts);
            lane.high = uplift.max(lane.high.clone());
        }
        let share: BigInt = &lane.high * self.terms.share_bps / 10_000;
        let due = share.min(self.terms.cap.into()) - &self.owed;
        let taken = due.min(left.clone());
        self.owed += &taken;
        *left -= taken;
    }
}

impl Model {
    /// Gives the rounds of a content their part of a credit. Returns the creator's.
    pub(super) fn share_out(&mut self, shard: usize, content: u64, credit: BigInt) -> BigInt {
        let now = self.now;
        let shard = &mut self.state.shards[shard];
        let content = &shard.contents[usize::try_from(content).expect("64 bits")];
        let mut left: BigInt = credit.clone();
        for id in &content.lanes {
            let round = shard.rounds.get_mut(id).expect("a round that earns");
            round.take(now, &content.earned, &mut left);
        }
        shard.shared += credit - &left;
        left
    }

    pub(super) fn deliver(
        &mut self,
        shard: usize,
        by: Actor,
        id: RoundId,
        destination: Destination,
        quality: u16,
    ) -> Verdict {
        let now = self.now;
        let round = self.round(shard, id)?.clone();
        need(by == self.state.platform.keeper, PixrError::NotKeeper)?;
        self.require_running()?;
        let Stage::Funded { at: funded_at } = round.stage else {
            return Err(PixrError::RoundNotFunded.into());
        };
        need(!round.refunds(now), PixrError::DeliveryOverdue)?;
        need(quality <= 10_000, PixrError::BpsTooHigh)?;
        let support = round.terms.kind == RoundKind::Support;
        let treasury = self.state.platform.treasury;
        if support {
            need(destination == Destination::Vault, PixrError::WrongVault)?;
        } else {
            let right = destination == Destination::Wallet(treasury);
            need(right, PixrError::WrongDestination)?;
        }
        let content = self.content(shard, id.content.into())?;
        need(quality >= content.quality, PixrError::QualityTooLow)?;
        content.quality = quality;
        let creator = content.creator;
        if support {
            self.creator(shard, creator)?.balance += &round.raised;
            let slots = &mut self.state.shards[shard];
            grow(&mut slots.supported, &round.raised)?;
            slots.vault += &round.raised;
        } else {
            let lane = self.new_lane(shard, id, &round)?;
            self.round(shard, id)?.lane = Some(lane);
            self.state.actors[treasury].tokens += &round.raised;
        }
        let delivered = self.round(shard, id)?;
        delivered.stage = Stage::Delivered { funded_at, at: now };
        delivered.escrow -= &round.raised;
        Ok(())
    }

    fn new_lane(
        &mut self,
        shard: usize,
        id: RoundId,
        round: &Round,
    ) -> Result<Lane, crate::transactions::Failure> {
        let settings = self.state.platform.settings;
        let slots = &mut self.state.shards[shard];
        let content = &slots.contents[at(id.content)];
        need_room(slots, content, round.terms.share_bps, settings.shares_bps_max)?;
        let seconds = u32::try_from(self.now - round.opened_at).expect("not that long");
        need(seconds >= settings.baseline_seconds_min, PixrError::BaselineTooShort)?;
        let earned = content.earned.clone();
        let base = &earned - &round.earned_at_opening;
        let level = &base / seconds * round.terms.term_seconds;
        need(level <= BigInt::from(1) << 62, PixrError::BaselineTooHigh)?;
        let number = match slots.lanes_free.pop() {
            Some(number) => number,
            None => {
                need(slots.lanes_used < slots.capacities.lanes, PixrError::ShardFullOfLanes)?;
                slots.lanes_used += 1;
                slots.lanes_used
            }
        };
        slots.contents[at(id.content)].lanes.push(id);
        Ok(Lane {
            number,
            baseline: (base, seconds),
            earned_at_delivery: earned,
            high: BigInt::ZERO,
        })
    }

    pub(super) fn claim(&mut self, by: Actor, id: PositionId, destination: Actor) -> Verdict {
        let now = self.now;
        let position = self.position(id)?.clone();
        self.require_running()?;
        let round = self.round(id.shard, id.round)?;
        let end = round.term_end().ok_or(PixrError::RoundNotDelivered)?;
        need(by == position.owner || now > end, PixrError::NotOwner)?;
        need(destination == position.owner, PixrError::WrongDestination)?;
        let part = &round.owed * &position.amount / &round.raised;
        let amount = part - &position.claimed;
        let last = round.lane.is_none();
        need(last || amount > BigInt::ZERO, PixrError::NothingToClaim)?;
        round.claimed += &amount;
        self.position(id)?.claimed += &amount;
        grow(&mut self.state.shards[id.shard].claimed, &amount)?;
        self.receive_tokens(id.shard, destination, &amount);
        if last {
            self.close_position(id);
        }
        Ok(())
    }

    pub(super) fn retire_lane(&mut self, shard: usize, id: RoundId) -> Verdict {
        let now = self.now;
        self.round(shard, id)?;
        self.require_running()?;
        let round = self.round(shard, id)?;
        let end = round.term_end().ok_or(PixrError::RoundNotDelivered)?;
        let lane = round.lane.clone().ok_or(PixrError::LaneRetired)?;
        let over = now > end || round.owed == round.terms.cap.into();
        need(over, PixrError::TermNotOver)?;
        round.lane = None;
        let slots = &mut self.state.shards[shard];
        slots.contents[at(id.content)].lanes.retain(|other| *other != id);
        slots.lanes_free.push(lane.number);
        Ok(())
    }

    pub(super) fn close_round(&mut self, shard: usize, id: RoundId, treasury: Actor) -> Verdict {
        let now = self.now;
        self.round(shard, id)?;
        self.require_running()?;
        let round = self.round(shard, id)?.clone();
        let settled = matches!(round.stage, Stage::Delivered { .. }) && round.lane.is_none();
        let over = settled || round.refunds(now);
        need(over && round.positions.is_empty(), PixrError::RoundNotFinished)?;
        need(treasury == self.state.platform.treasury, PixrError::WrongDestination)?;
        let slots = &mut self.state.shards[shard];
        grow(&mut slots.funded, &(&round.owed - &round.claimed))?;
        slots.rounds.remove(&id);
        self.state.actors[treasury].tokens += &round.escrow;
        self.receive_lamports(round.opener, self.round_rent());
        Ok(())
    }
}
