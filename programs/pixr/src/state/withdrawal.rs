use anchor_lang::prelude::*;

use crate::errors::PixrError;

/// A delayed withdrawal: the amount has left the creator's balance and waits in the vault.
///
/// Its address counts up per creator, so no closed request ever comes back.
#[account]
#[derive(InitSpace, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// The shard whose vault pays.
    pub shard: Pubkey,
    /// The token account to pay, fixed at the request.
    pub destination: Pubkey,
    /// Who paid this account's rent and gets it back.
    pub payer: Pubkey,
    /// Base units.
    pub amount: u64,
    /// When it can be executed, in Unix seconds.
    pub executable_at: i64,
    /// Index of the creator slot.
    pub creator: u32,
    /// Number among the creator's requests.
    pub number: u32,
    /// Set by the guardian: neither execute nor cancel.
    pub frozen: bool,
    /// Bump of this account's address.
    pub bump: u8,
}

impl Withdrawal {
    /// Size of the account, in bytes.
    pub const SPACE: usize = Self::DISCRIMINATOR.len() + Self::INIT_SPACE;

    /// Refuses while the guardian holds the request.
    pub fn require_not_frozen(&self) -> Result<()> {
        require!(!self.frozen, PixrError::WithdrawalFrozen);
        Ok(())
    }
}
