use anchor_lang::prelude::*;
use solana_sha256_hasher::hashv;

use crate::{
    constants::ENTRIES_BYTES_MAX,
    entries::{Packed, ReadError},
    errors::PixrError,
    state::{Platform, Shard},
};

#[derive(Accounts)]
pub struct KeeperBatch<'info> {
    pub keeper: Signer<'info>,
    #[account(has_one = keeper @ PixrError::NotKeeper)]
    pub platform: Box<Account<'info, Platform>>,
    #[account(mut, has_one = platform @ PixrError::WrongPlatform)]
    pub shard: AccountLoader<'info, Shard>,
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Truncated => PixrError::EntriesTruncated,
            ReadError::Relevance => PixrError::RelevanceTooHigh,
        }
        .into()
    }
}

/// Takes a batch's entries, after the checks that do not depend on what they say.
pub(super) fn packed(entries: Vec<u8>) -> Result<Packed> {
    require!(!entries.is_empty(), PixrError::EntriesEmpty);
    let length = u64::try_from(entries.len()).map_err(|_| PixrError::EntriesTooLong)?;
    require_gte!(ENTRIES_BYTES_MAX, length, PixrError::EntriesTooLong);
    Ok(Packed::new(entries)?)
}

/// What stands before a reversal's entries in the running hash. No settlement's entries can start
/// with it, since it reads as an entry of impossible relevance: one hash never stands for both.
pub const REVERSAL_MARK: [u8; 2] = [0xff; 2];

/// The running hash after a settlement: `sha256(hash ‖ entries)`.
pub fn chain_settlement(hash: &[u8; 32], entries: &[u8]) -> [u8; 32] {
    hashv(&[hash, entries]).to_bytes()
}

/// The running hash after a reversal: `sha256(hash ‖ 0xffff ‖ entries)`.
pub fn chain_reversal(hash: &[u8; 32], entries: &[u8]) -> [u8; 32] {
    hashv(&[hash, &REVERSAL_MARK, entries]).to_bytes()
}
