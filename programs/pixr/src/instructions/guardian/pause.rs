use anchor_lang::prelude::*;

use crate::{errors::PixrError, events::PauseChanged, state::Platform};

#[derive(Accounts)]
pub struct Pause<'info> {
    /// The guardian or the admin.
    pub guardian: Signer<'info>,
    #[account(
        mut,
        constraint = [platform.guardian, platform.admin].contains(guardian.key) @ PixrError::NotGuardian,
    )]
    pub platform: Box<Account<'info, Platform>>,
}

/// Stops everybody but the admin and the guardian.
pub fn pause(ctx: Context<Pause>) -> Result<()> {
    let platform = &mut ctx.accounts.platform;
    platform.paused = true;
    emit!(PauseChanged { platform: platform.key(), by: ctx.accounts.guardian.key(), paused: true });
    platform.invariant()
}
