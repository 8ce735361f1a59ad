use anchor_lang::prelude::*;

use super::set_role::AdminOnly;
use crate::events::PauseChanged;

/// Lets everybody act again. Pausing is quick, so the guardian may; going on is the admin's decision.
pub fn unpause(ctx: Context<AdminOnly>) -> Result<()> {
    let platform = &mut ctx.accounts.platform;
    platform.paused = false;
    emit!(PauseChanged { platform: platform.key(), by: ctx.accounts.admin.key(), paused: false });
    platform.invariant()
}
