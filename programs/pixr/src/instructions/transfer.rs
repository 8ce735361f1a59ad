//! Token transfers into and out of vaults and escrows.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TransferChecked, transfer_checked};

use crate::{
    errors::PixrError,
    seeds,
    state::{Round, Shard},
};

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
    let transfer =
        Transfer { token_program, mint: mint.as_ref(), from: source.as_ref(), to: vault.as_ref() };
    transfer.signed_by(owner, amount)
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
    let (from, to) = (vault.as_ref(), destination.as_ref());
    Transfer { token_program, mint: mint.as_ref(), from, to }
        .signed_by_seeds(&[seeds::VAULT, key.as_ref(), &bump], amount)
}

/// Reads the vault again after a transfer and checks that it covers what the shard owes.
pub fn check_solvent<'info>(
    shard: &AccountLoader<'info, Shard>,
    vault: &mut InterfaceAccount<'info, TokenAccount>,
) -> Result<()> {
    vault.reload()?;
    shard.load()?.invariant(vault.amount)
}

/// The two accounts of a transfer and what both are of. Only the mint is known to be right: the token
/// program checks the rest, and refuses accounts that it does not own or that hold another token.
pub struct Transfer<'a, 'info> {
    pub token_program: Pubkey,
    pub mint: &'a AccountInfo<'info>,
    pub from: &'a AccountInfo<'info>,
    pub to: &'a AccountInfo<'info>,
}

impl<'info> Transfer<'_, 'info> {
    /// Moves `amount`, signed by the owner of `from`, who signed the transaction.
    pub fn signed_by(&self, owner: &AccountInfo<'info>, amount: u64) -> Result<()> {
        require_gte!(token_amount(self.from)?, amount, PixrError::InsufficientTokens);
        let accounts = self.accounts(owner);
        let context = CpiContext::new(self.token_program, accounts);
        transfer_checked(context, amount, mint_decimals(self.mint)?)
    }

    /// Moves `amount` out of an account that the program derived, and that owns itself.
    pub fn signed_by_seeds(&self, signer: &[&[u8]], amount: u64) -> Result<()> {
        let accounts = self.accounts(self.from);
        let signers = [signer];
        let context = CpiContext::new_with_signer(self.token_program, accounts, &signers);
        transfer_checked(context, amount, mint_decimals(self.mint)?)
    }

    /// Moves `amount` out of the escrow of `round`.
    pub fn out_of_escrow(&self, round: &Account<'info, Round>, amount: u64) -> Result<()> {
        let key = round.key();
        self.signed_by_seeds(&[seeds::ESCROW, key.as_ref(), &[round.escrow_bump]], amount)
    }

    fn accounts(&self, authority: &AccountInfo<'info>) -> TransferChecked<'info> {
        TransferChecked {
            from: self.from.clone(),
            mint: self.mint.clone(),
            to: self.to.clone(),
            authority: authority.clone(),
        }
    }
}

/// The bytes of a token account, or of a mint, at a place that both token programs share.
fn field<const N: usize>(account: &AccountInfo, at: usize) -> Result<[u8; N]> {
    let data = account.try_borrow_data()?;
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk());
    Ok(*bytes.ok_or(ProgramError::InvalidAccountData)?)
}

/// What a token account holds, in base units, read where it lies: a whole decoding costs more than
/// all else of a payment. The account may be of any program.
pub fn token_amount(account: &AccountInfo) -> Result<u64> {
    field(account, 64).map(u64::from_le_bytes)
}

/// Refuses a token account that is not `owner`'s. The account may be of any program, so only a
/// transfer to it makes this a check.
pub fn require_owner(account: &AccountInfo, owner: &Pubkey) -> Result<()> {
    let found = Pubkey::new_from_array(field(account, 32)?);
    require_keys_eq!(found, *owner, PixrError::WrongDestination);
    Ok(())
}

fn mint_decimals(mint: &AccountInfo) -> Result<u8> {
    field(mint, 44).map(|[decimals]| decimals)
}
