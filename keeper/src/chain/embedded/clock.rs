//! The chain's time: slots of 400 ms, and a blockhash for each.

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};
use solana_message::Hash;

use crate::chain::ChainTime;

/// Length of a slot, in milliseconds.
pub const SLOT_MILLIS: u64 = 400;
/// A transaction can land while the block height is at most so much above that of its blockhash.
pub const BLOCKHASH_SLOTS: u64 = 150;
/// The first slot.
pub const FIRST_SLOT: u64 = 1;

/// Milliseconds since 1970 by this machine's clock.
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Tells the chain's time.
///
/// Slots follow the time that passes, whatever becomes of the machine's clock while the chain is
/// open; seconds follow the machine's clock. Neither ever goes back: a chain that is opened again
/// counts from its beginning, so slots have passed whether or not anything was recorded in them.
pub struct Clock {
    opened: Instant,
    slot_when_opened: u64,
    ahead_millis: u64,
    last: ChainTime,
}

impl Clock {
    /// Goes on after `last`, for a chain that began at `genesis_millis` and whose clock is
    /// `ahead_millis` ahead of the machine's.
    pub fn new(genesis_millis: u64, ahead_millis: u64, last: ChainTime) -> Self {
        let age = unix_millis().saturating_add(ahead_millis).saturating_sub(genesis_millis);
        let slot = FIRST_SLOT.saturating_add(age / SLOT_MILLIS);
        Self { opened: Instant::now(), slot_when_opened: slot.max(last.slot), ahead_millis, last }
    }

    pub fn now(&mut self) -> ChainTime {
        let open = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let slot = self.slot_when_opened.saturating_add(open / SLOT_MILLIS);
        let seconds = unix_millis().saturating_add(self.ahead_millis) / 1_000;
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.last = ChainTime {
            slot: slot.max(self.last.slot),
            unix_seconds: seconds.max(self.last.unix_seconds),
        };
        self.last
    }

    /// Moves on by `time`, at once. Returns how far ahead of the machine's clock that is.
    pub fn advance(&mut self, time: Duration) -> u64 {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.ahead_millis = self.ahead_millis.saturating_add(millis);
        self.slot_when_opened = self.slot_when_opened.saturating_add(millis / SLOT_MILLIS);
        self.ahead_millis
    }
}

/// The blockhashes that transactions may name.
pub struct Blockhashes {
    seed: [u8; 32],
    /// Oldest first; the last is that of `newest`.
    recent: VecDeque<Hash>,
    newest: u64,
}

impl Blockhashes {
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, recent: VecDeque::new(), newest: 0 }
    }

    /// Goes on to `slot`.
    pub fn advance(&mut self, slot: u64) {
        let first = slot.saturating_sub(BLOCKHASH_SLOTS).max(self.newest.saturating_add(1));
        if first > self.newest.saturating_add(1) {
            self.recent.clear();
        }
        for slot in first..=slot {
            self.recent.push_back(blockhash(&self.seed, slot));
            self.newest = slot;
        }
        while self.recent.len() > usize::try_from(BLOCKHASH_SLOTS).unwrap_or(usize::MAX) + 1 {
            self.recent.pop_front();
        }
    }

    /// The slot of a blockhash that is still valid.
    pub fn slot(&self, hash: &Hash) -> Option<u64> {
        let age = self.recent.iter().rev().position(|recent| recent == hash)?;
        self.newest.checked_sub(u64::try_from(age).ok()?)
    }

    /// The newest blockhash.
    pub fn newest(&self) -> Hash {
        blockhash(&self.seed, self.newest)
    }
}

/// The blockhash of a slot, so that those of before a restart stay valid after it.
fn blockhash(seed: &[u8; 32], slot: u64) -> Hash {
    let digest = Sha256::new().chain_update(seed).chain_update(slot.to_le_bytes()).finalize();
    Hash::new_from_array(digest.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back() {
        let far = ChainTime { slot: 1 << 40, unix_seconds: 1 << 40 };
        let mut clock = Clock::new(0, 0, far);
        let now = clock.now();
        assert!(now.slot >= far.slot && now.unix_seconds >= far.unix_seconds);
    }

    #[test]
    fn slots_without_a_record_have_passed_when_a_chain_is_opened_again() {
        let recorded = ChainTime { slot: FIRST_SLOT, unix_seconds: 0 };
        let genesis = unix_millis();
        let mut clock = Clock::new(genesis, 0, recorded);
        let ahead = clock.advance(Duration::from_secs(4));
        let seen = clock.now();
        assert!(Clock::new(genesis, ahead, recorded).now().slot >= seen.slot);
    }

    #[test]
    fn advancing_moves_slots_and_seconds() {
        let genesis = unix_millis();
        let mut clock = Clock::new(genesis, 0, ChainTime { slot: 0, unix_seconds: 0 });
        let before = clock.now();
        assert_eq!(clock.advance(Duration::from_secs(3_600)), 3_600_000);
        let after = clock.now();
        assert!((9_000..9_100).contains(&(after.slot - before.slot)));
        assert!((3_600..3_640).contains(&(after.unix_seconds - before.unix_seconds)));
    }

    #[test]
    fn a_blockhash_is_valid_for_its_slot_and_150_more() {
        let mut hashes = Blockhashes::new([7; 32]);
        hashes.advance(1_000);
        let hash = hashes.newest();
        hashes.advance(1_000 + BLOCKHASH_SLOTS);
        assert_eq!(hashes.slot(&hash), Some(1_000));
        hashes.advance(1_001 + BLOCKHASH_SLOTS);
        assert_eq!(hashes.slot(&hash), None);
        assert_eq!(hashes.slot(&hashes.newest()), Some(1_001 + BLOCKHASH_SLOTS));
        hashes.advance(1 << 50);
        assert_eq!(hashes.slot(&hashes.newest()), Some(1 << 50));
    }

    #[test]
    fn blockhashes_are_the_same_after_a_restart() {
        let [mut before, mut after] = [Blockhashes::new([7; 32]), Blockhashes::new([7; 32])];
        before.advance(400);
        let hash = before.newest();
        after.advance(520);
        assert_eq!(after.slot(&hash), Some(400));
        assert_eq!(Blockhashes::new([8; 32]).slot(&hash), None);
    }
}
