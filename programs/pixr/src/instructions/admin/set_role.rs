use anchor_lang::prelude::*;

use crate::{
    errors::PixrError,
    events::RoleChanged,
    state::{Platform, Role},
};

#[derive(Accounts)]
pub struct AdminOnly<'info> {
    pub admin: Signer<'info>,
    #[account(mut, has_one = admin @ PixrError::NotAdmin)]
    pub platform: Box<Account<'info, Platform>>,
}

/// Hands `role` to `holder`, at once: a lost or stolen key is replaced without its help.
pub fn set_role(ctx: Context<AdminOnly>, role: Role, holder: Pubkey) -> Result<()> {
    let platform = &mut ctx.accounts.platform;
    let before = core::mem::replace(platform.role_mut(role), holder);
    emit!(RoleChanged { platform: platform.key(), role, before, after: holder });
    platform.invariant()
}
