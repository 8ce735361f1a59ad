use anchor_lang::prelude::*;

use super::batch::KeeperBatch;
use crate::{
    constants::BPS_MAX, errors::PixrError, events::QualityChanged, state::shard::ShardMut,
};

/// Sets a content's quality in basis points. It counts from the next batch.
pub fn set_quality(ctx: Context<KeeperBatch>, content: u32, quality: u16) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.platform.require_running()?;
    require_gte!(BPS_MAX, quality, PixrError::BpsTooHigh);
    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let mut shard = ShardMut::parse(&mut data)?;
    let before = shard.content(content)?.set_quality(quality);
    emit!(QualityChanged {
        shard: accounts.shard.key(),
        content,
        before,
        after: quality,
        next_sequence: shard.header.next_sequence,
    });
    Ok(())
}
