use anchor_lang::prelude::*;

use super::{register_creator::Register, slot_rent::pay_slot_rent};
use crate::{
    errors::PixrError,
    events::ContentRegistered,
    state::{
        ContentSlot,
        shard::{BYTES_PER_CONTENT, ShardMut},
    },
};

/// Gives a content a slot that credits `creator`: signed by the creator's authority or the keeper.
///
/// `id` is unique within the shard; see `state::shard::content_index` for how, at a constant cost.
pub fn register_content(ctx: Context<Register>, creator: u32, id: [u8; 16]) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.platform.require_running()?;
    let by_keeper = accounts.by_keeper();
    let quality = accounts.platform.settings.initial_quality;
    {
        let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
        let mut shard = ShardMut::parse(&mut data)?;
        let authority = shard.creator(creator)?.authority;
        require!(by_keeper || accounts.registrar.key() == authority, PixrError::NotCreatorOrKeeper);
        let content = shard.add_content(ContentSlot::new(id, creator, quality))?;
        emit!(ContentRegistered { shard: accounts.shard.key(), content, creator, id, quality });
    }
    if !by_keeper {
        pay_slot_rent(&accounts.registrar, &accounts.rent_receiver, BYTES_PER_CONTENT)?;
    }
    Ok(())
}
