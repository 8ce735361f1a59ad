//! Fees in basis points.

use crate::constants::{BPS_DENOMINATOR, BPS_MAX};

/// `ceil(amount × bps / 10,000)` in base units, or `None` when `bps` is above 10,000.
///
/// Fees round up: who splits a payment into many tiny ones never pays less than with one.
pub fn fee_ceil(amount: u64, bps: u16) -> Option<u64> {
    if bps > BPS_MAX {
        return None;
    }
    let fee =
        u128::from(amount).checked_mul(u128::from(bps))?.div_ceil(u128::from(BPS_DENOMINATOR));
    u64::try_from(fee).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_up_and_stays_within_the_amount() {
        assert_eq!(fee_ceil(10_000, 500), Some(500));
        assert_eq!(fee_ceil(1, 1), Some(1));
        assert_eq!(fee_ceil(10_001, 1), Some(2));
        assert_eq!(fee_ceil(u64::MAX, 10_000), Some(u64::MAX));
        assert_eq!(fee_ceil(0, 290), Some(0));
        assert_eq!(fee_ceil(1, 10_001), None);
    }
}
