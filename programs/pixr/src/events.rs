//! One event for every change of a balance, with the amount and the balance before and after.
//! Settlement has one a batch: its entries are in the transaction itself.
//!
//! Amounts are base units of the platform's mint, times Unix seconds.

use anchor_lang::prelude::*;

use crate::state::{Role, RoundTerms, Settings};

/// A platform was created.
#[event]
pub struct PlatformInitialized {
    pub platform: Pubkey,
    pub mint: Pubkey,
    pub admin: Pubkey,
    pub settings: Settings,
}

/// Rates, fees or limits changed; they count from the next batch.
#[event]
pub struct SettingsChanged {
    pub platform: Pubkey,
    pub before: Settings,
    pub after: Settings,
}

/// A role has a new holder.
#[event]
pub struct RoleChanged {
    pub platform: Pubkey,
    pub role: Role,
    pub before: Pubkey,
    pub after: Pubkey,
}

/// A next admin was proposed.
#[event]
pub struct AdminProposed {
    pub platform: Pubkey,
    pub proposed: Pubkey,
}

/// The proposed admin accepted.
#[event]
pub struct AdminChanged {
    pub platform: Pubkey,
    pub before: Pubkey,
    pub after: Pubkey,
}

/// The platform was paused or unpaused.
#[event]
pub struct PauseChanged {
    pub platform: Pubkey,
    pub by: Pubkey,
    pub paused: bool,
}

/// A shard was opened.
#[event]
pub struct ShardOpened {
    pub platform: Pubkey,
    pub shard: Pubkey,
    pub vault: Pubkey,
    pub number: u32,
    pub creators: u32,
    pub contents: u32,
    pub lanes: u32,
}

/// Tokens went into a shard's reward budget.
#[event]
pub struct BudgetFunded {
    pub shard: Pubkey,
    pub funder: Pubkey,
    pub amount: u64,
    pub budget_before: u64,
    pub budget_after: u64,
}

/// A creator slot was filled.
#[event]
pub struct CreatorRegistered {
    pub shard: Pubkey,
    pub creator: u32,
    pub authority: Pubkey,
    pub by: Pubkey,
}

/// A content slot was filled.
#[event]
pub struct ContentRegistered {
    pub shard: Pubkey,
    pub content: u32,
    pub creator: u32,
    pub id: [u8; 16],
    pub quality: u16,
}

/// A content's quality changed; it counts from the next batch.
#[event]
pub struct QualityChanged {
    pub shard: Pubkey,
    pub content: u32,
    pub before: u16,
    pub after: u16,
    pub next_sequence: u64,
}

/// A batch was settled: `budget_before - budget_after` was credited by its entries.
#[event]
pub struct BatchSettled {
    pub shard: Pubkey,
    pub sequence: u64,
    pub views: u64,
    pub credited: u64,
    /// The investors' part of it: `owed_after - owed_before`.
    pub owed: u64,
    pub base_rate: u64,
    /// The clock that lanes were reckoned with.
    pub unix_seconds: i64,
    pub budget_before: u64,
    pub budget_after: u64,
    pub balances_before: u64,
    pub balances_after: u64,
    pub owed_before: u64,
    pub owed_after: u64,
    /// The running hash after this batch.
    pub hash: [u8; 32],
}

/// Views were reversed: later views of these contents earn back `value` first.
#[event]
pub struct ViewsReversed {
    pub shard: Pubkey,
    pub sequence: u64,
    pub views: u64,
    /// What the views were worth at today's rates, each entry rounded up.
    pub value: u64,
    pub base_rate: u64,
    /// The running hash after this batch.
    pub hash: [u8; 32],
}

/// A tip was paid; `amount` is before fees.
#[event]
pub struct Tipped {
    pub shard: Pubkey,
    pub creator: u32,
    pub patron: Pubkey,
    pub amount: u64,
    pub platform_fee: u64,
    pub processing_fee: u64,
    pub balance_before: u64,
    pub balance_after: u64,
    pub memo: String,
}

/// Collected fees were paid to the treasury and the processor.
#[event]
pub struct FeesCollected {
    pub shard: Pubkey,
    pub platform_fees: u64,
    pub processing_fees: u64,
}

/// A creator withdrew at once.
#[event]
pub struct Withdrawn {
    pub shard: Pubkey,
    pub creator: u32,
    pub destination: Pubkey,
    pub amount: u64,
    pub balance_before: u64,
    pub balance_after: u64,
}

/// A delayed withdrawal left the balance and waits.
#[event]
pub struct WithdrawalRequested {
    pub shard: Pubkey,
    pub creator: u32,
    pub withdrawal: Pubkey,
    pub destination: Pubkey,
    pub amount: u64,
    pub balance_before: u64,
    pub balance_after: u64,
    pub executable_at: i64,
}

/// A delayed withdrawal was paid.
#[event]
pub struct WithdrawalExecuted {
    pub shard: Pubkey,
    pub creator: u32,
    pub withdrawal: Pubkey,
    pub destination: Pubkey,
    pub amount: u64,
    pub delayed_before: u64,
    pub delayed_after: u64,
}

/// A delayed withdrawal went back to the balance.
#[event]
pub struct WithdrawalCancelled {
    pub shard: Pubkey,
    pub creator: u32,
    pub withdrawal: Pubkey,
    pub amount: u64,
    pub balance_before: u64,
    pub balance_after: u64,
}

/// The guardian froze or released a delayed withdrawal.
#[event]
pub struct FreezeChanged {
    pub shard: Pubkey,
    pub withdrawal: Pubkey,
    pub by: Pubkey,
    pub frozen: bool,
}

/// A new withdraw authority was proposed for a creator.
#[event]
pub struct AuthorityProposed {
    pub shard: Pubkey,
    pub creator: u32,
    pub proposed: Pubkey,
}

/// A proposal was taken back.
#[event]
pub struct AuthorityProposalCancelled {
    pub shard: Pubkey,
    pub creator: u32,
    pub proposed: Pubkey,
}

/// The proposed withdraw authority accepted.
#[event]
pub struct AuthorityChanged {
    pub shard: Pubkey,
    pub creator: u32,
    pub before: Pubkey,
    pub after: Pubkey,
}

/// A round was opened.
#[event]
pub struct RoundOpened {
    pub shard: Pubkey,
    pub round: Pubkey,
    pub content: u32,
    pub number: u32,
    pub by: Pubkey,
    pub terms: RoundTerms,
    /// The content's `earned`: the baseline is counted from here.
    pub earned_at_opening: u64,
    pub unix_seconds: i64,
}

/// An investment went into a round's escrow.
#[event]
pub struct Invested {
    pub round: Pubkey,
    pub position: Pubkey,
    pub investor: Pubkey,
    /// What was taken: less than was offered where the target was closer.
    pub amount: u64,
    /// All that the position holds now.
    pub invested: u64,
    pub raised_before: u64,
    pub raised_after: u64,
}

/// A round reached its target.
#[event]
pub struct RoundFunded {
    pub round: Pubkey,
    pub raised: u64,
    pub deliver_until: i64,
}

/// A round was cancelled: its positions can be refunded.
#[event]
pub struct RoundCancelled {
    pub round: Pubkey,
    pub by: Pubkey,
    pub raised: u64,
}

/// A position was paid back and closed.
#[event]
pub struct Refunded {
    pub round: Pubkey,
    pub position: Pubkey,
    pub owner: Pubkey,
    pub by: Pubkey,
    pub destination: Pubkey,
    pub amount: u64,
    pub raised_before: u64,
    pub raised_after: u64,
}

/// A round with returns was delivered: `raised` was paid to `destination`, and its lane earns.
#[event]
pub struct RoundDelivered {
    pub shard: Pubkey,
    pub round: Pubkey,
    pub destination: Pubkey,
    pub manifest_hash: [u8; 32],
    pub content: u32,
    pub lane: u32,
    pub raised: u64,
    /// Baseline, numerator.
    pub baseline_earned: u64,
    /// Baseline, denominator.
    pub baseline_seconds: u32,
    pub earned_at_delivery: u64,
    pub unix_seconds: i64,
}

/// A support round was delivered: it paid the creator.
#[event]
pub struct RoundSupported {
    pub shard: Pubkey,
    pub round: Pubkey,
    pub creator: u32,
    pub amount: u64,
    pub balance_before: u64,
    pub balance_after: u64,
}

/// A position was paid its part of what its round is owed.
#[event]
pub struct Claimed {
    pub round: Pubkey,
    pub position: Pubkey,
    pub owner: Pubkey,
    pub by: Pubkey,
    pub destination: Pubkey,
    pub amount: u64,
    pub claimed_before: u64,
    pub claimed_after: u64,
    /// Whether it was the last claim, which closed the position.
    pub closed: bool,
}

/// A round gave its lane back: what it is owed is final.
#[event]
pub struct LaneRetired {
    pub shard: Pubkey,
    pub round: Pubkey,
    pub content: u32,
    pub lane: u32,
    pub uplift_high: u64,
    pub owed: u64,
}

/// A round was closed: `dust` went from what rounds are owed into the reward budget.
#[event]
pub struct RoundClosed {
    pub shard: Pubkey,
    pub round: Pubkey,
    pub opener: Pubkey,
    pub dust: u64,
    pub budget_before: u64,
    pub budget_after: u64,
    /// Tokens of the escrow that were nobody's, paid to the treasury.
    pub stray: u64,
}

/// A position has another owner.
#[event]
pub struct PositionTransferred {
    pub round: Pubkey,
    pub position: Pubkey,
    pub before: Pubkey,
    pub after: Pubkey,
}

/// A position is for sale at another price; zero when it is not for sale.
#[event]
pub struct PriceChanged {
    pub round: Pubkey,
    pub position: Pubkey,
    pub owner: Pubkey,
    pub before: u64,
    pub after: u64,
}

/// A position was sold.
#[event]
pub struct PositionSold {
    pub round: Pubkey,
    pub position: Pubkey,
    pub seller: Pubkey,
    pub buyer: Pubkey,
    pub price: u64,
    /// Invested in it.
    pub amount: u64,
    /// Paid to it so far.
    pub claimed: u64,
}
