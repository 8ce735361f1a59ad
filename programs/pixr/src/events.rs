//! One event for every change of a balance, with the amount and the balance before and after.
//! Settlement has one a batch: its entries are in the transaction itself.
//!
//! Amounts are base units of the platform's mint, times Unix seconds.

use anchor_lang::prelude::*;

use crate::state::{Role, Settings};

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
    pub base_rate: u64,
    pub budget_before: u64,
    pub budget_after: u64,
    pub balances_before: u64,
    pub balances_after: u64,
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
