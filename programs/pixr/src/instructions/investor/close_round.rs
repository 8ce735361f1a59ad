use anchor_lang::prelude::*;
use anchor_spl::token_interface::{CloseAccount, TokenInterface, close_account};

use crate::{
    errors::PixrError,
    events::RoundClosed,
    instructions::transfer::{Transfer, require_owner, token_amount},
    seeds,
    state::{Platform, Round, Shard},
};

#[derive(Accounts)]
pub struct CloseRound<'info> {
    #[account(
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(mut, has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        mut,
        close = opener,
        has_one = shard @ PixrError::WrongShard,
        has_one = escrow @ PixrError::WrongEscrow,
        has_one = opener @ PixrError::WrongRentReceiver,
    )]
    pub round: Box<Account<'info, Round>>,
    /// CHECK: gets the rent of both accounts back; the round names it.
    #[account(mut)]
    pub opener: UncheckedAccount<'info>,
    /// CHECK: the round names it.
    #[account(mut)]
    pub escrow: UncheckedAccount<'info>,
    /// CHECK: a token account of the treasury: the handler checks it, and the token program.
    #[account(mut)]
    pub treasury: UncheckedAccount<'info>,
    /// CHECK: the platform names it.
    pub mint: UncheckedAccount<'info>,
    pub token_program: Interface<'info, TokenInterface>,
}

/// Closes a round that has no position and cannot get one: it refunds, or what it is owed is final.
/// Anybody may send it.
///
/// 1. What rounding left of what it was owed goes back into the reward budget.
/// 2. Tokens that somebody sent to the escrow without the program go to the treasury.
/// 3. The rent of the round and of its escrow goes back to who opened it.
pub fn close_round(ctx: Context<CloseRound>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let now = Clock::get()?.unix_timestamp;
    let round = &accounts.round;
    let ended = round.refunds(now) || round.is_final();
    require!(ended && round.positions == 0, PixrError::RoundNotFinished);
    require_owner(&accounts.treasury, &accounts.platform.treasury)?;
    let dust = round.owed.checked_sub(round.claimed).ok_or(PixrError::ShardCorrupt)?;
    let (budget_before, budget_after) = {
        let mut shard = accounts.shard.load_mut()?;
        let before = shard.reward_budget;
        shard.book_dust(dust)?;
        (before, shard.reward_budget)
    };
    let stray = token_amount(&accounts.escrow)?;
    let transfer = Transfer {
        token_program: accounts.token_program.key(),
        mint: &accounts.mint,
        from: &accounts.escrow,
        to: &accounts.treasury,
    };
    // Also when there is nothing to move: the transfer is what proves the treasury's account.
    transfer.out_of_escrow(round, stray)?;
    let key = round.key();
    let signer: &[&[u8]] = &[seeds::ESCROW, key.as_ref(), &[round.escrow_bump]];
    close_account(CpiContext::new_with_signer(
        accounts.token_program.key(),
        CloseAccount {
            account: accounts.escrow.to_account_info(),
            destination: accounts.opener.to_account_info(),
            authority: accounts.escrow.to_account_info(),
        },
        &[signer],
    ))?;
    emit!(RoundClosed {
        shard: accounts.shard.key(),
        round: key,
        opener: round.opener,
        dust,
        budget_before,
        budget_after,
        stray,
    });
    Ok(())
}
