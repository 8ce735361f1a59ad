//! What Pixr's program is measured against: the straightforward design, one account per creator and
//! per content, with the same formula and the same checks, but nothing else.

#![allow(clippy::arithmetic_side_effects)]

pub mod escrow;

use anchor_lang::prelude::*;
use escrow::*;
#[cfg(target_arch = "bpf")]
use solana_compiler_builtins as _;

declare_id!("FMRHHCgcyac3nxNuokFWFCGkq4c7SLzM2zE7a2fvyr3b");

/// The platform's configuration and reward budget.
#[account]
#[derive(InitSpace)]
pub struct Pool {
    pub keeper: Pubkey,
    pub base_rate: u64,
    pub budget: u64,
    pub next_sequence: u64,
}

/// A creator, with the fields of a creator slot.
#[account]
#[derive(InitSpace)]
pub struct Creator {
    pub authority: Pubkey,
    pub balance: u64,
    pub withdrawn: u64,
    pub window_spent: u64,
    pub window_start: i64,
    pub next_withdrawal: u32,
    pub bump: u8,
}

/// A content, with the fields of a content slot.
#[account]
#[derive(InitSpace)]
pub struct Content {
    pub id: [u8; 16],
    pub creator: Pubkey,
    pub views: u64,
    pub earned: u64,
    pub remainder: u64,
    pub first_lane: u32,
    pub quality: u16,
    pub bump: u8,
}

/// One measurement; its content and creator are the next two of the remaining accounts.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy)]
pub struct Entry {
    pub views: u32,
    pub relevance: u16,
}

#[derive(Accounts)]
pub struct Initialize<'info> {
    #[account(mut)]
    pub keeper: Signer<'info>,
    #[account(init, payer = keeper, space = 8 + Pool::INIT_SPACE)]
    pub pool: Account<'info, Pool>,
    pub system_program: Program<'info, System>,
}

#[derive(Accounts)]
#[instruction(id: [u8; 16])]
pub struct Register<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    /// CHECK: any address may become a creator.
    pub authority: UncheckedAccount<'info>,
    #[account(
        init_if_needed,
        payer = payer,
        space = 8 + Creator::INIT_SPACE,
        seeds = [b"creator", authority.key().as_ref()],
        bump,
    )]
    pub creator: Account<'info, Creator>,
    #[account(
        init,
        payer = payer,
        space = 8 + Content::INIT_SPACE,
        seeds = [b"content", id.as_ref()],
        bump,
    )]
    pub content: Account<'info, Content>,
    pub system_program: Program<'info, System>,
}

#[derive(Accounts)]
pub struct Settle<'info> {
    pub keeper: Signer<'info>,
    #[account(mut, has_one = keeper)]
    pub pool: Account<'info, Pool>,
}

#[error_code]
pub enum BaselineError {
    #[msg("not the next batch")]
    Sequence,
    #[msg("a sum overflows or the budget is exhausted")]
    Amount,
    #[msg("the creator is not the content's")]
    Creator,
    #[msg("the platform is paused")]
    Paused,
    #[msg("the round is in another state")]
    State,
    #[msg("an account belongs to something else")]
    Account,
}

#[program]
pub mod baseline {
    use super::*;

    pub fn initialize(ctx: Context<Initialize>, base_rate: u64, budget: u64) -> Result<()> {
        let keeper = ctx.accounts.keeper.key();
        ctx.accounts.pool.set_inner(Pool { keeper, base_rate, budget, next_sequence: 1 });
        Ok(())
    }

    pub fn register(ctx: Context<Register>, id: [u8; 16]) -> Result<()> {
        let accounts = ctx.accounts;
        accounts.creator.authority = accounts.authority.key();
        accounts.creator.bump = ctx.bumps.creator;
        accounts.content.set_inner(Content {
            id,
            creator: accounts.creator.key(),
            views: 0,
            earned: 0,
            remainder: 0,
            first_lane: 0,
            quality: 10_000,
            bump: ctx.bumps.content,
        });
        Ok(())
    }

    pub fn settle<'info>(
        ctx: Context<'info, Settle<'info>>,
        sequence: u64,
        entries: Vec<Entry>,
    ) -> Result<()> {
        let pool = &mut ctx.accounts.pool;
        require_eq!(sequence, pool.next_sequence, BaselineError::Sequence);
        pool.next_sequence += 1;
        for (entry, pair) in entries.iter().zip(ctx.remaining_accounts.chunks_exact(2)) {
            let mut content: Account<Content> = Account::try_from(&pair[0])?;
            let mut creator: Account<Creator> = Account::try_from(&pair[1])?;
            require_keys_eq!(content.creator, creator.key(), BaselineError::Creator);
            let rate = u128::from(pool.base_rate) * u128::from(content.quality) / 10_000;
            let weight = u128::from(entry.views) * u128::from(entry.relevance);
            let sum = weight * rate + u128::from(content.remainder);
            let earned = u64::try_from(sum / 10_000_000).map_err(|_| BaselineError::Amount)?;
            content.remainder =
                u64::try_from(sum % 10_000_000).map_err(|_| BaselineError::Amount)?;
            content.views += u64::from(entry.views);
            content.earned = content.earned.checked_add(earned).ok_or(BaselineError::Amount)?;
            creator.balance = creator.balance.checked_add(earned).ok_or(BaselineError::Amount)?;
            pool.budget = pool.budget.checked_sub(earned).ok_or(BaselineError::Amount)?;
            content.exit(&crate::ID)?;
            creator.exit(&crate::ID)?;
        }
        Ok(())
    }

    pub fn open_round(ctx: Context<OpenRound>, target: u64, deadline: i64) -> Result<()> {
        escrow::open_round(ctx, target, deadline)
    }

    pub fn invest(ctx: Context<Invest>, amount: u64) -> Result<()> {
        escrow::invest(ctx, amount)
    }

    pub fn deliver(ctx: Context<Deliver>, owed: u64) -> Result<()> {
        escrow::deliver(ctx, owed)
    }

    pub fn claim(ctx: Context<Claim>) -> Result<()> {
        escrow::claim(ctx)
    }
}
