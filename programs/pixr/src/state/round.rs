use anchor_lang::prelude::*;

use crate::{constants::*, errors::PixrError, state::Settings};

/// What a round is for.
#[derive(
    AnchorSerialize, AnchorDeserialize, InitSpace, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
pub enum RoundKind {
    /// A better rendition of the content.
    #[default]
    Quality,
    /// Something that the content lacks: subtitles, a translation, another track.
    Feature,
    /// More visibility.
    Promotion,
    /// The creator: it pays the balance and has no return.
    Support,
}

/// Where a round stands.
#[derive(
    AnchorSerialize, AnchorDeserialize, InitSpace, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
pub enum RoundStatus {
    /// Takes investments until the deadline.
    #[default]
    Open,
    /// Has reached its target; the escrow waits for delivery.
    Funded,
    /// Is delivered: the escrow was paid, and the lane earns until it is retired.
    Delivered,
    /// Gives investments back.
    Refunding,
}

/// What investors agree to. Amounts are base units.
#[derive(
    AnchorSerialize, AnchorDeserialize, InitSpace, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
pub struct RoundTerms {
    /// What it is for.
    pub kind: RoundKind,
    /// How much it raises, up to [`ROUND_AMOUNT_MAX`].
    pub target: u64,
    /// Until when, in Unix seconds.
    pub deadline: i64,
    /// How long it may take to deliver once it is funded, in seconds.
    pub delivery_seconds: u32,
    /// Share of the uplift, in basis points; zero for support.
    pub share_bps: u16,
    /// Most that is returned, up to [`ROUND_AMOUNT_MAX`]; zero for support.
    pub cap: u64,
    /// How long it earns once it is delivered, in seconds; zero for support.
    pub term_seconds: u32,
    /// SHA-256 of the plan of the upgrade.
    pub plan_hash: [u8; 32],
}

impl RoundTerms {
    /// Whether the round is paid by the uplift.
    pub fn has_returns(&self) -> bool {
        self.kind != RoundKind::Support
    }

    /// Checks every bound, in the order of the fields.
    pub fn validate(&self, settings: &Settings, unix_seconds: i64) -> Result<()> {
        let amounts = 1..=ROUND_AMOUNT_MAX;
        require!(amounts.contains(&self.target), PixrError::TargetOutOfBounds);
        let ahead = self.deadline.saturating_sub(unix_seconds);
        require!(
            (1..=i64::from(ROUND_SECONDS_MAX)).contains(&ahead),
            PixrError::DeadlineOutOfBounds
        );
        require!(
            (DELIVERY_SECONDS_MIN..=DELIVERY_SECONDS_MAX).contains(&self.delivery_seconds),
            PixrError::DeliveryOutOfBounds
        );
        if !self.has_returns() {
            let none = self.share_bps == 0 && self.cap == 0 && self.term_seconds == 0;
            require!(none, PixrError::SupportHasReturns);
            return Ok(());
        }
        require!(
            (1..=settings.shares_bps_max).contains(&self.share_bps),
            PixrError::ShareOutOfBounds
        );
        require!(amounts.contains(&self.cap), PixrError::CapOutOfBounds);
        require!(
            (TERM_SECONDS_MIN..=TERM_SECONDS_MAX).contains(&self.term_seconds),
            PixrError::TermOutOfBounds
        );
        Ok(())
    }
}

/// A round: people fund an upgrade of a content together, and are paid by its uplift.
///
/// Its address counts up per content, so no closed round ever comes back. Times are Unix seconds.
///
/// **Always true**: until delivery the escrow holds at least `raised`, which is the sum of `amount`
/// over its positions; `claimed` is the sum of `claimed` over all positions there ever were, and at
/// most what the round is owed.
#[account]
#[derive(InitSpace, Debug, PartialEq, Eq)]
pub struct Round {
    /// The platform of the shard.
    pub platform: Pubkey,
    /// The shard of the content.
    pub shard: Pubkey,
    /// The token account that holds investments until they are released.
    pub escrow: Pubkey,
    /// Who paid the rent of this account and of the escrow, and gets it back.
    pub opener: Pubkey,
    /// What investors agree to.
    pub terms: RoundTerms,
    /// Where it stands. A round whose time is over refunds even before this says so: see
    /// [`Round::refunds`].
    pub status: RoundStatus,
    /// Index of the content slot.
    pub content: u32,
    /// Number among the content's rounds.
    pub number: u32,
    /// Invested so far, less what was refunded.
    pub raised: u64,
    /// Positions that have an account.
    pub positions: u32,
    /// When it was opened.
    pub opened_at: i64,
    /// The content's `earned` then.
    pub earned_at_opening: u64,
    /// When it reached its target; zero before.
    pub funded_at: i64,
    /// When it was delivered; zero before.
    pub delivered_at: i64,
    /// SHA-256 of the manifest of what was delivered; zero before.
    pub manifest_hash: [u8; 32],
    /// Number of its lane in the shard, from 1; zero when it has none.
    pub lane: u32,
    /// What it was owed when its lane was given back; the lane says so before.
    pub owed: u64,
    /// Paid to its positions.
    pub claimed: u64,
    /// Bump of this account's address.
    pub bump: u8,
    /// Bump of the escrow's address.
    pub escrow_bump: u8,
}

impl Round {
    /// Size of the account, in bytes.
    pub const SPACE: usize = Self::DISCRIMINATOR.len() + Self::INIT_SPACE;

    /// Until when a funded round can be delivered.
    pub fn deliver_until(&self) -> i64 {
        self.funded_at.saturating_add(self.terms.delivery_seconds.into())
    }

    /// Whether investments go back: it was cancelled, or missed its target or its delivery.
    pub fn refunds(&self, unix_seconds: i64) -> bool {
        match self.status {
            RoundStatus::Open => unix_seconds >= self.terms.deadline,
            RoundStatus::Funded => unix_seconds > self.deliver_until(),
            RoundStatus::Delivered => false,
            RoundStatus::Refunding => true,
        }
    }

    /// Whether it is delivered and nothing can be added to what it is owed.
    pub fn is_final(&self) -> bool {
        self.status == RoundStatus::Delivered && self.lane == 0
    }

    /// Whether its term is over.
    pub fn term_is_over(&self, unix_seconds: i64) -> bool {
        let end = self.delivered_at.saturating_add(self.terms.term_seconds.into());
        self.status == RoundStatus::Delivered && unix_seconds > end
    }

    /// Refuses while anybody can still invest: until then a position is its investor's.
    pub fn require_tradable(&self) -> Result<()> {
        require!(self.status != RoundStatus::Open, PixrError::PositionFixed);
        Ok(())
    }

    /// What holds after every instruction that changes the round and its escrow, which holds
    /// `escrow_amount` base units.
    pub fn invariant(&self, escrow_amount: u64) -> Result<()> {
        if self.status != RoundStatus::Delivered {
            require_gte!(escrow_amount, self.raised, PixrError::Insolvent);
        }
        require_gte!(self.terms.target, self.raised, PixrError::Insolvent);
        Ok(())
    }
}
