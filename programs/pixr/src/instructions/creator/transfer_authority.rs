use anchor_lang::prelude::*;

use crate::{
    errors::PixrError,
    events::{AuthorityChanged, AuthorityProposalCancelled, AuthorityProposed},
    seeds,
    state::{
        AuthorityTransfer, Platform, Shard,
        shard::{ShardMut, ShardRef},
    },
};

#[derive(Accounts)]
#[instruction(creator: u32)]
pub struct ProposeAuthority<'info> {
    /// The creator's withdraw authority; pays the proposal's rent.
    #[account(mut)]
    pub authority: Signer<'info>,
    pub platform: Box<Account<'info, Platform>>,
    #[account(has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        init,
        payer = authority,
        space = AuthorityTransfer::SPACE,
        seeds = [seeds::AUTHORITY_TRANSFER, shard.key().as_ref(), &creator.to_le_bytes()],
        bump,
    )]
    pub transfer: Account<'info, AuthorityTransfer>,
    pub system_program: Program<'info, System>,
}

#[derive(Accounts)]
pub struct AcceptAuthority<'info> {
    pub proposed: Signer<'info>,
    pub platform: Box<Account<'info, Platform>>,
    #[account(mut, has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        mut,
        close = authority,
        has_one = shard @ PixrError::WrongShard,
        has_one = proposed @ PixrError::NotProposed,
        has_one = authority @ PixrError::WrongRentReceiver,
        seeds = [seeds::AUTHORITY_TRANSFER, shard.key().as_ref(), &transfer.creator.to_le_bytes()],
        bump = transfer.bump,
    )]
    pub transfer: Account<'info, AuthorityTransfer>,
    /// CHECK: gets the rent back; the proposal names it.
    #[account(mut)]
    pub authority: UncheckedAccount<'info>,
}

#[derive(Accounts)]
pub struct CancelAuthority<'info> {
    #[account(mut)]
    pub authority: Signer<'info>,
    pub platform: Box<Account<'info, Platform>>,
    #[account(has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
    #[account(
        mut,
        close = authority,
        has_one = shard @ PixrError::WrongShard,
        seeds = [seeds::AUTHORITY_TRANSFER, shard.key().as_ref(), &transfer.creator.to_le_bytes()],
        bump = transfer.bump,
    )]
    pub transfer: Account<'info, AuthorityTransfer>,
}

/// First step: the current authority names its successor.
pub fn propose_authority(
    ctx: Context<ProposeAuthority>,
    creator: u32,
    proposed: Pubkey,
) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    require_keys_neq!(proposed, Pubkey::default(), PixrError::RoleIsZero);
    let authority = accounts.authority.key();
    {
        let data = accounts.shard.as_ref().try_borrow_data()?;
        ShardRef::parse(&data)?.creator(creator)?.require_authority(&authority)?;
    }
    accounts.transfer.set_inner(AuthorityTransfer {
        shard: accounts.shard.key(),
        authority,
        proposed,
        creator,
        bump: ctx.bumps.transfer,
    });
    emit!(AuthorityProposed { shard: accounts.shard.key(), creator, proposed });
    Ok(())
}

/// Second step: the successor shows that it can sign, and takes over at once.
pub fn accept_authority(ctx: Context<AcceptAuthority>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let transfer = &accounts.transfer;
    let mut data = accounts.shard.as_ref().try_borrow_mut_data()?;
    let mut shard = ShardMut::parse(&mut data)?;
    let slot = shard.creator(transfer.creator)?;
    slot.require_authority(&transfer.authority)?;
    slot.authority = transfer.proposed;
    emit!(AuthorityChanged {
        shard: accounts.shard.key(),
        creator: transfer.creator,
        before: transfer.authority,
        after: transfer.proposed,
    });
    Ok(())
}

/// Takes a proposal back.
pub fn cancel_authority(ctx: Context<CancelAuthority>) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.platform.require_running()?;
    let transfer = &accounts.transfer;
    let data = accounts.shard.as_ref().try_borrow_data()?;
    let shard = ShardRef::parse(&data)?;
    shard.creator(transfer.creator)?.require_authority(accounts.authority.key)?;
    emit!(AuthorityProposalCancelled {
        shard: accounts.shard.key(),
        creator: transfer.creator,
        proposed: transfer.proposed,
    });
    Ok(())
}
