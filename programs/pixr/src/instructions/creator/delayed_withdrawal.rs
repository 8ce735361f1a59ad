use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};

use crate::{
    errors::PixrError,
    events::{WithdrawalCancelled, WithdrawalExecuted, WithdrawalRequested},
    instructions::transfer::{check_solvent, pay_out},
    seeds,
    state::{Platform, Shard, Withdrawal, shard::ShardMut},
};

#[derive(Accounts)]
#[instruction(creator: u32, number: u32)]
pub struct RequestWithdrawal<'info> {
    /// The creator's withdraw authority.
    pub authority: Signer<'info>,
    /// Pays the request's rent and gets it back at its end.
    #[account(mut)]
    pub payer: Signer<'info>,
    #[account(has_one = mint @ PixrError::WrongMint)]
    pub platform: Box<Account<'info, Platform>>,
    #[account(
        mut,
        has_one = platform @ PixrError::WrongPlatform,
        constraint = destination.key() != shard.load()?.vault @ PixrError::DestinationIsVault,
    )]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        init,
        payer = payer,
        space = Withdrawal::SPACE,
        seeds = [
            seeds::WITHDRAWAL,
            shard.key().as_ref(),
            &creator.to_le_bytes(),
            &number.to_le_bytes(),
        ],
        bump,
    )]
    pub withdrawal: Box<Account<'info, Withdrawal>>,
    #[account(constraint = destination.mint == mint.key() @ PixrError::WrongMint)]
    pub destination: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub system_program: Program<'info, System>,
}

#[derive(Accounts)]
pub struct ExecuteWithdrawal<'info> {
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
    #[account(
        mut,
        close = payer,
        has_one = shard @ PixrError::WrongShard,
        has_one = destination @ PixrError::WrongDestination,
        has_one = payer @ PixrError::WrongRentReceiver,
        seeds = [
            seeds::WITHDRAWAL,
            shard.key().as_ref(),
            &withdrawal.creator.to_le_bytes(),
            &withdrawal.number.to_le_bytes(),
        ],
        bump = withdrawal.bump,
    )]
    pub withdrawal: Box<Account<'info, Withdrawal>>,
    /// CHECK: gets the rent back; the request names it.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    #[account(mut)]
    pub vault: Box<InterfaceAccount<'info, TokenAccount>>,
    #[account(mut, constraint = destination.mint == mint.key() @ PixrError::WrongMint)]
    pub destination: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
}

#[derive(Accounts)]
pub struct CancelWithdrawal<'info> {
    /// The creator's withdraw authority.
    pub authority: Signer<'info>,
    pub platform: Box<Account<'info, Platform>>,
    #[account(mut, has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        mut,
        close = payer,
        has_one = shard @ PixrError::WrongShard,
        has_one = payer @ PixrError::WrongRentReceiver,
        seeds = [
            seeds::WITHDRAWAL,
            shard.key().as_ref(),
            &withdrawal.creator.to_le_bytes(),
            &withdrawal.number.to_le_bytes(),
        ],
        bump = withdrawal.bump,
    )]
    pub withdrawal: Box<Account<'info, Withdrawal>>,
    /// CHECK: gets the rent back; the request names it.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
}

/// Takes `amount` out of the balance, to be paid to `destination` after the delay.
///
/// `number` is the creator's next one: a retry of a request that went through finds it taken.
pub fn request_withdrawal(
    ctx: Context<RequestWithdrawal>,
    creator: u32,
    number: u32,
    amount: u64,
) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let delay = i64::from(accounts.platform.settings.withdraw_delay_seconds);
    let executable_at =
        Clock::get()?.unix_timestamp.checked_add(delay).ok_or(PixrError::Overflow)?;

    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let mut shard = ShardMut::parse(&mut data)?;
    let slot = shard.creator(creator)?;
    slot.require_authority(accounts.authority.key)?;
    require_eq!(number, slot.next_withdrawal, PixrError::WithdrawalNumber);
    slot.next_withdrawal = number.checked_add(1).ok_or(PixrError::Overflow)?;
    let balance_before = slot.balance;
    slot.debit(amount)?;
    let balance_after = slot.balance;
    shard.header.book_request(amount)?;

    let destination = accounts.destination.key();
    accounts.withdrawal.set_inner(Withdrawal {
        shard: accounts.shard.key(),
        destination,
        payer: accounts.payer.key(),
        amount,
        executable_at,
        creator,
        number,
        frozen: false,
        bump: ctx.bumps.withdrawal,
    });
    emit!(WithdrawalRequested {
        shard: accounts.shard.key(),
        creator,
        withdrawal: accounts.withdrawal.key(),
        destination,
        amount,
        balance_before,
        balance_after,
        executable_at,
    });
    Ok(())
}

/// Pays a request whose delay is over and that is not frozen.
pub fn execute_withdrawal(ctx: Context<ExecuteWithdrawal>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    accounts.withdrawal.require_not_frozen()?;
    let now = Clock::get()?.unix_timestamp;
    require_gte!(now, accounts.withdrawal.executable_at, PixrError::WithdrawalTooEarly);
    let Withdrawal { creator, amount, .. } = **accounts.withdrawal;
    let (delayed_before, delayed_after) = {
        let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
        let mut shard = ShardMut::parse(&mut data)?;
        shard.creator(creator)?.require_authority(accounts.authority.key)?;
        let before = shard.header.delayed;
        shard.header.book_execution(amount)?;
        (before, shard.header.delayed)
    };
    pay_out(
        accounts.token_program.key(),
        &accounts.mint,
        &accounts.shard,
        &accounts.vault,
        &accounts.destination,
        amount,
    )?;
    emit!(WithdrawalExecuted {
        shard: accounts.shard.key(),
        creator,
        withdrawal: accounts.withdrawal.key(),
        destination: accounts.destination.key(),
        amount,
        delayed_before,
        delayed_after,
    });
    check_solvent(&accounts.shard, &mut accounts.vault)
}

/// Puts a request that is not frozen back into the balance.
///
/// A frozen one stays: else a thief could cancel it and take the money in small parts.
pub fn cancel_withdrawal(ctx: Context<CancelWithdrawal>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    accounts.withdrawal.require_not_frozen()?;
    let Withdrawal { creator, amount, .. } = **accounts.withdrawal;
    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let mut shard = ShardMut::parse(&mut data)?;
    let slot = shard.creator(creator)?;
    slot.require_authority(accounts.authority.key)?;
    let balance_before = slot.balance;
    slot.restore(amount)?;
    let balance_after = slot.balance;
    shard.header.book_cancellation(amount)?;
    emit!(WithdrawalCancelled {
        shard: accounts.shard.key(),
        creator,
        withdrawal: accounts.withdrawal.key(),
        amount,
        balance_before,
        balance_after,
    });
    Ok(())
}
