use anchor_lang::prelude::*;

use super::slot_rent::pay_slot_rent;
use crate::{
    errors::PixrError,
    events::CreatorRegistered,
    state::{CreatorSlot, Platform, Shard, shard::ShardMut},
};

#[derive(Accounts)]
pub struct Register<'info> {
    /// The creator's authority, who pays for the slot, or the keeper.
    #[account(mut)]
    pub registrar: Signer<'info>,
    pub platform: Box<Account<'info, Platform>>,
    #[account(
        mut,
        has_one = platform @ PixrError::WrongPlatform,
        has_one = rent_receiver @ PixrError::WrongRentReceiver,
    )]
    pub shard: AccountLoader<'info, Shard>,
    /// CHECK: any address that can receive lamports; the shard names it.
    #[account(mut)]
    pub rent_receiver: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
}

impl Register<'_> {
    pub(super) fn by_keeper(&self) -> bool {
        self.registrar.key() == self.platform.keeper
    }
}

/// Gives `authority` a creator slot: signed by itself, or by the keeper for a custodial authority.
pub fn register_creator(ctx: Context<Register>, authority: Pubkey) -> Result<()> {
    let accounts = &ctx.accounts;
    accounts.platform.require_running()?;
    let by_keeper = accounts.by_keeper();
    let registrar = accounts.registrar.key();
    require!(by_keeper || registrar == authority, PixrError::NotCreatorOrKeeper);
    require_keys_neq!(authority, Pubkey::default(), PixrError::RoleIsZero);
    if !by_keeper {
        let bytes = size_of::<CreatorSlot>();
        pay_slot_rent(&accounts.registrar, &accounts.rent_receiver, bytes)?;
    }
    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let creator = ShardMut::parse(&mut data)?.add_creator(CreatorSlot {
        authority,
        balance: 0,
        withdrawn: 0,
        window_spent: 0,
        window_start: 0,
        next_withdrawal: 0,
    })?;
    emit!(CreatorRegistered { shard: accounts.shard.key(), creator, authority, by: registrar });
    Ok(())
}
