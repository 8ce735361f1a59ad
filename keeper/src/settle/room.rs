//! How many bytes of entries a transaction holds.

use anchor_lang::prelude::Pubkey;
use pixr_client::Platform;
use solana_keypair::Keypair;
use solana_message::Hash;
use solana_signer::Signer;

use crate::chain::transactions::{COMPUTE_UNITS_MAX, Limits, SignError, Version, sign};

/// Bytes that a transaction of `version` leaves for a batch's entries, found by making one.
///
/// Every entry has an even number of bytes, so this is even.
pub fn room(version: Version, platform: &Platform) -> Result<usize, SignError> {
    let overhead = wire_bytes(version, platform, 0)?;
    let mut room = version.bytes_max().saturating_sub(overhead);
    // Lengths above 127 take another byte, so the first guess can be too large.
    while wire_bytes(version, platform, room)? > version.bytes_max() {
        room -= 1;
    }
    Ok(room - room % 2)
}

/// Bytes of a transaction with so many bytes of entries and every limit that can be set.
fn wire_bytes(version: Version, platform: &Platform, entries: usize) -> Result<usize, SignError> {
    let keeper = Keypair::new_from_array([1; 32]);
    let shard = Pubkey::new_from_array([2; 32]);
    let settle = platform.settle(keeper.pubkey(), shard, u64::MAX, vec![0; entries]);
    let limits = Limits { compute_units: COMPUTE_UNITS_MAX, priority_fee: 1 };
    match sign(version, Hash::default(), limits, &[settle], &keeper, &[]) {
        Ok(signed) => Ok(signed.bytes.len()),
        Err(SignError::TooLarge { bytes, .. }) => Ok(bytes),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_a_transaction_to_the_last_two_bytes() {
        let platform =
            Platform::new(&Pubkey::new_unique(), Pubkey::new_unique(), Pubkey::default());
        for version in [Version::V0, Version::V1] {
            let room = room(version, &platform).expect("a size");
            let bytes = |entries| wire_bytes(version, &platform, entries).expect("a size");
            assert!(bytes(room) <= version.bytes_max());
            assert!(bytes(room + 2) > version.bytes_max());
        }
    }
}
