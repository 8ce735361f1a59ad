use anchor_lang::prelude::*;

use crate::{constants::*, errors::PixrError};

/// What an admin can change: rates, fees and limits. Amounts are base units of the mint.
#[derive(AnchorSerialize, AnchorDeserialize, InitSpace, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Pay for 1,000 views at full quality and relevance, from 1 to [`BASE_RATE_MAX`].
    pub base_rate: u64,
    /// Most that one batch can credit, per shard.
    pub batch_cap: u64,
    /// Most that all batches of a UTC day can credit, per shard; and, counted apart, reverse.
    pub day_cap: u64,
    /// Most that a creator can withdraw at once, in sum over a window.
    pub withdraw_limit: u64,
    /// Length of that window, in seconds.
    pub withdraw_window_seconds: u32,
    /// How long a larger withdrawal waits, in seconds.
    pub withdraw_delay_seconds: u32,
    /// The platform's part of a tip, in basis points.
    pub platform_fee_bps: u16,
    /// The payment processing's part of a tip, in basis points.
    pub processing_fee_bps: u16,
    /// Quality of a newly registered content, in basis points.
    pub initial_quality: u16,
    /// Least time between a round's opening and its delivery, in seconds.
    pub baseline_seconds_min: u32,
    /// Most that the lanes of a content take together of an uplift, in basis points.
    pub shares_bps_max: u16,
}

impl Settings {
    /// Checks every bound, in the order of the fields.
    pub fn validate(&self) -> Result<()> {
        require!((1..=BASE_RATE_MAX).contains(&self.base_rate), PixrError::BaseRateOutOfBounds);
        require!((1..=self.day_cap).contains(&self.batch_cap), PixrError::CapsOutOfBounds);
        require_gte!(self.withdraw_limit, 1, PixrError::WithdrawLimitOutOfBounds);
        require!(
            (WITHDRAW_WINDOW_SECONDS_MIN..=WITHDRAW_WINDOW_SECONDS_MAX)
                .contains(&self.withdraw_window_seconds),
            PixrError::WithdrawWindowOutOfBounds
        );
        require!(
            (WITHDRAW_DELAY_SECONDS_MIN..=WITHDRAW_DELAY_SECONDS_MAX)
                .contains(&self.withdraw_delay_seconds),
            PixrError::WithdrawDelayOutOfBounds
        );
        for bps in [
            self.platform_fee_bps,
            self.processing_fee_bps,
            self.initial_quality,
            self.shares_bps_max,
        ] {
            require_gte!(BPS_MAX, bps, PixrError::BpsTooHigh);
        }
        let fees = self.platform_fee_bps.saturating_add(self.processing_fee_bps);
        require_gte!(FEES_BPS_MAX, fees, PixrError::FeesTooHigh);
        require!(
            (BASELINE_SECONDS_MIN..=BASELINE_SECONDS_MAX).contains(&self.baseline_seconds_min),
            PixrError::BaselineSecondsOutOfBounds
        );
        Ok(())
    }
}

/// A role that the admin hands out.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Submits measurements: settles, reverses, sets quality, registers for custodial authorities.
    /// Opens, cancels and delivers rounds.
    Keeper,
    /// Pauses, freezes and unfreezes. Cannot move money.
    Guardian,
    /// Owns the token account that receives the platform's part of tips and what pays for upgrades.
    Treasury,
    /// Owns the token account that receives the processing's part of tips.
    Processor,
}

/// A platform: its mint, its roles and its settings. Every shard belongs to one.
#[account]
#[derive(InitSpace, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Signed the creation; part of this account's address.
    pub base: Pubkey,
    /// The token that everything is paid in.
    pub mint: Pubkey,
    /// The token program that owns the mint.
    pub token_program: Pubkey,
    /// Changes settings and roles, opens shards, unpauses.
    pub admin: Pubkey,
    /// Proposed next admin; zero when there is none.
    pub pending_admin: Pubkey,
    /// See [`Role::Keeper`].
    pub keeper: Pubkey,
    /// See [`Role::Guardian`].
    pub guardian: Pubkey,
    /// See [`Role::Treasury`].
    pub treasury: Pubkey,
    /// See [`Role::Processor`].
    pub processor: Pubkey,
    /// Rates, fees and limits.
    pub settings: Settings,
    /// Shards opened so far: the number of the next one.
    pub shard_count: u32,
    /// While true, only the admin and the guardian can act.
    pub paused: bool,
    /// Bump of this account's address.
    pub bump: u8,
    /// Room for later versions; zero.
    pub reserved: [u8; 58],
}

impl Platform {
    /// Size of the account, in bytes.
    pub const SPACE: usize = Self::DISCRIMINATOR.len() + Self::INIT_SPACE;

    /// Refuses while the platform is paused.
    pub fn require_running(&self) -> Result<()> {
        require!(!self.paused, PixrError::Paused);
        Ok(())
    }

    /// Who holds `role`.
    pub fn role_mut(&mut self, role: Role) -> &mut Pubkey {
        match role {
            Role::Keeper => &mut self.keeper,
            Role::Guardian => &mut self.guardian,
            Role::Treasury => &mut self.treasury,
            Role::Processor => &mut self.processor,
        }
    }

    /// What holds after every instruction that changes the platform.
    pub fn invariant(&self) -> Result<()> {
        for holder in [self.admin, self.keeper, self.guardian, self.treasury, self.processor] {
            require_keys_neq!(holder, Pubkey::default(), PixrError::RoleIsZero);
        }
        self.settings.validate()
    }
}
