use anchor_lang::prelude::*;

/// What one investor has in one round.
///
/// Its part of what the round is owed is `floor(owed × amount / raised)`, of which `claimed` was paid.
#[account]
#[derive(InitSpace, Debug, PartialEq, Eq)]
pub struct Position {
    /// The round.
    pub round: Pubkey,
    /// Is paid, and may transfer or sell it. The investor until the round is funded.
    pub owner: Pubkey,
    /// Who paid this account's rent and gets it back.
    pub payer: Pubkey,
    /// Invested, in base units.
    pub amount: u64,
    /// Returns paid so far, in base units.
    pub claimed: u64,
    /// For how much it is for sale, in base units; zero when it is not.
    pub price: u64,
    /// Bump of this account's address.
    pub bump: u8,
}

impl Position {
    /// Size of the account, in bytes.
    pub const SPACE: usize = Self::DISCRIMINATOR.len() + Self::INIT_SPACE;
}
