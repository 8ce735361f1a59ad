//! What views earn, and what reversed views take back.
//!
//! ```text
//! rate   = floor(base_rate × quality / 10,000)          base units per 1,000 views
//! weight = views × relevance                            views in basis points
//! earned = floor((weight × rate + remainder) / 10,000,000)
//! ```
//!
//! 10,000,000 is 1,000 views times 10,000 basis points. The remainder stays with the content, so no
//! fraction is ever lost. Below zero it is a debt: views that were reversed and that later views
//! have to earn back first.
//!
//! **No overflow.** With `base_rate` ≤ 2^38, views ≤ 2^24 and relevance ≤ 10,000:
//! `weight < 2^37.3`, split as `weight = whole × 10^7 + part` gives `whole × rate < 2^52.1` and
//! `part × rate < 2^61.3`, and a debt never exceeds 2^62. Every sum below fits an `i64`; the
//! constants are checked at compile time.

use crate::constants::{BASE_RATE_MAX, BPS_DENOMINATOR, ENTRIES_BYTES_MAX};

/// Weight times rate that is worth one base unit: 1,000 views × 10,000 basis points.
pub const SCALE: u64 = 10_000_000;

/// Most views that one entry can carry.
pub const VIEWS_MAX: u64 = 1 << 24;

/// Largest debt of a content, in base units times [`SCALE`].
pub const DEBT_MAX: i64 = 1 << 62;

const WEIGHT_MAX: u64 = VIEWS_MAX * BPS_DENOMINATOR;
const EARNED_MAX: u64 = (WEIGHT_MAX / SCALE + 1) * BASE_RATE_MAX + 1;

// What `accrue_floor` relies on: a part of a weight times a rate, and a remainder, fit an i64.
const _: () = assert!(SCALE * BASE_RATE_MAX + SCALE < 1 << 62);
const _: () = assert!(BASE_RATE_MAX < u64::MAX / BPS_DENOMINATOR);
// The sum over a whole batch fits a u64: an entry with more than 128 views takes eight bytes, and
// the others, of two bytes at least, earn less than one base rate each.
const _: () = assert!(EARNED_MAX < u64::MAX / 2 / (ENTRIES_BYTES_MAX / 8));
const _: () = assert!(BASE_RATE_MAX < u64::MAX / 2 / (ENTRIES_BYTES_MAX / 2));

/// `floor(base_rate × quality / 10,000)`: base units per 1,000 views.
///
/// `base_rate` is at most [`BASE_RATE_MAX`], `quality` is in basis points.
#[inline(always)]
pub fn rate_floor(base_rate: u64, quality: u16) -> u64 {
    base_rate.wrapping_mul(u64::from(quality)) / BPS_DENOMINATOR
}

/// What one entry earns, rounded down, and the remainder that stays with its content.
///
/// `weight` is views × relevance of one entry, `rate` comes from [`rate_floor`], `remainder` from
/// the content's last accrual (from -[`DEBT_MAX`] to [`SCALE`] - 1). Returns base units and the new
/// remainder. Exact: `earned × SCALE + new = weight × rate + old`.
#[inline(always)]
pub fn accrue_floor(weight: u64, rate: u64, remainder: i64) -> (u64, i64) {
    if weight >= SCALE {
        return accrue_large_floor(weight, rate, remainder);
    }
    accrue_small_floor(weight, rate, remainder)
        .unwrap_or_else(|| (0, owe_small(weight, rate, remainder)))
}

/// [`accrue_floor`] for entries worth less than 1,000 full views (`weight` is below [`SCALE`]), or
/// `None` when a debt outweighs them: then nothing is earned and [`owe_small`] is the remainder.
#[inline(always)]
pub fn accrue_small_floor(weight: u64, rate: u64, remainder: i64) -> Option<(u64, i64)> {
    let sum = owe_small(weight, rate, remainder);
    if sum < 0 {
        return None;
    }
    let sum = sum.cast_unsigned();
    let earned = sum / SCALE;
    Some((earned, sum.wrapping_sub(earned.wrapping_mul(SCALE)).cast_signed()))
}

/// `weight × rate + remainder` for a `weight` below [`SCALE`].
#[inline(always)]
pub fn owe_small(weight: u64, rate: u64, remainder: i64) -> i64 {
    weight.wrapping_mul(rate).cast_signed().wrapping_add(remainder)
}

/// [`accrue_floor`] for entries worth more than 1,000 full views, without 128-bit arithmetic.
#[cold]
#[inline(never)]
fn accrue_large_floor(weight: u64, rate: u64, remainder: i64) -> (u64, i64) {
    let whole = (weight / SCALE).wrapping_mul(rate);
    let part = (weight % SCALE).wrapping_mul(rate);
    let sum = part.cast_signed().wrapping_add(remainder);
    if sum >= 0 {
        let sum = sum.cast_unsigned();
        return (whole.wrapping_add(sum / SCALE), (sum % SCALE).cast_signed());
    }
    let debt = sum.unsigned_abs();
    let borrowed = debt.div_ceil(SCALE);
    if borrowed <= whole {
        let left = borrowed.wrapping_mul(SCALE).wrapping_sub(debt);
        return (whole.wrapping_sub(borrowed), left.cast_signed());
    }
    // The debt outweighs the entry: whole × SCALE is below the debt, so it fits.
    (0, sum.wrapping_add(whole.wrapping_mul(SCALE).cast_signed()))
}

/// The value of a reversal, rounded up, and the remainder that it leaves.
///
/// Exact in the remainder: `new = old - weight × rate`. Returns `None` when the debt would exceed
/// [`DEBT_MAX`].
pub fn reverse_ceil(weight: u64, rate: u64, remainder: i64) -> Option<(u64, i64)> {
    let product = weight.checked_mul(rate)?;
    let left = remainder.checked_sub(i64::try_from(product).ok()?)?;
    (left >= -DEBT_MAX).then(|| (product.div_ceil(SCALE), left))
}

#[cfg(test)]
mod tests;
