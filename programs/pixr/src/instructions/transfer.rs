//! Token transfers into and out of a vault.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TransferChecked, transfer_checked};

use crate::{errors::PixrError, seeds, state::Shard};

/// Pays `amount` from a wallet's token account into the vault, signed by the wallet.
pub fn pay_in<'info>(
    token_program: Pubkey,
    mint: &InterfaceAccount<'info, Mint>,
    source: &InterfaceAccount<'info, TokenAccount>,
    owner: &Signer<'info>,
    vault: &InterfaceAccount<'info, TokenAccount>,
    amount: u64,
) -> Result<()> {
    require_gt!(amount, 0, PixrError::AmountIsZero);
    require_gte!(source.amount, amount, PixrError::InsufficientTokens);
    let accounts = TransferChecked {
        from: source.to_account_info(),
        mint: mint.to_account_info(),
        to: vault.to_account_info(),
        authority: owner.to_account_info(),
    };
    transfer_checked(CpiContext::new(token_program, accounts), amount, mint.decimals)
}

/// Pays `amount` out of the vault of `shard`, signed by the vault's own address.
pub fn pay_out<'info>(
    token_program: Pubkey,
    mint: &InterfaceAccount<'info, Mint>,
    shard: &AccountLoader<'info, Shard>,
    vault: &InterfaceAccount<'info, TokenAccount>,
    destination: &InterfaceAccount<'info, TokenAccount>,
    amount: u64,
) -> Result<()> {
    let bump = [shard.load()?.vault_bump];
    let key = shard.key();
    let signer: &[&[u8]] = &[seeds::VAULT, key.as_ref(), &bump];
    let accounts = TransferChecked {
        from: vault.to_account_info(),
        mint: mint.to_account_info(),
        to: destination.to_account_info(),
        authority: vault.to_account_info(),
    };
    transfer_checked(
        CpiContext::new_with_signer(token_program, accounts, &[signer]),
        amount,
        mint.decimals,
    )
}

/// Reads the vault again after a transfer and checks that it covers what the shard owes.
pub fn check_solvent<'info>(
    shard: &AccountLoader<'info, Shard>,
    vault: &mut InterfaceAccount<'info, TokenAccount>,
) -> Result<()> {
    vault.reload()?;
    shard.load()?.invariant(vault.amount)
}
