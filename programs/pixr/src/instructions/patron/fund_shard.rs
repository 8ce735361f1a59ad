use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};

use crate::{
    errors::PixrError,
    events::BudgetFunded,
    instructions::transfer::{check_solvent, pay_in},
    state::{Platform, Shard},
};

#[derive(Accounts)]
pub struct PayIn<'info> {
    /// Owner or delegate of `source`.
    pub payer: Signer<'info>,
    #[account(
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(
        mut,
        has_one = platform @ PixrError::WrongPlatform,
        has_one = vault @ PixrError::WrongVault,
    )]
    pub shard: AccountLoader<'info, Shard>,
    #[account(mut)]
    pub vault: Box<InterfaceAccount<'info, TokenAccount>>,
    #[account(mut, constraint = source.mint == mint.key() @ PixrError::WrongMint)]
    pub source: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
}

impl<'info> PayIn<'info> {
    pub(super) fn pay(&self, amount: u64) -> Result<()> {
        pay_in(self.token_program.key(), &self.mint, &self.source, &self.payer, &self.vault, amount)
    }
}

/// Moves `amount` into the shard's reward budget.
pub fn fund_shard(ctx: Context<PayIn>, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    accounts.pay(amount)?;
    {
        let mut shard = accounts.shard.load_mut()?;
        let budget_before = shard.reward_budget;
        shard.fund(amount)?;
        emit!(BudgetFunded {
            shard: accounts.shard.key(),
            funder: accounts.payer.key(),
            amount,
            budget_before,
            budget_after: shard.reward_budget,
        });
    }
    check_solvent(&accounts.shard, &mut accounts.vault)
}
