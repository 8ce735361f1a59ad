use anchor_lang::prelude::*;

use crate::{
    errors::PixrError,
    events::FreezeChanged,
    state::{Platform, Shard, Withdrawal},
};

#[derive(Accounts)]
pub struct Freeze<'info> {
    pub guardian: Signer<'info>,
    #[account(has_one = guardian @ PixrError::NotGuardian)]
    pub platform: Box<Account<'info, Platform>>,
    #[account(has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(mut, has_one = shard @ PixrError::WrongShard)]
    pub withdrawal: Box<Account<'info, Withdrawal>>,
}

/// Holds a delayed withdrawal: it can be neither executed nor cancelled.
pub fn freeze_withdrawal(ctx: Context<Freeze>) -> Result<()> {
    set_frozen(ctx, true)
}

/// Lets a frozen withdrawal go on; its delay was not stopped meanwhile.
pub fn unfreeze_withdrawal(ctx: Context<Freeze>) -> Result<()> {
    set_frozen(ctx, false)
}

fn set_frozen(ctx: Context<Freeze>, frozen: bool) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.withdrawal.frozen = frozen;
    emit!(FreezeChanged {
        shard: accounts.shard.key(),
        withdrawal: accounts.withdrawal.key(),
        by: accounts.guardian.key(),
        frozen,
    });
    Ok(())
}
