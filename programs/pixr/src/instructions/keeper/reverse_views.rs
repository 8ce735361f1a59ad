use anchor_lang::prelude::*;

use super::batch::{KeeperBatch, chain_reversal, packed};
use crate::{
    errors::PixrError,
    events::ViewsReversed,
    math::earnings::{rate_floor, reverse_ceil},
    state::shard::ShardMut,
};

/// Takes back views that turned out not to count. No balance changes: each content's remainder goes
/// down by what the views are worth at today's rate, and later views earn that back first.
///
/// A reversal is a batch: it has a sequence, so it counts once, and its place in the running hash.
/// The value of a day's reversals is capped like its credits.
pub fn reverse_views(ctx: Context<KeeperBatch>, sequence: u64, entries: Vec<u8>) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.platform.require_running()?;
    let settings = &accounts.platform.settings;
    let packed = packed(entries)?;
    let now = Clock::get()?.unix_timestamp;

    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let mut shard = ShardMut::parse(&mut data)?;
    shard.header.take_sequence(sequence)?;
    let (mut views, mut value) = (0_u64, 0_u64);
    for entry in packed.entries() {
        let entry = entry?;
        let index = u32::try_from(entry.content).map_err(|_| PixrError::UnknownContent)?;
        let content = shard.content(index)?;
        content.views =
            content.views.checked_sub(entry.views).ok_or(PixrError::ReversalExceedsViews)?;
        let rate = rate_floor(settings.base_rate, content.quality());
        let weight = entry.views.wrapping_mul(entry.relevance);
        let (worth, remainder) =
            reverse_ceil(weight, rate, content.remainder).ok_or(PixrError::ReversalTooLarge)?;
        content.remainder = remainder;
        views = views.checked_add(entry.views).ok_or(PixrError::Overflow)?;
        value = value.checked_add(worth).ok_or(PixrError::Overflow)?;
    }
    shard.header.book_reversal(settings, now, value)?;
    shard.header.hash = chain_reversal(&shard.header.hash, packed.bytes());
    emit!(ViewsReversed {
        shard: accounts.shard.key(),
        sequence,
        views,
        value,
        base_rate: settings.base_rate,
        hash: shard.header.hash,
    });
    Ok(())
}
