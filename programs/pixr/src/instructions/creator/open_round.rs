use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};

use crate::{
    errors::PixrError,
    events::RoundOpened,
    seeds,
    state::{Platform, Round, RoundStatus, RoundTerms, Shard, shard::ShardMut},
};

#[derive(Accounts)]
#[instruction(content: u32, number: u32)]
pub struct OpenRound<'info> {
    /// The creator's authority, or the keeper.
    pub authority: Signer<'info>,
    /// Pays the rent of the round and its escrow, and gets it back at their end.
    #[account(mut)]
    pub payer: Signer<'info>,
    #[account(
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(mut, has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        init,
        payer = payer,
        space = Round::SPACE,
        seeds = [
            seeds::ROUND,
            shard.key().as_ref(),
            &content.to_le_bytes(),
            &number.to_le_bytes(),
        ],
        bump,
    )]
    pub round: Box<Account<'info, Round>>,
    #[account(
        init,
        payer = payer,
        seeds = [seeds::ESCROW, round.key().as_ref()],
        bump,
        token::mint = mint,
        token::authority = escrow,
        token::token_program = token_program,
    )]
    pub escrow: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
    pub system_program: Program<'info, System>,
}

/// Opens a round on a content: signed by its creator's authority or the keeper.
///
/// `number` is the content's next one: a retry of an opening that went through finds it taken. What
/// lanes have room for is checked at delivery; here it spares investors a round that could not be.
pub fn open_round(
    ctx: Context<OpenRound>,
    content: u32,
    number: u32,
    terms: RoundTerms,
) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let settings = &accounts.platform.settings;
    let now = Clock::get()?.unix_timestamp;
    let authority = accounts.authority.key();
    let earned_at_opening = {
        let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
        let mut shard = ShardMut::parse(&mut data)?;
        let slot = *shard.content(content)?;
        let creator = shard.creator(slot.creator)?.authority;
        let allowed = authority == creator || authority == accounts.platform.keeper;
        require!(allowed, PixrError::NotCreatorOrKeeper);
        require_eq!(number, slot.next_round, PixrError::RoundNumber);
        terms.validate(settings, now)?;
        if terms.has_returns() {
            let totals = shard.lane_totals(content)?;
            totals.require_room(terms.share_bps, settings.shares_bps_max)?;
        }
        let next = number.checked_add(1).ok_or(PixrError::Overflow)?;
        shard.content(content)?.next_round = next;
        slot.earned
    };
    accounts.round.set_inner(Round {
        platform: accounts.platform.key(),
        shard: accounts.shard.key(),
        escrow: accounts.escrow.key(),
        opener: accounts.payer.key(),
        terms,
        status: RoundStatus::Open,
        content,
        number,
        raised: 0,
        positions: 0,
        opened_at: now,
        earned_at_opening,
        funded_at: 0,
        delivered_at: 0,
        manifest_hash: [0; 32],
        lane: 0,
        owed: 0,
        claimed: 0,
        bump: ctx.bumps.round,
        escrow_bump: ctx.bumps.escrow,
    });
    emit!(RoundOpened {
        shard: accounts.shard.key(),
        round: accounts.round.key(),
        content,
        number,
        by: authority,
        terms,
        earned_at_opening,
        unix_seconds: now,
    });
    accounts.round.invariant(accounts.escrow.amount)
}
