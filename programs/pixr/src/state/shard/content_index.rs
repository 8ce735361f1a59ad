//! An open-addressing hash index over content ids, so that an id is unique within its shard at a
//! cost that does not grow with the shard.
//!
//! A place holds a content slot's index plus one, or zero. A registration looks from the id's own
//! place on until a free one. The index has two places for each content, so it is never more than
//! half full and a search expects 2.5 looks at most (Knuth, The Art of Computer Programming 3, 6.4:
//! `(1 + 1/(1 - α)²) / 2` for an absent key at load α), whether the shard has a hundred contents or a
//! hundred thousand. `CONTENT_PROBES_MAX` bounds what an adversary can make of it.

use anchor_lang::prelude::*;
use solana_sha256_hasher::hash;

use super::ContentSlot;
use crate::{constants::CONTENT_PROBES_MAX, errors::PixrError};

/// Where the search for `id` starts in an index of `places` places.
///
/// SHA-256 spreads ids of any pattern evenly and costs one system call.
pub fn bucket_of(id: &[u8; 16], places: usize) -> usize {
    let digest = hash(id).to_bytes();
    let (word, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let word = usize::try_from(u64::from_le_bytes(*word)).unwrap_or(0);
    word.checked_rem(places).unwrap_or(0)
}

/// Finds the free place of a new `id`. Fails when the id is taken or its neighbourhood is crowded.
pub(super) fn free_place(index: &[u32], contents: &[ContentSlot], id: &[u8; 16]) -> Result<usize> {
    let mut place = bucket_of(id, index.len());
    for _ in 0..CONTENT_PROBES_MAX {
        let Some(content) = index[place].checked_sub(1) else {
            return Ok(place);
        };
        let slot = usize::try_from(content).ok().and_then(|at| contents.get(at));
        let slot = slot.ok_or(PixrError::ShardCorrupt)?;
        require!(slot.id != *id, PixrError::ContentIdTaken);
        place = place.wrapping_add(1);
        if place == index.len() {
            place = 0;
        }
    }
    err!(PixrError::ContentIndexCrowded)
}
