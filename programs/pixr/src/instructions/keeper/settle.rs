use anchor_lang::prelude::*;

use super::{
    batch::{KeeperBatch, chain_settlement, packed},
    credit::credit,
};
use crate::{errors::PixrError, events::BatchSettled, state::shard::ShardMut};

/// Credits a batch of measurements. All or nothing:
///
/// 1. `sequence` must be the shard's next one.
/// 2. Every entry credits the lanes of its content, and its creator with the rest.
/// 3. The sum must be within both caps and the reward budget that pays it.
/// 4. The running hash takes the entries in.
pub fn settle(ctx: Context<KeeperBatch>, sequence: u64, entries: Vec<u8>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.platform.require_running()?;
    let settings = &accounts.platform.settings;
    let packed = packed(entries)?;
    let now = Clock::get()?.unix_timestamp;

    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let mut shard = ShardMut::parse(&mut data)?;
    let (header, slots) = shard.split();
    header.take_sequence(sequence)?;
    let unix_seconds = u64::try_from(now).map_err(|_| PixrError::Overflow)?;
    let totals = credit(&packed, settings.base_rate, unix_seconds, slots)?;
    let budget_before = header.reward_budget;
    let balances_before = header.balances;
    let owed_before = header.owed;
    header.book_credits(settings, now, &totals)?;
    header.hash = chain_settlement(&header.hash, packed.bytes());
    emit!(BatchSettled {
        shard: accounts.shard.key(),
        sequence,
        views: totals.views,
        credited: totals.earned,
        owed: totals.owed,
        base_rate: settings.base_rate,
        unix_seconds: now,
        budget_before,
        budget_after: header.reward_budget,
        balances_before,
        balances_after: header.balances,
        owed_before,
        owed_after: header.owed,
        hash: header.hash,
    });
    Ok(())
}
