//! An escrow as one would write it first: every account typed, every address derived.

use anchor_lang::prelude::*;
use anchor_spl::token::{self, Mint, Token, TokenAccount, TransferChecked};

use crate::BaselineError;

/// The platform, the vault's books and the roles.
#[account]
#[derive(InitSpace)]
pub struct Bank {
    pub admin: Pubkey,
    pub mint: Pubkey,
    pub owed: u64,
    pub paused: bool,
    pub bump: u8,
    pub vault_bump: u8,
}

/// A round, with the fields that investing and claiming need.
#[account]
#[derive(InitSpace)]
pub struct Round {
    pub bank: Pubkey,
    pub target: u64,
    pub raised: u64,
    pub deadline: i64,
    pub funded_at: i64,
    pub delivered_at: i64,
    pub term_seconds: u32,
    pub owed: u64,
    pub claimed: u64,
    pub positions: u32,
    pub number: u32,
    pub bump: u8,
    pub escrow_bump: u8,
}

/// What an investor has in a round.
#[account]
#[derive(InitSpace)]
pub struct Position {
    pub round: Pubkey,
    pub owner: Pubkey,
    pub amount: u64,
    pub claimed: u64,
    pub bump: u8,
}

#[event]
pub struct Invested {
    pub round: Pubkey,
    pub investor: Pubkey,
    pub amount: u64,
    pub raised_before: u64,
    pub raised_after: u64,
}

#[event]
pub struct Claimed {
    pub round: Pubkey,
    pub owner: Pubkey,
    pub amount: u64,
    pub claimed_before: u64,
    pub claimed_after: u64,
}

#[derive(Accounts)]
pub struct OpenRound<'info> {
    #[account(mut)]
    pub admin: Signer<'info>,
    #[account(init, payer = admin, space = 8 + Bank::INIT_SPACE, seeds = [b"bank"], bump)]
    pub bank: Account<'info, Bank>,
    #[account(
        init,
        payer = admin,
        seeds = [b"vault", bank.key().as_ref()],
        bump,
        token::mint = mint,
        token::authority = bank,
    )]
    pub vault: Account<'info, TokenAccount>,
    #[account(
        init,
        payer = admin,
        space = 8 + Round::INIT_SPACE,
        seeds = [b"round", bank.key().as_ref()],
        bump,
    )]
    pub round: Account<'info, Round>,
    #[account(
        init,
        payer = admin,
        seeds = [b"escrow", round.key().as_ref()],
        bump,
        token::mint = mint,
        token::authority = bank,
    )]
    pub escrow: Account<'info, TokenAccount>,
    pub mint: Account<'info, Mint>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

#[derive(Accounts)]
pub struct Invest<'info> {
    #[account(mut)]
    pub investor: Signer<'info>,
    #[account(seeds = [b"bank"], bump = bank.bump, has_one = mint)]
    pub bank: Account<'info, Bank>,
    #[account(
        mut,
        has_one = bank,
        seeds = [b"round", bank.key().as_ref()],
        bump = round.bump,
    )]
    pub round: Account<'info, Round>,
    #[account(
        init_if_needed,
        payer = investor,
        space = 8 + Position::INIT_SPACE,
        seeds = [b"position", round.key().as_ref(), investor.key().as_ref()],
        bump,
    )]
    pub position: Account<'info, Position>,
    #[account(
        mut,
        seeds = [b"escrow", round.key().as_ref()],
        bump = round.escrow_bump,
        token::mint = mint,
    )]
    pub escrow: Account<'info, TokenAccount>,
    #[account(mut, token::mint = mint, token::authority = investor)]
    pub source: Account<'info, TokenAccount>,
    pub mint: Account<'info, Mint>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

#[derive(Accounts)]
pub struct Deliver<'info> {
    pub admin: Signer<'info>,
    #[account(mut, seeds = [b"bank"], bump = bank.bump, has_one = admin)]
    pub bank: Account<'info, Bank>,
    #[account(mut, has_one = bank)]
    pub round: Account<'info, Round>,
}

#[derive(Accounts)]
pub struct Claim<'info> {
    pub owner: Signer<'info>,
    #[account(mut, seeds = [b"bank"], bump = bank.bump, has_one = mint)]
    pub bank: Account<'info, Bank>,
    #[account(
        mut,
        has_one = bank,
        seeds = [b"round", bank.key().as_ref()],
        bump = round.bump,
    )]
    pub round: Account<'info, Round>,
    #[account(
        mut,
        has_one = round,
        has_one = owner,
        seeds = [b"position", round.key().as_ref(), owner.key().as_ref()],
        bump = position.bump,
    )]
    pub position: Account<'info, Position>,
    #[account(
        mut,
        seeds = [b"vault", bank.key().as_ref()],
        bump = bank.vault_bump,
        token::mint = mint,
    )]
    pub vault: Account<'info, TokenAccount>,
    #[account(mut, token::mint = mint, token::authority = owner)]
    pub destination: Account<'info, TokenAccount>,
    pub mint: Account<'info, Mint>,
    pub token_program: Program<'info, Token>,
}

pub fn open_round(ctx: Context<OpenRound>, target: u64, deadline: i64) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.bank.set_inner(Bank {
        admin: accounts.admin.key(),
        mint: accounts.mint.key(),
        owed: 0,
        paused: false,
        bump: ctx.bumps.bank,
        vault_bump: ctx.bumps.vault,
    });
    accounts.round.set_inner(Round {
        bank: accounts.bank.key(),
        target,
        raised: 0,
        deadline,
        funded_at: 0,
        delivered_at: 0,
        term_seconds: 1_000_000,
        owed: 0,
        claimed: 0,
        positions: 0,
        number: 0,
        bump: ctx.bumps.round,
        escrow_bump: ctx.bumps.escrow,
    });
    Ok(())
}

pub fn invest(ctx: Context<Invest>, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    require!(!accounts.bank.paused, BaselineError::Paused);
    let now = Clock::get()?.unix_timestamp;
    let round = &mut accounts.round;
    require!(round.funded_at == 0 && now < round.deadline, BaselineError::State);
    let amount = amount.min(round.target - round.raised);
    require!(amount > 0 && accounts.source.amount >= amount, BaselineError::Amount);
    let transfer = TransferChecked {
        from: accounts.source.to_account_info(),
        mint: accounts.mint.to_account_info(),
        to: accounts.escrow.to_account_info(),
        authority: accounts.investor.to_account_info(),
    };
    let context = CpiContext::new(accounts.token_program.key(), transfer);
    token::transfer_checked(context, amount, accounts.mint.decimals)?;
    let position = &mut accounts.position;
    if position.amount == 0 {
        position.round = round.key();
        position.owner = accounts.investor.key();
        position.bump = ctx.bumps.position;
        round.positions += 1;
    }
    require_keys_eq!(position.owner, accounts.investor.key(), BaselineError::Account);
    position.amount = position.amount.checked_add(amount).ok_or(BaselineError::Amount)?;
    let raised_before = round.raised;
    round.raised = raised_before.checked_add(amount).ok_or(BaselineError::Amount)?;
    if round.raised == round.target {
        round.funded_at = now;
    }
    emit!(Invested {
        round: round.key(),
        investor: accounts.investor.key(),
        amount,
        raised_before,
        raised_after: round.raised,
    });
    accounts.escrow.reload()?;
    require_gte!(accounts.escrow.amount, round.raised, BaselineError::Amount);
    Ok(())
}

pub fn deliver(ctx: Context<Deliver>, owed: u64) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.round.delivered_at = Clock::get()?.unix_timestamp;
    accounts.round.owed = owed;
    accounts.bank.owed += owed;
    Ok(())
}

pub fn claim(ctx: Context<Claim>) -> Result<()> {
    let accounts = ctx.accounts;
    require!(!accounts.bank.paused, BaselineError::Paused);
    let now = Clock::get()?.unix_timestamp;
    let (round, position) = (&mut accounts.round, &mut accounts.position);
    let delivered = round.delivered_at > 0 && now >= round.delivered_at;
    require!(delivered, BaselineError::State);
    let product = u128::from(round.owed) * u128::from(position.amount);
    let part = u64::try_from(product / u128::from(round.raised)).unwrap_or(0);
    let claimed_before = position.claimed;
    let amount = part.checked_sub(claimed_before).ok_or(BaselineError::Amount)?;
    require_gt!(amount, 0, BaselineError::Amount);
    position.claimed = claimed_before.checked_add(amount).ok_or(BaselineError::Amount)?;
    round.claimed = round.claimed.checked_add(amount).ok_or(BaselineError::Amount)?;
    let bank = &mut accounts.bank;
    bank.owed = bank.owed.checked_sub(amount).ok_or(BaselineError::Amount)?;
    let bump = [bank.bump];
    let signer: &[&[u8]] = &[b"bank", &bump];
    let transfer = TransferChecked {
        from: accounts.vault.to_account_info(),
        mint: accounts.mint.to_account_info(),
        to: accounts.destination.to_account_info(),
        authority: bank.to_account_info(),
    };
    let signers = [signer];
    let context = CpiContext::new_with_signer(accounts.token_program.key(), transfer, &signers);
    token::transfer_checked(context, amount, accounts.mint.decimals)?;
    emit!(Claimed {
        round: round.key(),
        owner: position.owner,
        amount,
        claimed_before,
        claimed_after: position.claimed,
    });
    accounts.vault.reload()?;
    require_gte!(accounts.vault.amount, accounts.bank.owed, BaselineError::Amount);
    Ok(())
}
