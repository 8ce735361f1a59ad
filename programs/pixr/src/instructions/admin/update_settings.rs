use anchor_lang::prelude::*;

use super::set_role::AdminOnly;
use crate::{events::SettingsChanged, state::Settings};

/// Replaces rates, fees and limits. They count from the next batch; no remainder is lost, since a
/// content's remainder is in units that no rate is part of.
pub fn update_settings(ctx: Context<AdminOnly>, settings: Settings) -> Result<()> {
    let platform = &mut ctx.accounts.platform;
    let before = core::mem::replace(&mut platform.settings, settings);
    emit!(SettingsChanged { platform: platform.key(), before, after: settings });
    platform.invariant()
}
