use std::{hint::cold_path, num::NonZeroU64};

use anchor_lang::prelude::*;

use crate::{
    constants::SHARD_BYTES_MAX,
    errors::PixrError,
    math::returns::{Baseline, share_floor, uplift_at_cap_ceil, uplift_ceil},
};

/// One delivered round that earns on a content. Amounts are base units, times since delivery.
///
/// ```text
/// uplift(t) = earned since delivery - floor(baseline × t)
/// owed(t)   = min(cap, floor(share × max over settlements ≤ t of uplift⁺ / 10,000))
/// ```
///
/// **Always true**: `owed ≤ floor(share × uplift_high / 10,000) ≤ cap`. What the lanes of a content
/// take from a credit is never more than the credit: where shares that were rounded down before come
/// due together, the lanes that were opened last wait for the next credit. The difference is a few
/// base units at most, since an uplift never rises by more than what was credited.
#[zero_copy]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Lane {
    /// The content's `earned` at delivery.
    pub earned_at_delivery: u64,
    /// Baseline, whole base units a second.
    pub baseline_quotient: u64,
    /// Highest uplift at a settlement so far, up to `uplift_at_cap`.
    pub uplift_high: u64,
    /// The uplift at which the cap is reached: no more is counted.
    pub uplift_at_cap: u64,
    /// Owed so far.
    pub owed: u64,
    /// Most that the round can be owed.
    pub cap: u64,
    /// Link to the content's next lane, or to the next free one: see [`link_of`].
    pub next: u64,
    /// Delivery, in Unix seconds (until 2106).
    pub delivered_at: u32,
    /// How long the round earns.
    pub term_seconds: u32,
    /// Baseline, seconds that were measured.
    pub baseline_seconds: u32,
    /// Baseline, base units left over of the whole ones; below `baseline_seconds`.
    pub baseline_remainder: u32,
    /// Index of the content slot.
    pub content: u32,
    /// Number of the round on its content.
    pub round: u32,
    /// The round's share of the uplift, in basis points; zero while the lane is free.
    pub share_bps: u16,
    /// Room for later versions; zero.
    pub reserved: [u8; 14],
}

const _: () = assert!(size_of::<Lane>() == 96);

/// What a link counts a lane's number in: the bytes from one lane to the next, so that settlement adds
/// a link to an address and does not multiply.
const LINK_STEP: u64 = 96;

const _: () = assert!(SHARD_BYTES_MAX < 1 << 32);

/// The link to the lane with this number, from 1: 96 × the number. Zero links to none.
pub fn link_of(number: u32) -> u64 {
    u64::from(number).wrapping_mul(LINK_STEP)
}

/// The number of the lane that a link leads to, from 1; zero when it leads to none.
pub fn number_of(link: u64) -> u32 {
    u32::try_from(link / LINK_STEP).unwrap_or(u32::MAX)
}

/// What a lane starts with.
#[derive(Clone, Copy, Debug)]
pub struct LaneTerms {
    /// Index of the content slot.
    pub content: u32,
    /// Number of the round on its content.
    pub round: u32,
    /// In basis points.
    pub share_bps: u16,
    /// In base units.
    pub cap: u64,
    /// In seconds.
    pub term_seconds: u32,
}

impl Lane {
    /// A lane that earns from now on. Fails when its numbers would not fit (see `math::returns`).
    pub fn new(
        terms: LaneTerms,
        baseline: Baseline,
        earned_at_delivery: u64,
        unix_seconds: i64,
    ) -> Result<Self> {
        let LaneTerms { content, round, share_bps, cap, term_seconds } = terms;
        let uplift_at_cap = uplift_at_cap_ceil(cap, share_bps).ok_or(PixrError::CapOutOfBounds)?;
        Ok(Self {
            earned_at_delivery,
            baseline_quotient: baseline.quotient,
            uplift_high: 0,
            uplift_at_cap,
            owed: 0,
            cap,
            delivered_at: u32::try_from(unix_seconds).map_err(|_| PixrError::Overflow)?,
            term_seconds,
            baseline_seconds: baseline.seconds,
            baseline_remainder: baseline.remainder,
            content,
            round,
            next: 0,
            share_bps,
            reserved: [0; 14],
        })
    }

    /// Takes what has come due out of `left`, when the content has earned `earned` in all. Returns what
    /// is left then.
    ///
    /// # Safety
    /// [`Lane::new`] made this lane, so that its `baseline_seconds` are not zero.
    #[inline(always)]
    pub unsafe fn take(&mut self, unix_seconds: u64, earned: u64, left: u64) -> u64 {
        // A clock before delivery wraps to a time after any term.
        let elapsed = unix_seconds.wrapping_sub(self.delivered_at.into());
        let mut high = self.uplift_high;
        if elapsed <= self.term_seconds.into() {
            // SAFETY: the caller's promise.
            let seconds = unsafe { NonZeroU64::new_unchecked(self.baseline_seconds.into()) };
            // Counters stay below 2^63 (`Shard::book_credits`).
            let uplift = uplift_ceil(
                earned.wrapping_sub(self.earned_at_delivery),
                self.baseline_quotient,
                self.baseline_remainder,
                seconds,
                elapsed,
            );
            if uplift > high.cast_signed() {
                high = uplift.cast_unsigned().min(self.uplift_at_cap);
                self.uplift_high = high;
            }
        }
        let owed = share_floor(high, self.share_bps.into());
        let left = left.wrapping_add(self.owed).wrapping_sub(owed);
        self.owed = owed;
        if left.cast_signed() < 0 {
            // More came due than is left. A plain assignment would make the compiler choose between
            // two values each time, which costs three instructions.
            cold_path();
            let owed = &raw mut self.owed;
            // SAFETY: a field of `self`.
            unsafe { owed.write_volatile(owed.read_volatile().wrapping_add(left)) };
            return 0;
        }
        left
    }

    /// Whether nothing can be added to what is owed.
    pub fn is_over(&self, unix_seconds: i64) -> bool {
        let end = i64::from(self.delivered_at).saturating_add(self.term_seconds.into());
        self.owed == self.cap || unix_seconds > end
    }
}
