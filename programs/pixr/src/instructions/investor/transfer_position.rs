use anchor_lang::prelude::*;

use crate::{
    errors::PixrError,
    events::PositionTransferred,
    state::{Platform, Position, Round},
};

#[derive(Accounts)]
pub struct OwnPosition<'info> {
    pub owner: Signer<'info>,
    pub platform: Box<Account<'info, Platform>>,
    #[account(has_one = platform @ PixrError::WrongPlatform)]
    pub round: Box<Account<'info, Round>>,
    #[account(
        mut,
        has_one = round @ PixrError::WrongRound,
        has_one = owner @ PixrError::NotOwner,
    )]
    pub position: Account<'info, Position>,
}

impl OwnPosition<'_> {
    pub(super) fn validate(&self) -> Result<()> {
        self.platform.require_running()?;
        self.round.require_tradable()
    }
}

/// Hands a position to `new_owner`, with everything that it will earn and was not paid. It is no
/// longer for sale.
pub fn transfer_position(ctx: Context<OwnPosition>, new_owner: Pubkey) -> Result<()> {
    ctx.accounts.validate()?;
    require_keys_neq!(new_owner, Pubkey::default(), PixrError::RoleIsZero);
    let position = &mut ctx.accounts.position;
    let before = core::mem::replace(&mut position.owner, new_owner);
    position.price = 0;
    emit!(PositionTransferred {
        round: position.round,
        position: position.key(),
        before,
        after: new_owner,
    });
    Ok(())
}
