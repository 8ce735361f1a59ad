//! What a funded round is owed, from the content's own counters.
//!
//! ```text
//! baseline  = B / S                      earned between opening and delivery ÷ that time in seconds
//! level(t)  = q × t + floor(r × t / S)   with q = floor(B / S), r = B mod S: floor(baseline × t), exactly
//! uplift(t) = earned since delivery - level(t)     which rounds it up, by less than one base unit
//! owed(t)   = min(cap, floor(share × max over settlements ≤ t of uplift⁺ / 10,000))
//! part      = floor(owed × position / raised)
//! ```
//!
//! `t` is the time since delivery in seconds, up to the end of the term. A level is rounded down and
//! a share of the uplift above it too; parts are rounded down, so that they never add up to more than
//! what is owed.
//!
//! **No overflow.** `q × term` is at most [`LEVEL_MAX`] or there is no lane ([`Baseline::new`]);
//! `r < S < 2^32` and `t < 2^28`, so `r × t < 2^60` and what it adds to a level is below `t`. An uplift
//! counts up to where the cap is reached, `ceil(cap × 10,000 / share)`, so `share × uplift` is below
//! `cap × 10,000 + share`, and with a cap of at most 2^50 that is below 2^63.4.

use std::num::NonZeroU64;

use crate::constants::{BPS_DENOMINATOR, ROUND_AMOUNT_MAX, TERM_SECONDS_MAX};

/// Most that a baseline can reach by the end of its term, in base units.
pub const LEVEL_MAX: u64 = 1 << 62;

const _: () = assert!(TERM_SECONDS_MAX < 1 << 28);
const _: () = assert!(ROUND_AMOUNT_MAX < (u64::MAX - BPS_DENOMINATOR) / BPS_DENOMINATOR);

/// What a content earned a second before an upgrade, as an exact fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Whole base units a second.
    pub quotient: u64,
    /// What is left over of the base units, below `seconds`.
    pub remainder: u32,
    /// The time that was measured.
    pub seconds: u32,
}

impl Baseline {
    /// `earned` base units in `seconds`; `None` when no time has passed, or when the level at the end
    /// of a term of `term_seconds` would exceed [`LEVEL_MAX`].
    pub fn new(earned: u64, seconds: u32, term_seconds: u32) -> Option<Self> {
        let quotient = earned.checked_div(seconds.into())?;
        let remainder = u32::try_from(earned.checked_rem(seconds.into())?).ok()?;
        let level = quotient.checked_mul(term_seconds.into())?;
        (level <= LEVEL_MAX).then_some(Self { quotient, remainder, seconds })
    }
}

/// `since - floor(baseline × elapsed)`: how far a content that has earned `since` is above its baseline
/// `elapsed` seconds after delivery, rounded up; below zero when it is under it. `elapsed` is at most
/// the term that its [`Baseline`] was made for, and `since` is below 2^63.
///
/// Subtracted one by one, so that settlement needs few registers.
#[inline(always)]
pub fn uplift_ceil(
    since: u64,
    quotient: u64,
    remainder: u32,
    seconds: NonZeroU64,
    elapsed: u64,
) -> i64 {
    let above = since.wrapping_sub(quotient.wrapping_mul(elapsed));
    let parts = u64::from(remainder).wrapping_mul(elapsed);
    above.wrapping_sub(parts / seconds).cast_signed()
}

/// `ceil(cap × 10,000 / share_bps)`: the least uplift of which the share reaches the cap, or `None`
/// for a share of zero or a cap above [`ROUND_AMOUNT_MAX`].
pub fn uplift_at_cap_ceil(cap: u64, share_bps: u16) -> Option<u64> {
    if cap > ROUND_AMOUNT_MAX || share_bps == 0 {
        return None;
    }
    cap.checked_mul(BPS_DENOMINATOR).map(|scaled| scaled.div_ceil(share_bps.into()))
}

/// `floor(share_bps × uplift / 10,000)`, for an uplift up to that of [`uplift_at_cap_ceil`].
#[inline(always)]
pub fn share_floor(uplift: u64, share_bps: u64) -> u64 {
    uplift.wrapping_mul(share_bps) / BPS_DENOMINATOR
}

/// `floor(owed × amount / raised)`: the part of a position; `None` when nothing was raised or the
/// position is larger than what was.
pub fn part_floor(owed: u64, amount: u64, raised: u64) -> Option<u64> {
    if amount > raised {
        return None;
    }
    // Most products fit, and dividing 128 bits takes as long as all the rest of a claim.
    if let Some(product) = owed.checked_mul(amount) {
        return product.checked_div(raised);
    }
    let product = u128::from(owed).checked_mul(amount.into())?;
    u64::try_from(product.checked_div(raised.into())?).ok()
}

#[cfg(test)]
mod tests;
