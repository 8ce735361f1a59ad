use super::{ContentSlot, CreatorSlot, Lane};
use crate::constants::{CONTENTS_MAX, SHARD_BYTES_MAX};

/// Bytes before the first slot: the account's tag and its header.
pub const HEADER_BYTES: usize = 512;

/// Places of the content index for each content slot: it is at most half full.
const INDEX_PLACES_PER_CONTENT: usize = 2;

const INDEX_BYTES_PER_CONTENT: usize = INDEX_PLACES_PER_CONTENT * size_of::<u32>();

/// What a content takes of a shard: its slot and its places in the content index.
pub const BYTES_PER_CONTENT: usize = size_of::<ContentSlot>() + INDEX_BYTES_PER_CONTENT;

/// How many slots of each kind a shard has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacities {
    /// Creator slots.
    pub creators: u32,
    /// Content slots.
    pub contents: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Capacities {
    /// Bytes of the arrays: creator slots, content slots, lanes and the content index.
    pub(super) fn section_bytes(self) -> [u64; 4] {
        let bytes = |count: u32, size: usize| {
            u64::from(count).saturating_mul(u64::try_from(size).unwrap_or(u64::MAX))
        };
        [
            bytes(self.creators, size_of::<CreatorSlot>()),
            bytes(self.contents, size_of::<ContentSlot>()),
            bytes(self.lanes, size_of::<Lane>()),
            bytes(self.contents, INDEX_BYTES_PER_CONTENT),
        ]
    }

    /// Size of the account, or `None` when there is no creator or content slot, more contents than
    /// an entry can name, or more than the largest account holds.
    pub fn account_bytes(self) -> Option<u64> {
        let bytes = self
            .section_bytes()
            .into_iter()
            .fold(u64::try_from(HEADER_BYTES).ok()?, u64::saturating_add);
        let possible = self.creators > 0
            && (1..=CONTENTS_MAX).contains(&self.contents)
            && bytes <= SHARD_BYTES_MAX;
        possible.then_some(bytes)
    }
}
