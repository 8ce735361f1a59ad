//! Batches as they stand in transactions: whoever has the chain has the entries.

use anchor_lang::{AnchorDeserialize, Discriminator, prelude::Pubkey};
use pixr::instruction::{ReverseViews, Settle};

use super::{ChainError, transactions};

/// Place of the shard among the accounts of `settle` and `reverse_views`.
const SHARD_ACCOUNT: usize = 2;

/// What a batch does with its views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Credits them.
    Settle,
    /// Takes them back.
    Reverse,
}

/// A batch as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBatch {
    pub shard: Pubkey,
    pub sequence: u64,
    pub kind: BatchKind,
    /// Packed, as the running hash has them; see [`pixr::entries`].
    pub entries: Vec<u8>,
}

/// The batches in a transaction of any version, in order. Whether they landed is another question.
/// What the transaction names by lookup tables is not looked up; the keeper uses none.
///
/// Fails with [`ChainError::Invalid`] when the bytes are no transaction.
pub fn settle_entries(bytes: &[u8]) -> Result<Vec<SentBatch>, ChainError> {
    let transaction = transactions::parse(bytes)?;
    let keys = transaction.message.static_account_keys();
    let key = |index: Option<&u8>| keys.get(usize::from(*index?)).copied();
    let instructions = transaction.message.instructions().iter();
    let own = instructions.filter(|it| key(Some(&it.program_id_index)) == Some(pixr::ID));
    Ok(own
        .filter_map(|instruction| {
            let (kind, sequence, entries) = arguments(&instruction.data)?;
            let shard = key(instruction.accounts.get(SHARD_ACCOUNT))?;
            Some(SentBatch { shard, sequence, kind, entries })
        })
        .collect())
}

fn arguments(data: &[u8]) -> Option<(BatchKind, u64, Vec<u8>)> {
    if let Some(arguments) = data.strip_prefix(Settle::DISCRIMINATOR) {
        let Settle { sequence, entries } = Settle::try_from_slice(arguments).ok()?;
        return Some((BatchKind::Settle, sequence, entries));
    }
    let arguments = data.strip_prefix(ReverseViews::DISCRIMINATOR)?;
    let ReverseViews { sequence, entries } = ReverseViews::try_from_slice(arguments).ok()?;
    Some((BatchKind::Reverse, sequence, entries))
}

#[cfg(test)]
mod tests {
    use pixr_client::Platform;
    use solana_keypair::Keypair;
    use solana_message::Hash;
    use solana_signer::Signer;

    use super::*;
    use crate::chain::transactions::{Limits, Version, sign};

    #[test]
    fn batches_are_found_in_both_versions() {
        let (key, shard) = (Keypair::new(), Pubkey::new_unique());
        let me = key.pubkey();
        let platform = Platform::new(&me, Pubkey::new_unique(), anchor_spl::token::ID);
        let instructions = [
            platform.settle(me, shard, 7, vec![1, 2, 3, 4]),
            platform.pause(me),
            platform.reverse_views(me, shard, 8, vec![5, 6]),
        ];
        let expected =
            [(7, BatchKind::Settle, vec![1, 2, 3, 4]), (8, BatchKind::Reverse, vec![5, 6])]
                .map(|(sequence, kind, entries)| SentBatch { shard, sequence, kind, entries });
        for version in [Version::V0, Version::V1] {
            let signed = sign(version, Hash::default(), Limits::MOST, &instructions, &key, &[]);
            let found = settle_entries(&signed.expect("signed").bytes).expect("a transaction");
            assert_eq!(found, expected);
        }
        assert!(matches!(settle_entries(&[1, 2]), Err(ChainError::Invalid(_))));
    }

    #[test]
    fn instructions_of_other_programs_are_no_batches() {
        let key = Keypair::new();
        let platform = Platform::new(&key.pubkey(), Pubkey::new_unique(), anchor_spl::token::ID);
        let mut settle = platform.settle(key.pubkey(), Pubkey::new_unique(), 1, vec![1, 2]);
        settle.program_id = Pubkey::new_unique();
        let mut short = platform.settle(key.pubkey(), Pubkey::new_unique(), 1, vec![1, 2]);
        short.data.truncate(20);
        let instructions = [settle, short];
        let signed = sign(Version::V1, Hash::default(), Limits::MOST, &instructions, &key, &[]);
        assert!(settle_entries(&signed.expect("signed").bytes).expect("a transaction").is_empty());
    }
}
