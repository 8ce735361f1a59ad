//! How balances leave, and how the guardian holds them.

use anchor_lang::error::ErrorCode;
use num_bigint::BigInt;
use pixr::errors::PixrError;

use super::{
    ACCOUNT_EXISTS, Model, Verdict,
    action::{Actor, Destination, RequestId},
    grow, need,
    state::{Creator, Request},
};
use crate::transactions::Failure;

/// Tag, shard, destination, payer, amount, executable_at, creator, number, frozen, bump.
const REQUEST_BYTES: u64 = 8 + 3 * 32 + 8 + 8 + 4 + 4 + 1 + 1;

fn debit(creator: &mut Creator, amount: &BigInt) -> Verdict {
    need(*amount > BigInt::ZERO, PixrError::AmountIsZero)?;
    need(creator.balance >= *amount, PixrError::InsufficientBalance)?;
    creator.balance -= amount;
    grow(&mut creator.withdrawn, amount)
}

impl Model {
    pub(super) fn withdraw(
        &mut self,
        shard: usize,
        by: Actor,
        creator: u32,
        amount: u64,
        destination: Destination,
    ) -> Verdict {
        // The vault would be named twice as an account that changes.
        let Destination::Wallet(destination) = destination else {
            return Err(ErrorCode::ConstraintDuplicateMutableAccount.into());
        };
        self.require_running()?;
        let (now, settings) = (self.now, self.state.platform.settings);
        let amount = BigInt::from(amount);
        let slot = self.own_creator(shard, creator, by)?;
        debit(slot, &amount)?;
        if now - slot.window_start >= settings.withdraw_window_seconds.into() {
            slot.window_start = now;
            slot.window_spent = BigInt::ZERO;
        }
        grow(&mut slot.window_spent, &amount)?;
        let limit = BigInt::from(settings.withdraw_limit);
        need(slot.window_spent <= limit, PixrError::WithdrawLimitExceeded)?;
        grow(&mut self.state.shards[shard].withdrawn, &amount)?;
        self.receive_tokens(shard, destination, &amount);
        Ok(())
    }

    pub(super) fn request(
        &mut self,
        shard: usize,
        by: Actor,
        payer: Actor,
        id: RequestId,
        amount: u64,
        destination: Destination,
    ) -> Verdict {
        let pending = self.state.shards[shard].requests.contains_key(&id);
        need(!pending, ACCOUNT_EXISTS)?;
        let Destination::Wallet(destination) = destination else {
            return Err(PixrError::DestinationIsVault.into());
        };
        self.require_running()?;
        let amount = BigInt::from(amount);
        let slot = self.own_creator(shard, id.creator, by)?;
        need(id.number == slot.requests, PixrError::WithdrawalNumber)?;
        slot.requests += 1;
        debit(slot, &amount)?;
        let delay = self.state.platform.settings.withdraw_delay_seconds;
        let executable_at = self.now + i64::from(delay);
        let request = Request { amount, destination, payer, executable_at, frozen: false };
        self.state.shards[shard].requests.insert(id, request);
        self.pay_lamports(payer, self.account_rent(REQUEST_BYTES));
        Ok(())
    }

    /// The request with this number; its account must exist before anything else is looked at.
    fn pending(&self, shard: usize, id: RequestId) -> Result<Request, Failure> {
        let request = self.state.shards[shard].requests.get(&id).cloned();
        request.ok_or_else(|| ErrorCode::AccountNotInitialized.into())
    }

    /// Ends a request, which gives its rent back.
    fn close_request(&mut self, shard: usize, id: RequestId, payer: Actor) {
        self.state.shards[shard].requests.remove(&id);
        self.receive_lamports(payer, self.account_rent(REQUEST_BYTES));
    }

    pub(super) fn execute(
        &mut self,
        shard: usize,
        by: Actor,
        id: RequestId,
        destination: Actor,
    ) -> Verdict {
        let request = self.pending(shard, id)?;
        need(destination == request.destination, PixrError::WrongDestination)?;
        self.require_running()?;
        need(!request.frozen, PixrError::WithdrawalFrozen)?;
        need(self.now >= request.executable_at, PixrError::WithdrawalTooEarly)?;
        self.own_creator(shard, id.creator, by)?;
        grow(&mut self.state.shards[shard].withdrawn, &request.amount)?;
        self.receive_tokens(shard, destination, &request.amount);
        self.close_request(shard, id, request.payer);
        Ok(())
    }

    pub(super) fn cancel(&mut self, shard: usize, by: Actor, id: RequestId) -> Verdict {
        let request = self.pending(shard, id)?;
        self.require_running()?;
        need(!request.frozen, PixrError::WithdrawalFrozen)?;
        let slot = self.own_creator(shard, id.creator, by)?;
        slot.balance += &request.amount;
        slot.withdrawn -= &request.amount;
        self.close_request(shard, id, request.payer);
        Ok(())
    }

    pub(super) fn set_frozen(
        &mut self,
        shard: usize,
        by: Actor,
        id: RequestId,
        frozen: bool,
    ) -> Verdict {
        let mut request = self.pending(shard, id)?;
        need(by == self.state.platform.guardian, PixrError::NotGuardian)?;
        request.frozen = frozen;
        self.state.shards[shard].requests.insert(id, request);
        Ok(())
    }
}
