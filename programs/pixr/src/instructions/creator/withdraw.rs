use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};

use crate::{
    errors::PixrError,
    events::Withdrawn,
    instructions::transfer::{check_solvent, pay_out},
    state::{Platform, Shard, shard::ShardMut},
};

#[derive(Accounts)]
pub struct Withdraw<'info> {
    /// The creator's withdraw authority.
    pub authority: Signer<'info>,
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
    #[account(
        mut,
        constraint = destination.mint == mint.key() @ PixrError::WrongMint,
    )]
    pub destination: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
}

/// Pays `amount` out at once, within the limit of the creator's current window.
pub fn withdraw(ctx: Context<Withdraw>, creator: u32, amount: u64) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let now = Clock::get()?.unix_timestamp;
    let (balance_before, balance_after) = {
        let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
        let mut shard = ShardMut::parse(&mut data)?;
        let slot = shard.creator(creator)?;
        slot.require_authority(accounts.authority.key)?;
        let before = slot.balance;
        slot.debit(amount)?;
        slot.spend_window(&accounts.platform.settings, now, amount)?;
        let after = slot.balance;
        shard.header.book_withdrawal(amount)?;
        (before, after)
    };
    pay_out(
        accounts.token_program.key(),
        &accounts.mint,
        &accounts.shard,
        &accounts.vault,
        &accounts.destination,
        amount,
    )?;
    emit!(Withdrawn {
        shard: accounts.shard.key(),
        creator,
        destination: accounts.destination.key(),
        amount,
        balance_before,
        balance_after,
    });
    check_solvent(&accounts.shard, &mut accounts.vault)
}
