use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};

use crate::{
    errors::PixrError,
    events::ShardOpened,
    seeds,
    state::{Platform, Shard, shard::Capacities},
};

#[derive(Accounts)]
pub struct OpenShard<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    pub admin: Signer<'info>,
    #[account(
        mut,
        has_one = admin @ PixrError::NotAdmin,
        has_one = mint @ PixrError::WrongMint,
        has_one = token_program @ PixrError::WrongTokenProgram,
    )]
    pub platform: Box<Account<'info, Platform>>,
    /// Made by the client in the same transaction, at its full size, owned by this program: more
    /// than a program itself can allocate.
    #[account(zero)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        init,
        payer = payer,
        seeds = [seeds::VAULT, shard.key().as_ref()],
        bump,
        token::mint = mint,
        token::authority = vault,
        token::token_program = token_program,
    )]
    pub vault: Box<InterfaceAccount<'info, TokenAccount>>,
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
    pub system_program: Program<'info, System>,
}

/// 1. Checks that the account has just the size that the capacities need.
/// 2. Makes the vault and writes the header; every slot is zero already, since the account is new.
pub fn open_shard(ctx: Context<OpenShard>, creators: u32, contents: u32, lanes: u32) -> Result<()> {
    let capacities = Capacities { creators, contents, lanes };
    let needed = capacities.account_bytes().ok_or(PixrError::ShardCapacityOutOfBounds)?;
    let info = ctx.accounts.shard.to_account_info();
    let length = u64::try_from(info.data_len()).map_err(|_| PixrError::ShardSizeMismatch)?;
    require_eq!(length, needed, PixrError::ShardSizeMismatch);

    let platform = &mut ctx.accounts.platform;
    let number = platform.shard_count;
    platform.shard_count = number.checked_add(1).ok_or(PixrError::Overflow)?;

    let mut shard = ctx.accounts.shard.load_init()?;
    shard.platform = platform.key();
    shard.vault = ctx.accounts.vault.key();
    shard.rent_receiver = ctx.accounts.payer.key();
    shard.next_sequence = 1;
    shard.number = number;
    shard.creator_capacity = creators;
    shard.content_capacity = contents;
    shard.lane_capacity = lanes;
    shard.version = Shard::VERSION;
    shard.vault_bump = ctx.bumps.vault;

    emit!(ShardOpened {
        platform: platform.key(),
        shard: ctx.accounts.shard.key(),
        vault: ctx.accounts.vault.key(),
        number,
        creators,
        contents,
        lanes,
    });
    shard.invariant(ctx.accounts.vault.amount)
}
