use anchor_lang::prelude::*;

use crate::{constants::BPS_MAX, errors::PixrError, state::Settings};

/// A creator. Amounts are base units.
///
/// What a creator was ever credited is `balance + withdrawn`: one counter less on the hot path.
#[zero_copy]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct CreatorSlot {
    /// Signs withdrawals.
    pub authority: Pubkey,
    /// Can be withdrawn.
    pub balance: u64,
    /// Lifetime: left the balance, delayed withdrawals included once requested.
    pub withdrawn: u64,
    /// Withdrawn at once since `window_start`.
    pub window_spent: u64,
    /// Start of the current withdrawal window, in Unix seconds (until 2106).
    pub window_start: u32,
    /// Number of the next delayed withdrawal.
    pub next_withdrawal: u32,
}

const _: () = assert!(size_of::<CreatorSlot>() == 64);

impl CreatorSlot {
    /// Lifetime: everything ever credited to this creator; `None` on overflow.
    pub fn credited(&self) -> Option<u64> {
        self.balance.checked_add(self.withdrawn)
    }

    /// Refuses any signer but the withdraw authority.
    pub fn require_authority(&self, signer: &Pubkey) -> Result<()> {
        require_keys_eq!(self.authority, *signer, PixrError::NotCreator);
        Ok(())
    }

    /// Takes `amount` out of the balance.
    pub fn debit(&mut self, amount: u64) -> Result<()> {
        require_gt!(amount, 0, PixrError::AmountIsZero);
        self.balance = self.balance.checked_sub(amount).ok_or(PixrError::InsufficientBalance)?;
        self.withdrawn = self.withdrawn.checked_add(amount).ok_or(PixrError::Overflow)?;
        Ok(())
    }

    /// Puts back what [`Self::debit`] took for a request that was cancelled.
    pub fn restore(&mut self, amount: u64) -> Result<()> {
        self.balance = self.balance.checked_add(amount).ok_or(PixrError::Overflow)?;
        self.withdrawn = self.withdrawn.checked_sub(amount).ok_or(PixrError::Overflow)?;
        Ok(())
    }

    /// Counts `amount` against the limit of the current window.
    ///
    /// A window starts with the first withdrawal after the last one ended.
    pub fn spend_window(
        &mut self,
        settings: &Settings,
        unix_seconds: i64,
        amount: u64,
    ) -> Result<()> {
        let now = u32::try_from(unix_seconds).map_err(|_| PixrError::Overflow)?;
        let since_start = now.saturating_sub(self.window_start);
        if since_start >= settings.withdraw_window_seconds {
            self.window_start = now;
            self.window_spent = 0;
        }
        let spent = self.window_spent.checked_add(amount).ok_or(PixrError::Overflow)?;
        require_gte!(settings.withdraw_limit, spent, PixrError::WithdrawLimitExceeded);
        self.window_spent = spent;
        Ok(())
    }
}

/// A content.
#[zero_copy]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ContentSlot {
    /// The platform's id, unique within the shard.
    pub id: [u8; 16],
    /// Lifetime: views settled, less those reversed.
    pub views: u64,
    /// Lifetime: base units earned.
    pub earned: u64,
    /// Fraction of a base unit not yet paid, times 10^7; below zero a debt from reversals.
    pub remainder: i64,
    /// Index of the creator slot that is credited.
    pub creator: u32,
    /// Link to the first lane that earns on this content: see `link_of`.
    pub first_lane: u32,
    /// Quality in basis points, and [`ContentSlot::HAS_LANES`]: read it with
    /// [`ContentSlot::quality`].
    pub quality_and_flag: u16,
    /// Room for later versions; zero.
    pub reserved: [u8; 2],
    /// Number of the next round, from 0.
    pub next_round: u32,
}

const _: () = assert!(size_of::<ContentSlot>() == 56);

impl ContentSlot {
    /// Set in [`ContentSlot::quality_and_flag`] while the content has lanes. Any quality is below it,
    /// so settlement tells by one comparison of what it reads anyway.
    pub const HAS_LANES: u16 = 1 << 15;

    /// A content that has earned nothing yet.
    pub fn new(id: [u8; 16], creator: u32, quality: u16) -> Self {
        Self {
            id,
            views: 0,
            earned: 0,
            remainder: 0,
            creator,
            first_lane: 0,
            quality_and_flag: quality,
            reserved: [0; 2],
            next_round: 0,
        }
    }

    /// Quality in basis points.
    #[inline(always)]
    pub fn quality(&self) -> u16 {
        if self.has_lanes() {
            self.quality_and_flag & !Self::HAS_LANES
        } else {
            self.quality_and_flag
        }
    }

    /// Whether there are lanes that earn on this content.
    #[inline(always)]
    pub fn has_lanes(&self) -> bool {
        self.quality_and_flag > BPS_MAX
    }

    /// Sets the quality, which is at most 10,000, and returns what it was.
    pub fn set_quality(&mut self, quality: u16) -> u16 {
        let before = self.quality();
        self.quality_and_flag ^= before ^ quality;
        before
    }

    /// Sets the link to the first lane.
    pub(super) fn set_first_lane(&mut self, link: u64) -> Result<()> {
        self.first_lane = u32::try_from(link).map_err(|_| PixrError::ShardCorrupt)?;
        let flag = if link > 0 { Self::HAS_LANES } else { 0 };
        self.quality_and_flag = self.quality() | flag;
        Ok(())
    }
}

const _: () = assert!(BPS_MAX < ContentSlot::HAS_LANES);
