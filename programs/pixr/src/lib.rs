//! Pixr's program: creator balances, settlement of views, withdrawals, tips, and rounds of investment.
//!
//! The chain computes, the keeper only measures: instructions carry views and relevance, never what
//! somebody is to be paid for them. Balances live in ledger shards (`state::shard`); a settlement is
//! a list of packed entries (`entries`) credited by one formula (`math::earnings`).

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::float_arithmetic,
        clippy::unwrap_used
    )
)]

use anchor_lang::prelude::*;
#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

pub mod constants;
pub mod entries;
pub mod errors;
pub mod events;
pub mod instructions;
pub mod math;
pub mod seeds;
pub mod state;

use instructions::*;
use state::{Role, RoundTerms, Settings};

/// The address of the program: `PIXR_PROGRAM_ID` where the build sets it, else one for local use
/// whose keypair `scripts/build-program` makes.
pub const ID: Pubkey = Pubkey::from_str_const(match option_env!("PIXR_PROGRAM_ID") {
    Some(deployed) => deployed,
    None => "6yJWqCZuY6BNPhThQZkSfy3iSM7MWnp3x5M24vZf28sV",
});

/// [`ID`], for Anchor.
pub const fn id() -> Pubkey {
    ID
}

/// Whether `id` is this program.
pub fn check_id(id: &Pubkey) -> bool {
    *id == ID
}

#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Pixr",
    project_url: "https://pixr.example",
    contacts: "email:security@pixr.example",
    policy: "https://pixr.example/security",
    preferred_languages: "en",
    auditors: "None"
}

/// Every instruction delegates to the function of its name in `instructions`.
#[program]
pub mod pixr {
    use super::*;

    /// Creates a platform.
    ///
    /// Authority: `base`, whose address the platform's is derived from. Refuses mints with transfer
    /// fee, hook, or an extension that could change what a balance is worth.
    pub fn initialize_platform(
        ctx: Context<InitializePlatform>,
        roles: Roles,
        settings: Settings,
    ) -> Result<()> {
        instructions::initialize_platform(ctx, roles, settings)
    }

    /// Replaces rates, fees and limits, each within its bounds, from the next batch on.
    ///
    /// Authority: admin.
    pub fn update_settings(ctx: Context<AdminOnly>, settings: Settings) -> Result<()> {
        instructions::update_settings(ctx, settings)
    }

    /// Hands a role to another address, at once.
    ///
    /// Authority: admin.
    pub fn set_role(ctx: Context<AdminOnly>, role: Role, holder: Pubkey) -> Result<()> {
        instructions::set_role(ctx, role, holder)
    }

    /// Names the next admin; the zero address takes a proposal back.
    ///
    /// Authority: admin.
    pub fn propose_admin(ctx: Context<AdminOnly>, proposed: Pubkey) -> Result<()> {
        instructions::propose_admin(ctx, proposed)
    }

    /// Takes over as admin.
    ///
    /// Authority: the proposed admin.
    pub fn accept_admin(ctx: Context<AcceptAdmin>) -> Result<()> {
        instructions::accept_admin(ctx)
    }

    /// Stops everybody but the admin and the guardian.
    ///
    /// Authority: guardian or admin.
    pub fn pause(ctx: Context<Pause>) -> Result<()> {
        instructions::pause(ctx)
    }

    /// Lets everybody act again.
    ///
    /// Authority: admin.
    pub fn unpause(ctx: Context<AdminOnly>) -> Result<()> {
        instructions::unpause(ctx)
    }

    /// Opens a ledger shard in an account that the client made at its full size, with its vault.
    ///
    /// Authority: admin. `creators`, `contents` and `lanes` are numbers of slots.
    pub fn open_shard(
        ctx: Context<OpenShard>,
        creators: u32,
        contents: u32,
        lanes: u32,
    ) -> Result<()> {
        instructions::open_shard(ctx, creators, contents, lanes)
    }

    /// Moves `amount` base units into a shard's reward budget.
    ///
    /// Authority: the owner of the source account.
    pub fn fund_shard(ctx: Context<PayIn>, amount: u64) -> Result<()> {
        instructions::fund_shard(ctx, amount)
    }

    /// Gives `authority` a creator slot.
    ///
    /// Authority: `authority` itself, who pays for the slot, or the keeper for a custodial one.
    pub fn register_creator(ctx: Context<Register>, authority: Pubkey) -> Result<()> {
        instructions::register_creator(ctx, authority)
    }

    /// Gives a content a slot that credits the creator with index `creator`.
    ///
    /// Authority: the creator's, who pays for the slot, or the keeper. `id` must be new in the shard.
    pub fn register_content(ctx: Context<Register>, creator: u32, id: [u8; 16]) -> Result<()> {
        instructions::register_content(ctx, creator, id)
    }

    /// Proposes another withdraw authority for a creator.
    ///
    /// Authority: the creator's withdraw authority.
    pub fn propose_authority(
        ctx: Context<ProposeAuthority>,
        creator: u32,
        proposed: Pubkey,
    ) -> Result<()> {
        instructions::propose_authority(ctx, creator, proposed)
    }

    /// Takes over as a creator's withdraw authority.
    ///
    /// Authority: the proposed one.
    pub fn accept_authority(ctx: Context<AcceptAuthority>) -> Result<()> {
        instructions::accept_authority(ctx)
    }

    /// Takes a proposal of another withdraw authority back.
    ///
    /// Authority: the creator's withdraw authority.
    pub fn cancel_authority(ctx: Context<CancelAuthority>) -> Result<()> {
        instructions::cancel_authority(ctx)
    }

    /// Pays `amount` base units of a creator's balance out, within the window's limit.
    ///
    /// Authority: the creator's withdraw authority.
    pub fn withdraw(ctx: Context<Withdraw>, creator: u32, amount: u64) -> Result<()> {
        instructions::withdraw(ctx, creator, amount)
    }

    /// Sets `amount` base units of a creator's balance aside, to be paid after the delay.
    ///
    /// Authority: the creator's withdraw authority. `number` is that of the creator's next request.
    pub fn request_withdrawal(
        ctx: Context<RequestWithdrawal>,
        creator: u32,
        number: u32,
        amount: u64,
    ) -> Result<()> {
        instructions::request_withdrawal(ctx, creator, number, amount)
    }

    /// Pays a delayed withdrawal to the destination that was fixed at its request.
    ///
    /// Authority: the creator's withdraw authority.
    pub fn execute_withdrawal(ctx: Context<ExecuteWithdrawal>) -> Result<()> {
        instructions::execute_withdrawal(ctx)
    }

    /// Puts a delayed withdrawal back into the balance.
    ///
    /// Authority: the creator's withdraw authority.
    pub fn cancel_withdrawal(ctx: Context<CancelWithdrawal>) -> Result<()> {
        instructions::cancel_withdrawal(ctx)
    }

    /// Holds a delayed withdrawal.
    ///
    /// Authority: guardian.
    pub fn freeze_withdrawal(ctx: Context<Freeze>) -> Result<()> {
        instructions::freeze_withdrawal(ctx)
    }

    /// Lets a frozen withdrawal go on.
    ///
    /// Authority: guardian.
    pub fn unfreeze_withdrawal(ctx: Context<Freeze>) -> Result<()> {
        instructions::unfreeze_withdrawal(ctx)
    }

    /// Credits a batch of packed entries (see `entries`), whole or not at all.
    ///
    /// Authority: keeper. `sequence` is that of the shard's next batch.
    pub fn settle(ctx: Context<KeeperBatch>, sequence: u64, entries: Vec<u8>) -> Result<()> {
        instructions::settle(ctx, sequence, entries)
    }

    /// Takes views back, to be earned back by later ones of the same contents.
    ///
    /// Authority: keeper. `sequence` is that of the shard's next batch.
    pub fn reverse_views(ctx: Context<KeeperBatch>, sequence: u64, entries: Vec<u8>) -> Result<()> {
        instructions::reverse_views(ctx, sequence, entries)
    }

    /// Sets a content's quality in basis points, from the next batch on.
    ///
    /// Authority: keeper.
    pub fn set_quality(ctx: Context<KeeperBatch>, content: u32, quality: u16) -> Result<()> {
        instructions::set_quality(ctx, content, quality)
    }

    /// Pays `amount` base units to a creator, less the two fees.
    ///
    /// Authority: the owner of the source account. `memo` has at most 256 bytes.
    pub fn tip(ctx: Context<PayIn>, creator: u32, amount: u64, memo: String) -> Result<()> {
        instructions::tip(ctx, creator, amount, memo)
    }

    /// Pays collected fees to the treasury and the processor.
    ///
    /// Authority: none; the destinations are the platform's.
    pub fn collect_fees(ctx: Context<CollectFees>) -> Result<()> {
        instructions::collect_fees(ctx)
    }

    /// Opens a round on a content, with its escrow.
    ///
    /// Authority: the creator's, or the keeper. `number` is that of the content's next round.
    pub fn open_round(
        ctx: Context<OpenRound>,
        content: u32,
        number: u32,
        terms: RoundTerms,
    ) -> Result<()> {
        instructions::open_round(ctx, content, number, terms)
    }

    /// Invests `amount` base units in an open round, or what is missing to its target if that is less.
    ///
    /// Authority: the owner of the source account.
    pub fn invest(ctx: Context<Invest>, amount: u64) -> Result<()> {
        instructions::invest(ctx, amount)
    }

    /// Ends a round without delivery: its positions can be refunded.
    ///
    /// Authority: the creator's while the round is open, or the keeper.
    pub fn cancel_round(ctx: Context<CancelRound>) -> Result<()> {
        instructions::cancel_round(ctx)
    }

    /// Pays a position of a round that refunds back to its owner.
    ///
    /// Authority: the owner; anybody once the deadline has passed.
    pub fn refund(ctx: Context<Refund>) -> Result<()> {
        instructions::refund(ctx)
    }

    /// Ends a funded round: pays its escrow out, sets the content's quality and opens its lane.
    ///
    /// Authority: keeper. `quality` is at least what it was.
    pub fn deliver(ctx: Context<Deliver>, manifest_hash: [u8; 32], quality: u16) -> Result<()> {
        instructions::deliver(ctx, manifest_hash, quality)
    }

    /// Pays a position what it is owed and was not paid.
    ///
    /// Authority: the owner; anybody once the term is over, to the owner.
    pub fn claim(ctx: Context<Claim>) -> Result<()> {
        instructions::claim(ctx)
    }

    /// Gives the lane of a round back whose term is over or whose cap is reached.
    ///
    /// Authority: none.
    pub fn retire_lane(ctx: Context<RetireLane>) -> Result<()> {
        instructions::retire_lane(ctx)
    }

    /// Closes a round without positions that refunds or is final.
    ///
    /// Authority: none; rent and tokens go where they belong.
    pub fn close_round(ctx: Context<CloseRound>) -> Result<()> {
        instructions::close_round(ctx)
    }

    /// Hands a position to another owner.
    ///
    /// Authority: its owner, once the round is no longer open.
    pub fn transfer_position(ctx: Context<OwnPosition>, new_owner: Pubkey) -> Result<()> {
        instructions::transfer_position(ctx, new_owner)
    }

    /// Offers a position for `price` base units.
    ///
    /// Authority: its owner, once the round is no longer open.
    pub fn list(ctx: Context<OwnPosition>, price: u64) -> Result<()> {
        instructions::list(ctx, price)
    }

    /// Takes the offer of a position back.
    ///
    /// Authority: its owner.
    pub fn unlist(ctx: Context<OwnPosition>) -> Result<()> {
        instructions::unlist(ctx)
    }

    /// Buys a position that is for sale, for at most `price_max` and with at most `claimed_max` paid
    /// to it so far.
    ///
    /// Authority: the owner of the source account.
    pub fn buy(ctx: Context<Buy>, price_max: u64, claimed_max: u64) -> Result<()> {
        instructions::buy(ctx, price_max, claimed_max)
    }
}
