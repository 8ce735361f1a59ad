use anchor_lang::prelude::*;

/// A proposed withdraw authority, until it accepts or the current one cancels.
#[account]
#[derive(InitSpace, Debug, PartialEq, Eq)]
pub struct AuthorityTransfer {
    /// The creator's shard.
    pub shard: Pubkey,
    /// Who proposed it, paid the rent and gets it back; void when no longer the authority.
    pub authority: Pubkey,
    /// Who may accept.
    pub proposed: Pubkey,
    /// Index of the creator slot.
    pub creator: u32,
    /// Bump of this account's address.
    pub bump: u8,
}

impl AuthorityTransfer {
    /// Size of the account, in bytes.
    pub const SPACE: usize = Self::DISCRIMINATOR.len() + Self::INIT_SPACE;
}
