//! What a content is worth: the one place of the formula.
//!
//! ```text
//! interest  = views a day + searches a day × 1,000 / 10,000         views weighted by relevance
//! earnings  = floor(interest × rate / 1,000)                        base units a day, rate as settlement's
//! outlook   = earnings × ∫ 2^(-t / H) dt over all time to come      H = 2^21 s, so 35.0 days' worth
//! record    = 5,000 + floor(10,000 × (paid back + 1) / (ended + 2)) of the creator's ended rounds
//! invested  = Σ rounds open or funded: raised
//!           + Σ rounds that earn: floor(raised × what is left of the term / term)
//! value     = floor(outlook × record / 10,000) + floor(invested × 5,000 / 10,000)
//! ```
//!
//! Views and searches a day are measured with a half-life of 2^19 seconds, about six days: what
//! happened counts half after that. A content that was first seen less than an hour ago is judged as
//! if it were an hour. The outlook is a discounted cash flow, on the assumption that interest goes down
//! by half every 24 days. A search is taken for a tenth of a view, since viewers
//! look before they choose. A creator whose rounds paid their investors back is worth more, by up to
//! half; one without any is neutral. What others have put into upgrades counts for half while it can
//! earn.
//!
//! Everything is integer: from the same events anybody gets the same values.

use pixr::math::earnings::rate_floor;

use super::fading::{INTEREST, MEASURE};

/// Views that a search is worth, in basis points.
pub const SEARCH_VIEWS_BPS: u64 = 1_000;
/// What of an investment counts, in basis points.
pub const INVESTED_BPS: u64 = 5_000;
/// A measurement of less than this is taken for one of this, in seconds.
pub const MEASURED_SECONDS_MIN: u64 = 3_600;
/// Whole of basis points.
pub const BPS: u64 = 10_000;
/// Millionths in one.
pub const MICRO: u64 = 1_000_000;
/// Views that a rate pays.
const VIEWS_PER_RATE: u128 = 1_000;
/// Longer than any content is watched: fifty years.
const EVER_SECONDS: u64 = 50 * 365 * 86_400;

/// What a valuation is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Views by relevance, faded; millionths.
    pub views_micro: u64,
    /// Searches, faded; millionths.
    pub searches_micro: u64,
    /// Since the first of them, in seconds.
    pub measured_seconds: u64,
    /// Basis points.
    pub quality: u16,
    /// Base units for 1,000 views at full quality.
    pub base_rate: u64,
    /// The creator's rounds that are over, and those of them that were owed what was invested.
    pub ended: u32,
    pub paid_back: u32,
    /// What counts of investments; see [`invested_left_floor`].
    pub invested: u64,
}

/// A valuation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Valuation {
    /// Views a day, in millionths.
    pub interest: u64,
    /// Base units a day.
    pub earnings: u64,
    /// Base units.
    pub outlook: u64,
    /// Basis points.
    pub record_bps: u16,
    /// Base units.
    pub value: u64,
}

/// `floor(a × b / c)`, as much as 64 bits hold.
pub fn portion_floor(a: u64, b: u64, c: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product.checked_div(c.into()).map_or(0, |part| u64::try_from(part).unwrap_or(u64::MAX))
}

/// Values a content.
pub fn value(inputs: &Inputs) -> Valuation {
    let seconds = inputs.measured_seconds.max(MEASURED_SECONDS_MIN);
    let views = MEASURE.per_day(inputs.views_micro, seconds);
    let searches = MEASURE.per_day(inputs.searches_micro, seconds);
    let interest = views.saturating_add(portion_floor(searches, SEARCH_VIEWS_BPS, BPS));
    let earnings = earnings_floor(interest, inputs.base_rate, inputs.quality);
    let outlook = portion_floor(earnings, INTEREST.days_micro(EVER_SECONDS), MICRO);
    let record_bps = record_floor(inputs.ended, inputs.paid_back);
    let value = portion_floor(outlook, record_bps.into(), BPS).saturating_add(portion_floor(
        inputs.invested,
        INVESTED_BPS,
        BPS,
    ));
    Valuation { interest, earnings, outlook, record_bps, value }
}

/// Base units that `interest` millionths of a view earn at this rate and quality.
pub fn earnings_floor(interest: u64, base_rate: u64, quality: u16) -> u64 {
    let rate = rate_floor(base_rate, quality);
    let earned = u128::from(interest) * u128::from(rate) / VIEWS_PER_RATE / u128::from(MICRO);
    u64::try_from(earned).unwrap_or(u64::MAX)
}

/// The factor of a creator's record, in basis points.
pub fn record_floor(ended: u32, paid_back: u32) -> u16 {
    let part = portion_floor(BPS, u64::from(paid_back.min(ended)) + 1, u64::from(ended) + 2);
    u16::try_from(BPS / 2 + part).unwrap_or(u16::MAX)
}

/// What counts of a round's investments `elapsed` seconds after its delivery.
pub fn invested_left_floor(raised: u64, elapsed: u64, term_seconds: u32) -> u64 {
    let term = u64::from(term_seconds);
    portion_floor(raised, term.saturating_sub(elapsed), term)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1,000 views a day for long, at one token for 1,000 views.
    fn steady() -> Inputs {
        let week = 7 * 86_400;
        let views_micro = 1_000 * MEASURE.days_micro(52 * week);
        Inputs {
            views_micro,
            measured_seconds: 52 * week,
            quality: 10_000,
            base_rate: 1_000_000,
            ..Inputs::default()
        }
    }

    #[test]
    fn worked_by_hand() {
        let valuation = value(&steady());
        assert!(valuation.interest.abs_diff(1_000 * MICRO) <= 10, "{valuation:?}");
        assert!(valuation.earnings.abs_diff(1_000_000) <= 1);
        // 2^21 s / ln 2 / 86,400 = 35.0179 days.
        assert!(valuation.outlook.abs_diff(35_017_900) <= 100, "{valuation:?}");
        assert_eq!(valuation.record_bps, 10_000);
        assert_eq!(valuation.value, valuation.outlook);

        let searched = Inputs { searches_micro: steady().views_micro, ..steady() };
        assert!(value(&searched).interest.abs_diff(1_100 * MICRO) <= 20);
        let invested = Inputs { invested: 7_000, ..steady() };
        assert_eq!(value(&invested).value, valuation.value + 3_500);
        assert_eq!(
            (record_floor(0, 0), record_floor(8, 8), record_floor(8, 0)),
            (10_000, 14_000, 6_000)
        );
        assert_eq!(invested_left_floor(900, 100, 300), 600);
        assert_eq!(invested_left_floor(900, 400, 300), 0);
    }

    fn any_inputs() -> impl Strategy<Value = Inputs> {
        let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
        (numbers, 0..=10_000_u16, any::<u32>(), any::<u32>()).prop_map(
            |(
                (views_micro, searches_micro, measured_seconds, base_rate, invested),
                quality,
                ended,
                paid_back,
            )| {
                Inputs {
                    views_micro,
                    searches_micro,
                    measured_seconds,
                    quality,
                    base_rate: base_rate >> 24,
                    ended,
                    paid_back,
                    invested,
                }
            },
        )
    }

    proptest! {
        /// More of anything good is never worth less, and nothing overflows.
        #[test]
        fn is_monotone(inputs in any_inputs(), more in any::<u64>()) {
            let before = value(&inputs).value;
            let up = |value: u64| value.saturating_add(more);
            let (ended, paid_back) = (inputs.ended, inputs.paid_back.min(inputs.ended));
            for better in [
                Inputs { views_micro: up(inputs.views_micro), ..inputs },
                Inputs { searches_micro: up(inputs.searches_micro), ..inputs },
                Inputs { invested: up(inputs.invested), ..inputs },
                Inputs { quality: 10_000, ..inputs },
                Inputs { paid_back: ended.max(paid_back), ..inputs },
            ] {
                prop_assert!(value(&better).value >= before, "{better:?}");
            }
        }
    }
}
