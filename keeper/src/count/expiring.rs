//! How often each of tens of millions of keys came, until they expire.
//!
//! A cell is 16 bytes: 104 bits of the key, which is a hash already, a count, and the time when it
//! expires in ticks of a hundredth of the longest life. With the table's own byte a slot takes 17.
//! Tables double when they are seven eighths full, so a single one would need between 19 and 39 bytes
//! a key, and would stand still for seconds while it moves. Here the keys are spread over many tables
//! whose shares of them differ, evenly on a logarithmic scale, so that at any time a few have just
//! doubled and a few are about to: 28 bytes a key on average, at any number of keys.
//!
//! An expired cell counts for nothing from the moment it expires. Its place is freed when its table
//! runs full, or when the sweep comes by: each table once in every tick.

use std::time::Duration;

use hashbrown::HashTable;

const SEGMENTS: usize = 64;
/// Bits of a key that choose its table.
const SHARE_BITS: u32 = 12;
const KEY_BITS: u32 = 104;
const KEY_MASK: u128 = (1 << KEY_BITS) - 1;
const TICK_SHIFT: u32 = 120;
/// Ticks of the longest life.
const LIFE_TICKS: i64 = 100;
/// Ticks that a cell can lie ahead: the longest life, and the ticks that have begun at both its ends.
const AHEAD_TICKS_MAX: i64 = LIFE_TICKS + 2;
/// A full table gets room for this part more, or doubles.
const SLACK_PART: usize = 16;

// A tick is stored in eight bits: what is ahead must differ from what is behind.
const _: () = assert!(AHEAD_TICKS_MAX < 128);

/// See the module.
pub struct Expiring {
    segments: Box<[HashTable<u128>]>,
    /// The table of each value of the bits that choose it.
    shares: Box<[u8]>,
    tick_ms: i64,
    now_ms: i64,
}

impl Expiring {
    /// For keys that live for `life_max` at most.
    pub fn new(life_max: Duration) -> Self {
        let life_ms = i64::try_from(life_max.as_millis()).unwrap_or(i64::MAX);
        Self {
            segments: (0..SEGMENTS).map(|_| HashTable::new()).collect(),
            shares: shares(),
            tick_ms: life_ms / LIFE_TICKS + 1,
            now_ms: i64::MIN,
        }
    }

    /// Lets time pass; it never goes back.
    pub fn advance(&mut self, now_ms: i64) {
        if now_ms <= self.now_ms {
            return;
        }
        let before = self.now_ms;
        self.now_ms = now_ms;
        if before == i64::MIN {
            return;
        }
        let passed = self.tick(now_ms) - self.tick(before);
        if passed > AHEAD_TICKS_MAX {
            self.segments.iter_mut().for_each(|segment| *segment = HashTable::new());
            return;
        }
        // Within a tick the sweep visits each table once.
        let step_ms = (self.tick_ms / SEGMENTS as i64).max(1);
        let (from, to) = (before.div_euclid(step_ms), now_ms.div_euclid(step_ms));
        for step in from.max(to - SEGMENTS as i64)..to {
            self.sweep(step.rem_euclid(SEGMENTS as i64) as usize);
        }
    }

    /// How often `key` came, as far as it has not expired.
    pub fn count(&self, key: u128) -> u16 {
        let key = key & KEY_MASK;
        match self.segments[self.segment(key)].find(hash(key), |cell| cell & KEY_MASK == key) {
            Some(cell) if self.lives(*cell) => count(*cell),
            _ => 0,
        }
    }

    /// Counts `key` once more, up to 65,535, and lets it live until `expires_ms` at least.
    pub fn add(&mut self, key: u128, expires_ms: i64) {
        let key = key & KEY_MASK;
        let now = self.tick(self.now_ms);
        let tick = self.tick(expires_ms).clamp(now, now + AHEAD_TICKS_MAX);
        let index = self.segment(key);
        if let Some(cell) = self.segments[index].find_mut(hash(key), |cell| cell & KEY_MASK == key)
        {
            let left = ticks_left(*cell, now);
            let (count, ahead) = if left < 0 { (0, 0) } else { (count(*cell), i64::from(left)) };
            *cell = new_cell(key, count.saturating_add(1), tick.max(now + ahead));
            return;
        }
        if self.segments[index].len() == self.segments[index].capacity() {
            self.rebuild(index);
        }
        self.segments[index].insert_unique(hash(key), new_cell(key, 1, tick), |cell| hash(*cell));
    }

    /// Keys that live, and expired ones whose place was not freed yet.
    pub fn len(&self) -> usize {
        self.segments.iter().map(HashTable::len).sum()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that all of it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(HashTable::allocation_size).sum()
    }

    fn tick(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.tick_ms)
    }

    fn segment(&self, key: u128) -> usize {
        let bits = (key >> 64) as usize & ((1 << SHARE_BITS) - 1);
        usize::from(self.shares[bits])
    }

    fn lives(&self, cell: u128) -> bool {
        ticks_left(cell, self.tick(self.now_ms)) >= 0
    }

    fn sweep(&mut self, index: usize) {
        let now = self.tick(self.now_ms);
        let segment = &mut self.segments[index];
        segment.retain(|cell| ticks_left(*cell, now) >= 0);
        if segment.len() < segment.capacity() / 4 {
            self.rebuild(index);
        }
    }

    /// Moves what lives to a table of the size that it needs.
    fn rebuild(&mut self, index: usize) {
        let now = self.tick(self.now_ms);
        let old = std::mem::take(&mut self.segments[index]);
        let live = old.iter().filter(|cell| ticks_left(**cell, now) >= 0).count();
        let mut new = HashTable::with_capacity(live + live / SLACK_PART + 1);
        for cell in old.into_iter().filter(|cell| ticks_left(*cell, now) >= 0) {
            new.insert_unique(hash(cell), cell, |cell| hash(*cell));
        }
        self.segments[index] = new;
    }
}

/// Shares that grow evenly on a logarithmic scale, the last twice the first.
fn shares() -> Box<[u8]> {
    let all = 1_usize << SHARE_BITS;
    let weight = |segment: usize| 2_f64.powf(segment as f64 / SEGMENTS as f64);
    let total: f64 = (0..SEGMENTS).map(weight).sum();
    let mut shares = Vec::with_capacity(all);
    let mut sum = 0.0;
    for segment in 0..SEGMENTS {
        sum += weight(segment);
        let end = (all as f64 * sum / total).round() as usize;
        shares.resize(end.min(all), segment as u8);
    }
    shares.resize(all, (SEGMENTS - 1) as u8);
    shares.into()
}

fn new_cell(key: u128, count: u16, tick: i64) -> u128 {
    key | u128::from(count) << KEY_BITS | u128::from(tick as u8) << TICK_SHIFT
}

fn count(cell: u128) -> u16 {
    (cell >> KEY_BITS) as u16
}

/// Ticks until a cell expires; negative once it has.
fn ticks_left(cell: u128, now: i64) -> i8 {
    ((cell >> TICK_SHIFT) as u8).wrapping_sub(now as u8) as i8
}

fn hash(cell: u128) -> u64 {
    cell as u64
}

#[cfg(test)]
mod tests;
