use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};

use crate::{
    constants::BPS_MAX,
    errors::PixrError,
    events::{QualityChanged, RoundDelivered, RoundSupported},
    instructions::transfer::{Transfer, check_solvent},
    math::returns::Baseline,
    state::{
        Platform, Round, RoundStatus, Settings, Shard,
        shard::{Lane, LaneTerms, ShardMut},
    },
};

#[derive(Accounts)]
pub struct Deliver<'info> {
    pub keeper: Signer<'info>,
    #[account(
        has_one = keeper @ PixrError::NotKeeper,
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(mut, has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        mut,
        has_one = shard @ PixrError::WrongShard,
        has_one = escrow @ PixrError::WrongEscrow,
    )]
    pub round: Box<Account<'info, Round>>,
    #[account(mut)]
    pub escrow: Box<InterfaceAccount<'info, TokenAccount>>,
    /// A token account of the treasury; for a support round the shard's vault.
    #[account(mut)]
    pub destination: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
}

/// Ends a funded round with what it was for.
///
/// 1. The quality of the content does not fall; it counts from the next batch.
/// 2. What was raised pays the treasury, or the creator's balance in a support round.
/// 3. A round with returns gets a lane: its baseline is what the content earned since the opening, by
///    the shard's own counters.
pub fn deliver(ctx: Context<Deliver>, manifest_hash: [u8; 32], quality: u16) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let now = Clock::get()?.unix_timestamp;
    let round = &mut accounts.round;
    require!(round.status == RoundStatus::Funded, PixrError::RoundNotFunded);
    require_gte!(round.deliver_until(), now, PixrError::DeliveryOverdue);
    require_gte!(BPS_MAX, quality, PixrError::BpsTooHigh);
    let support = !round.terms.has_returns();
    {
        let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
        let mut shard = ShardMut::parse(&mut data)?;
        let key = accounts.shard.key();
        if support {
            let vault = shard.header.vault;
            require_keys_eq!(accounts.destination.key(), vault, PixrError::WrongVault);
        } else {
            let treasury = accounts.platform.treasury;
            require_keys_eq!(accounts.destination.owner, treasury, PixrError::WrongDestination);
        }
        change_quality(&mut shard, key, round.content, quality)?;
        if support {
            credit_creator(&mut shard, key, round)?;
        } else {
            let round_key = round.key();
            let delivered = open_lane(&mut shard, round, &accounts.platform.settings, now)?;
            round.lane = delivered.lane;
            emit!(RoundDelivered {
                shard: key,
                round: round_key,
                destination: accounts.destination.key(),
                manifest_hash,
                ..delivered
            });
        }
    }
    round.status = RoundStatus::Delivered;
    round.delivered_at = now;
    round.manifest_hash = manifest_hash;
    Transfer {
        token_program: accounts.token_program.key(),
        mint: accounts.mint.as_ref().as_ref(),
        from: accounts.escrow.as_ref().as_ref(),
        to: accounts.destination.as_ref().as_ref(),
    }
    .out_of_escrow(round, round.raised)?;
    if support {
        check_solvent(&accounts.shard, &mut accounts.destination)?;
    }
    accounts.escrow.reload()?;
    round.invariant(accounts.escrow.amount)
}

fn change_quality(shard: &mut ShardMut, key: Pubkey, content: u32, after: u16) -> Result<()> {
    let before = shard.content(content)?.set_quality(after);
    require_gte!(after, before, PixrError::QualityTooLow);
    if after > before {
        let next_sequence = shard.header.next_sequence;
        emit!(QualityChanged { shard: key, content, before, after, next_sequence });
    }
    Ok(())
}

/// Books what a support round raised.
fn credit_creator(shard: &mut ShardMut, key: Pubkey, round: &Account<Round>) -> Result<()> {
    let creator = shard.content(round.content)?.creator;
    let slot = shard.creator(creator)?;
    let balance_before = slot.balance;
    slot.balance = balance_before.checked_add(round.raised).ok_or(PixrError::Overflow)?;
    let balance_after = slot.balance;
    shard.header.book_support(round.raised)?;
    emit!(RoundSupported {
        shard: key,
        round: round.key(),
        creator,
        amount: round.raised,
        balance_before,
        balance_after,
    });
    Ok(())
}

/// Gives a round its lane. The event's accounts and hash are the caller's to fill in.
fn open_lane(
    shard: &mut ShardMut,
    round: &Round,
    settings: &Settings,
    now: i64,
) -> Result<RoundDelivered> {
    let terms = &round.terms;
    let content = round.content;
    shard.lane_totals(content)?.require_room(terms.share_bps, settings.shares_bps_max)?;
    let seconds = now.checked_sub(round.opened_at).and_then(|passed| u32::try_from(passed).ok());
    let seconds = seconds.ok_or(PixrError::Overflow)?;
    require_gte!(seconds, settings.baseline_seconds_min, PixrError::BaselineTooShort);
    let earned = shard.content(content)?.earned;
    let baseline_earned =
        earned.checked_sub(round.earned_at_opening).ok_or(PixrError::ShardCorrupt)?;
    let baseline = Baseline::new(baseline_earned, seconds, terms.term_seconds)
        .ok_or(PixrError::BaselineTooHigh)?;
    let lane_terms = LaneTerms {
        content,
        round: round.number,
        share_bps: terms.share_bps,
        cap: terms.cap,
        term_seconds: terms.term_seconds,
    };
    let lane = shard.add_lane(Lane::new(lane_terms, baseline, earned, now)?)?;
    Ok(RoundDelivered {
        shard: Pubkey::default(),
        round: Pubkey::default(),
        destination: Pubkey::default(),
        manifest_hash: [0; 32],
        content,
        lane,
        raised: round.raised,
        baseline_earned,
        baseline_seconds: seconds,
        earned_at_delivery: earned,
        unix_seconds: now,
    })
}
