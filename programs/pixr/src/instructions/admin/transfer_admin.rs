use anchor_lang::prelude::*;

use super::set_role::AdminOnly;
use crate::{
    errors::PixrError,
    events::{AdminChanged, AdminProposed},
    state::Platform,
};

#[derive(Accounts)]
pub struct AcceptAdmin<'info> {
    pub pending_admin: Signer<'info>,
    #[account(mut, has_one = pending_admin @ PixrError::NotProposed)]
    pub platform: Box<Account<'info, Platform>>,
}

/// First step: names the next admin. Another proposal replaces it, the zero address takes it back.
pub fn propose_admin(ctx: Context<AdminOnly>, proposed: Pubkey) -> Result<()> {
    let platform = &mut ctx.accounts.platform;
    platform.pending_admin = proposed;
    emit!(AdminProposed { platform: platform.key(), proposed });
    platform.invariant()
}

/// Second step: the proposed admin shows that it can sign, and takes over.
pub fn accept_admin(ctx: Context<AcceptAdmin>) -> Result<()> {
    let platform = &mut ctx.accounts.platform;
    let before = platform.admin;
    platform.admin = core::mem::take(&mut platform.pending_admin);
    emit!(AdminChanged { platform: platform.key(), before, after: platform.admin });
    platform.invariant()
}
