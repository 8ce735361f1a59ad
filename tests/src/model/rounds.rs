//! Rounds until they are delivered, or not.

use anchor_lang::error::ErrorCode;
use num_bigint::BigInt;
use pixr::{
    errors::PixrError,
    state::{RoundKind, RoundTerms},
};

use super::{
    ACCOUNT_EXISTS, Model, Verdict,
    action::{Actor, PositionId, RoundId},
    at, need,
    state::{Content, Position, Round, Shard, Stage},
};
use crate::transactions::Failure;

const HOUR: u32 = 60 * 60;
const YEAR: u32 = 365 * 24 * HOUR;
/// Tag, four addresses, terms, status, four numbers, seven amounts and times, hash, two bumps.
const ROUND_BYTES: u64 = 8 + 4 * 32 + (1 + 8 + 8 + 4 + 2 + 8 + 4 + 32) + 1 + 16 + 56 + 32 + 2;
const TOKEN_ACCOUNT_BYTES: u64 = 165;
/// Tag, round, owner, payer, amount, claimed, price, bump.
const POSITION_BYTES: u64 = 8 + 3 * 32 + 3 * 8 + 1;

/// What may be raised or owed at most.
pub(super) fn amount_max() -> u64 {
    1 << 50
}

/// Refuses one more share where there are four, or too much together.
pub(super) fn need_room(shard: &Shard, content: &Content, share: u16, most: u16) -> Verdict {
    need(content.lanes.len() < 4, PixrError::ContentFullOfLanes)?;
    let shares = content.lanes.iter().map(|id| u32::from(shard.rounds[id].terms.share_bps));
    let shares = shares.sum::<u32>() + u32::from(share);
    need(shares <= u32::from(most), PixrError::SharesExceeded)
}

impl Round {
    /// Whether investments go back at this time.
    pub fn refunds(&self, now: i64) -> bool {
        match self.stage {
            Stage::Open => now >= self.terms.deadline,
            Stage::Funded { at } => now > at + i64::from(self.terms.delivery_seconds),
            Stage::Delivered { .. } => false,
            Stage::Refunding { .. } => true,
        }
    }
}

impl Model {
    pub(super) fn round(&mut self, shard: usize, id: RoundId) -> Result<&mut Round, Failure> {
        let round = self.state.shards[shard].rounds.get_mut(&id);
        round.ok_or_else(|| ErrorCode::AccountNotInitialized.into())
    }

    pub(super) fn position(&mut self, id: PositionId) -> Result<&mut Position, Failure> {
        let position = self.round(id.shard, id.round)?.positions.get_mut(&id.investor);
        position.ok_or_else(|| ErrorCode::AccountNotInitialized.into())
    }

    pub(super) fn close_position(&mut self, id: PositionId) {
        let rent = self.account_rent(POSITION_BYTES);
        let round = self.state.shards[id.shard].rounds.get_mut(&id.round).expect("a round");
        let position = round.positions.remove(&id.investor).expect("a position");
        self.receive_lamports(position.payer, rent);
    }

    pub(super) fn round_rent(&self) -> BigInt {
        self.account_rent(ROUND_BYTES) + self.account_rent(TOKEN_ACCOUNT_BYTES)
    }

    fn check_terms(&self, terms: &RoundTerms) -> Verdict {
        let settings = &self.state.platform.settings;
        let amounts = 1..=amount_max();
        let ahead = terms.deadline - self.now;
        need(amounts.contains(&terms.target), PixrError::TargetOutOfBounds)?;
        need(0 < ahead && ahead <= i64::from(YEAR), PixrError::DeadlineOutOfBounds)?;
        let delivery = (HOUR..=YEAR).contains(&terms.delivery_seconds);
        need(delivery, PixrError::DeliveryOutOfBounds)?;
        if terms.kind == RoundKind::Support {
            let returns = (terms.share_bps, terms.cap, terms.term_seconds);
            return need(returns == (0, 0, 0), PixrError::SupportHasReturns);
        }
        let share = 0 < terms.share_bps && terms.share_bps <= settings.shares_bps_max;
        need(share, PixrError::ShareOutOfBounds)?;
        need(amounts.contains(&terms.cap), PixrError::CapOutOfBounds)?;
        need((HOUR..=5 * YEAR).contains(&terms.term_seconds), PixrError::TermOutOfBounds)
    }

    pub(super) fn open_round(
        &mut self,
        shard: usize,
        by: Actor,
        payer: Actor,
        id: RoundId,
        terms: &RoundTerms,
    ) -> Verdict {
        let taken = self.state.shards[shard].rounds.contains_key(&id);
        need(!taken, ACCOUNT_EXISTS)?;
        self.require_running()?;
        let content = self.content(shard, id.content.into())?.clone();
        let authority = self.creator(shard, content.creator)?.authority;
        let allowed = by == authority || by == self.state.platform.keeper;
        need(allowed, PixrError::NotCreatorOrKeeper)?;
        need(id.number == content.rounds, PixrError::RoundNumber)?;
        self.check_terms(terms)?;
        if terms.kind != RoundKind::Support {
            let most = self.state.platform.settings.shares_bps_max;
            need_room(&self.state.shards[shard], &content, terms.share_bps, most)?;
        }
        let round = Round {
            terms: *terms,
            opener: payer,
            opened_at: self.now,
            earned_at_opening: content.earned,
            stage: Stage::Open,
            raised: BigInt::ZERO,
            escrow: BigInt::ZERO,
            lane: None,
            owed: BigInt::ZERO,
            claimed: BigInt::ZERO,
            positions: Default::default(),
        };
        let slots = &mut self.state.shards[shard];
        slots.contents[at(id.content)].rounds += 1;
        slots.rounds.insert(id, round);
        self.pay_lamports(payer, self.round_rent());
        Ok(())
    }

    pub(super) fn invest(
        &mut self,
        shard: usize,
        by: Actor,
        payer: Actor,
        id: RoundId,
        amount: u64,
    ) -> Verdict {
        let now = self.now;
        let has = self.state.actors[by].tokens.clone();
        self.round(shard, id)?;
        self.require_running()?;
        let round = self.round(shard, id)?;
        need(round.stage == Stage::Open, PixrError::RoundNotOpen)?;
        need(now < round.terms.deadline, PixrError::DeadlinePassed)?;
        need(amount > 0, PixrError::AmountIsZero)?;
        let amount = BigInt::from(amount).min(round.terms.target - &round.raised);
        need(has >= amount, PixrError::InsufficientTokens)?;
        let is_new = !round.positions.contains_key(&by);
        let fresh = || Position { owner: by, payer, amount: 0.into(), claimed: 0.into(), price: 0 };
        round.positions.entry(by).or_insert_with(fresh).amount += &amount;
        round.raised += &amount;
        round.escrow += &amount;
        if round.raised == round.terms.target.into() {
            round.stage = Stage::Funded { at: now };
        }
        self.state.actors[by].tokens -= amount;
        if is_new {
            self.pay_lamports(payer, self.account_rent(POSITION_BYTES));
        }
        Ok(())
    }

    pub(super) fn stray(&mut self, shard: usize, by: Actor, id: RoundId, amount: u64) -> Verdict {
        self.round(shard, id)?.escrow += amount;
        self.state.actors[by].tokens -= amount;
        Ok(())
    }

    pub(super) fn cancel_round(&mut self, shard: usize, by: Actor, id: RoundId) -> Verdict {
        let stage = self.round(shard, id)?.stage;
        self.require_running()?;
        let keeper = by == self.state.platform.keeper;
        let funded_at = match stage {
            Stage::Open => {
                let creator = self.content(shard, id.content.into())?.creator;
                let authority = self.creator(shard, creator)?.authority;
                need(keeper || by == authority, PixrError::NotCreatorOrKeeper)?;
                0
            }
            Stage::Funded { at } => {
                need(keeper, PixrError::NotKeeper)?;
                at
            }
            _ => return Err(PixrError::RoundNotCancellable.into()),
        };
        self.round(shard, id)?.stage = Stage::Refunding { funded_at };
        Ok(())
    }

    pub(super) fn refund(&mut self, by: Actor, id: PositionId, destination: Actor) -> Verdict {
        let now = self.now;
        let position = self.position(id)?.clone();
        self.require_running()?;
        let round = self.round(id.shard, id.round)?;
        need(round.refunds(now), PixrError::RoundNotRefunding)?;
        let allowed = by == position.owner || now >= round.terms.deadline;
        need(allowed, PixrError::NotOwner)?;
        need(destination == position.owner, PixrError::WrongDestination)?;
        round.stage = match round.stage {
            Stage::Funded { at } => Stage::Refunding { funded_at: at },
            Stage::Open => Stage::Refunding { funded_at: 0 },
            refunding => refunding,
        };
        round.raised -= &position.amount;
        round.escrow -= &position.amount;
        self.state.actors[destination].tokens += position.amount;
        self.close_position(id);
        Ok(())
    }
}
