use anchor_lang::prelude::*;

use super::fund_shard::PayIn;
use crate::{
    constants::MEMO_BYTES_MAX, errors::PixrError, events::Tipped,
    instructions::transfer::check_solvent, math::fees::fee_ceil, state::shard::ShardMut,
};

/// Pays `amount` to a creator, less the two fees, each rounded up.
///
/// Everything goes into the vault in one transfer; the fees wait there until they are collected.
pub fn tip(ctx: Context<PayIn>, creator: u32, amount: u64, memo: String) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    require_gte!(usize::from(MEMO_BYTES_MAX), memo.len(), PixrError::MemoTooLong);
    let settings = &accounts.platform.settings;
    let platform_fee = fee_ceil(amount, settings.platform_fee_bps).ok_or(PixrError::BpsTooHigh)?;
    let processing_fee =
        fee_ceil(amount, settings.processing_fee_bps).ok_or(PixrError::BpsTooHigh)?;
    accounts.pay(amount)?;
    let net = amount
        .checked_sub(platform_fee)
        .and_then(|rest| rest.checked_sub(processing_fee))
        .filter(|net| *net > 0)
        .ok_or(PixrError::TipTooSmall)?;
    {
        let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
        let mut shard = ShardMut::parse(&mut data)?;
        let slot = shard.creator(creator)?;
        let balance_before = slot.balance;
        slot.balance = balance_before.checked_add(net).ok_or(PixrError::Overflow)?;
        let balance_after = slot.balance;
        shard.header.book_tip(net, platform_fee, processing_fee)?;
        emit!(Tipped {
            shard: accounts.shard.key(),
            creator,
            patron: accounts.payer.key(),
            amount,
            platform_fee,
            processing_fee,
            balance_before,
            balance_after,
            memo,
        });
    }
    check_solvent(&accounts.shard, &mut accounts.vault)
}
