//! How much a promotion raises visibility: the one place of the weight.
//!
//! ```text
//! paid    = Σ promotions that run now: floor(raised × 86,400 / term)             base units a day
//! weight  = 10,000 + floor(10,000 × paid / (paid + earnings))                    basis points
//! score   = floor(interest × weight / 10,000)                                    what ranks contents
//! ```
//!
//! A promotion runs from its delivery to the end of its term. The weight lies between one and two: it
//! moves a content up among those that are watched about as much, and never above one that is watched
//! more than twice as much. It ranks; nobody is paid by it.

use super::formula::{BPS, portion_floor};

const SECONDS_PER_DAY: u64 = 86_400;

/// What a promotion pays a day, in base units.
pub fn paid_floor(raised: u64, term_seconds: u32) -> u64 {
    portion_floor(raised, SECONDS_PER_DAY, term_seconds.into())
}

/// The weight of a content for which promotions pay `paid` base units a day, and that earns
/// `earnings` a day.
pub fn weight_floor(paid: u64, earnings: u64) -> u64 {
    BPS + portion_floor(BPS, paid, paid.saturating_add(earnings))
}

/// What ranks a content.
pub fn score_floor(interest: u64, weight_bps: u64) -> u64 {
    portion_floor(interest, weight_bps, BPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_between_one_and_two() {
        assert_eq!(weight_floor(0, 0), 10_000);
        assert_eq!(weight_floor(0, 5), 10_000);
        assert_eq!(weight_floor(5, 5), 15_000);
        assert_eq!(weight_floor(5, 0), 20_000);
        assert_eq!(weight_floor(u64::MAX, u64::MAX), 20_000);
        assert_eq!(paid_floor(30, 30 * 86_400), 1);
        assert_eq!(score_floor(1_000, 15_000), 1_500);
    }
}
