use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};

use crate::{
    errors::PixrError,
    events::FeesCollected,
    instructions::transfer::{check_solvent, pay_out},
    state::{Platform, Shard},
};

#[derive(Accounts)]
pub struct CollectFees<'info> {
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
        constraint = treasury.mint == mint.key() @ PixrError::WrongMint,
        constraint = treasury.owner == platform.treasury @ PixrError::WrongDestination,
    )]
    pub treasury: Box<InterfaceAccount<'info, TokenAccount>>,
    /// May be the treasury's, where one wallet has both roles.
    #[account(
        mut,
        dup,
        constraint = processor.mint == mint.key() @ PixrError::WrongMint,
        constraint = processor.owner == platform.processor @ PixrError::WrongDestination,
    )]
    pub processor: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
}

/// Pays the shard's collected fees to the treasury and the processor. Anybody may send it: the
/// destinations are the platform's.
pub fn collect_fees(ctx: Context<CollectFees>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let (platform_fees, processing_fees) = accounts.shard.load_mut()?.take_fees()?;
    for (amount, destination) in
        [(platform_fees, &accounts.treasury), (processing_fees, &accounts.processor)]
    {
        if amount > 0 {
            pay_out(
                accounts.token_program.key(),
                &accounts.mint,
                &accounts.shard,
                &accounts.vault,
                destination,
                amount,
            )?;
        }
    }
    emit!(FeesCollected { shard: accounts.shard.key(), platform_fees, processing_fees });
    check_solvent(&accounts.shard, &mut accounts.vault)
}
