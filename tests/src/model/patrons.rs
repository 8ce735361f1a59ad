//! Money that comes in, and fees that go out.

use num_bigint::BigInt;
use pixr::errors::PixrError;

use super::{Model, Verdict, action::Actor, ceil_div, grow, need};

const BPS: u32 = 10_000;
const MEMO_BYTES_MAX: usize = 256;

impl Model {
    fn pay_in(&mut self, shard: usize, by: Actor, amount: &BigInt) -> Verdict {
        let purse = &mut self.state.actors[by];
        need(*amount > BigInt::ZERO, PixrError::AmountIsZero)?;
        need(purse.tokens >= *amount, PixrError::InsufficientTokens)?;
        purse.tokens -= amount;
        self.state.shards[shard].vault += amount;
        Ok(())
    }

    pub(super) fn fund(&mut self, shard: usize, by: Actor, amount: u64) -> Verdict {
        let amount = BigInt::from(amount);
        self.require_running()?;
        self.pay_in(shard, by, &amount)?;
        grow(&mut self.state.shards[shard].funded, &amount)
    }

    pub(super) fn donate(&mut self, shard: usize, by: Actor, amount: u64) -> Verdict {
        self.state.actors[by].tokens -= amount;
        self.state.shards[shard].vault += amount;
        Ok(())
    }

    pub(super) fn tip(
        &mut self,
        shard: usize,
        by: Actor,
        creator: u32,
        amount: u64,
        memo_bytes: usize,
    ) -> Verdict {
        self.require_running()?;
        need(memo_bytes <= MEMO_BYTES_MAX, PixrError::MemoTooLong)?;
        let settings = self.state.platform.settings;
        let amount = BigInt::from(amount);
        let fee = |bps: u16| ceil_div(&(&amount * bps), BPS);
        let (platform, processing) =
            (fee(settings.platform_fee_bps), fee(settings.processing_fee_bps));
        self.pay_in(shard, by, &amount)?;
        let net = &amount - &platform - &processing;
        need(net > BigInt::ZERO, PixrError::TipTooSmall)?;
        self.creator(shard, creator)?.balance += &net;
        let totals = &mut self.state.shards[shard];
        grow(&mut totals.tipped, &net)?;
        grow(&mut totals.platform_fees, &platform)?;
        grow(&mut totals.processing_fees, &processing)
    }

    pub(super) fn collect_fees(
        &mut self,
        shard: usize,
        treasury: Actor,
        processor: Actor,
    ) -> Verdict {
        let platform = &self.state.platform;
        let right = treasury == platform.treasury && processor == platform.processor;
        need(right, PixrError::WrongDestination)?;
        self.require_running()?;
        let totals = &mut self.state.shards[shard];
        let fees = [&mut totals.platform_fees, &mut totals.processing_fees].map(std::mem::take);
        need(fees.iter().any(|fee| *fee > BigInt::ZERO), PixrError::NoFees)?;
        for (fee, receiver) in fees.iter().zip([treasury, processor]) {
            self.receive_tokens(shard, receiver, fee);
        }
        Ok(())
    }
}
