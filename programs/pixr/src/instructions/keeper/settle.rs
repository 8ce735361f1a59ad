use anchor_lang::prelude::*;

use super::{
    batch::{KeeperBatch, chain_settlement, packed},
    credit::credit,
};
use crate::{events::BatchSettled, state::shard::ShardMut};

/// Credits a batch of measurements. All or nothing:
///
/// 1. `sequence` must be the shard's next one.
/// 2. Every entry credits its content's creator.
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
    let (header, creators, contents) = shard.split();
    header.take_sequence(sequence)?;
    let totals = credit(&packed, settings.base_rate, creators, contents)?;
    let budget_before = header.reward_budget;
    let balances_before = header.balances;
    header.book_credits(settings, now, totals.earned, totals.views)?;
    header.hash = chain_settlement(&header.hash, packed.bytes());
    emit!(BatchSettled {
        shard: accounts.shard.key(),
        sequence,
        views: totals.views,
        credited: totals.earned,
        base_rate: settings.base_rate,
        budget_before,
        budget_after: header.reward_budget,
        balances_before,
        balances_after: header.balances,
        hash: header.hash,
    });
    Ok(())
}
