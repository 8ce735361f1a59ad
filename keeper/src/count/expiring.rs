//! How often each of tens of millions of keys came, until they expire.
//!
//! A cell is 16 bytes: 104 bits of the key, which is a hash already, a count, and the time when it
//! expires in ticks of a hundredth of the longest life. Cells lie in segments by the key's high bits
//! (of its first 64), and in each in the order of these bits: see [`segment`] for how, and for why a
//! key takes 21 to 29 bytes at any number of keys. No change waits for more than one segment.
//!
//! An expired cell counts for nothing from the moment it expires. Its place is freed when its segment
//! runs full, or when the sweep comes by: each segment once in every tick.

mod segment;

use std::time::Duration;

use self::segment::{Cell, EMPTY, Segment};

const SEGMENT_BITS: u32 = 6;
const SEGMENTS: usize = 1 << SEGMENT_BITS;
const KEY_BITS: u32 = 104;
const KEY_MASK: u128 = (1 << KEY_BITS) - 1;
const TICK_SHIFT: u32 = 120;
/// Ticks of the longest life.
const LIFE_TICKS: i64 = 100;
/// Ticks that a cell can lie ahead: the longest life, and the ticks that have begun at both its ends.
const AHEAD_TICKS_MAX: i64 = LIFE_TICKS + 2;
/// Ticks that are told apart. They are stored from 1 on, so that no cell is like an empty one.
const TICKS: i64 = 255;

// What is ahead must differ from what is behind.
const _: () = assert!(2 * AHEAD_TICKS_MAX < TICKS);

/// See the module.
pub struct Expiring {
    segments: Box<[Segment]>,
    tick_ms: i64,
    now_ms: i64,
}

impl Expiring {
    /// For keys that live for `life_max` at most.
    pub fn new(life_max: Duration) -> Self {
        let life_ms = i64::try_from(life_max.as_millis()).unwrap_or(i64::MAX);
        Self { segments: segments(), tick_ms: life_ms / LIFE_TICKS + 1, now_ms: i64::MIN }
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
            self.segments = segments();
            return;
        }
        // Within a tick the sweep visits each segment once.
        let step_ms = (self.tick_ms / SEGMENTS as i64).max(1);
        let (from, to) = (before.div_euclid(step_ms), now_ms.div_euclid(step_ms));
        let now = self.tick(now_ms);
        for step in from.max(to - SEGMENTS as i64)..to {
            let segment = &mut self.segments[step.rem_euclid(SEGMENTS as i64) as usize];
            segment.sweep(|cell| lives(cell, now));
        }
    }

    /// Has the processor fetch the place of a key, so that looking it up soon does not wait.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        self.segments[segment_of(key)].prefetch(key);
    }

    /// How often `key` came, as far as it has not expired.
    #[inline]
    pub fn count(&self, key: u128) -> u16 {
        let key = key & KEY_MASK;
        match self.segments[segment_of(key)].find(key) {
            Some(cell) if lives(cell, self.tick(self.now_ms)) => count(cell),
            _ => 0,
        }
    }

    /// Counts `key` once more, up to 65,535, and lets it live until `expires_ms` at least.
    #[inline]
    pub fn add(&mut self, key: u128, expires_ms: i64) {
        let key = key & KEY_MASK;
        let now = self.tick(self.now_ms);
        let tick = self.tick(expires_ms).clamp(now, now + AHEAD_TICKS_MAX);
        let cell = self.segments[segment_of(key)].enter(key, |cell| lives(cell, now));
        *cell = if *cell != EMPTY && lives(*cell, now) {
            new_cell(key, count(*cell).saturating_add(1), tick.max(now + ticks_left(*cell, now)))
        } else {
            new_cell(key, 1, tick)
        };
    }

    /// Keys that live, and expired ones whose place was not freed yet.
    pub fn len(&self) -> usize {
        self.segments.iter().map(Segment::len).sum()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that all of it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum()
    }

    fn tick(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.tick_ms)
    }
}

fn segments() -> Box<[Segment]> {
    (0..SEGMENTS).map(|number| Segment::new(number, SEGMENTS)).collect()
}

/// The segment of a key, by the highest of its first 64 bits.
#[inline]
fn segment_of(key: u128) -> usize {
    (key as u64 >> (u64::BITS - SEGMENT_BITS)) as usize
}

#[inline]
fn new_cell(key: u128, count: u16, tick: i64) -> Cell {
    key | u128::from(count) << KEY_BITS | u128::from(tick_byte(tick)) << TICK_SHIFT
}

fn tick_byte(tick: i64) -> u8 {
    tick.rem_euclid(TICKS) as u8 + 1
}

#[inline]
fn count(cell: Cell) -> u16 {
    (cell >> KEY_BITS) as u16
}

#[inline]
fn lives(cell: Cell, now: i64) -> bool {
    ticks_left(cell, now) >= 0
}

/// Ticks until a cell expires; negative once it has.
#[inline]
fn ticks_left(cell: Cell, now: i64) -> i64 {
    let ahead = i64::from((cell >> TICK_SHIFT) as u8) - i64::from(tick_byte(now));
    match ahead {
        _ if ahead > AHEAD_TICKS_MAX => ahead - TICKS,
        _ if ahead < AHEAD_TICKS_MAX - TICKS + 1 => ahead + TICKS,
        _ => ahead,
    }
}

#[cfg(test)]
mod tests;
