//! What a round is expected to return: the one place of the model.
//!
//! ```text
//! earnings   = what the content is expected to earn a day now, which is its baseline
//! after      = earnings × (quality after / quality before) × (1 + views gained)
//! uplift     = max over days d of the term: after × ∫[0, d] 2^(-t / H) dt - earnings × d
//! expected   = min(cap, floor(share × uplift / 10,000))
//! doubt      = min(100%, √(10,000 × 100 / views seen + 30%²))
//! low, high  = expected × (1 ∓ doubt), high no more than the cap
//! ```
//!
//! The baseline does not go down, while interest does (half-life 2^21 s, about 24 days): the maximum
//! is what the program's high-water mark keeps. Doubt has two parts that add up as independent errors
//! do: viewers come in bursts, so about a hundred views say as much as one independent observation,
//! and the model itself is taken to be right to 30%.

use pixr::state::RoundKind;

use super::{
    fading::INTEREST,
    formula::{BPS, MICRO, portion_floor},
};

/// Views that subtitles and the like gain, in basis points.
pub const FEATURE_VIEWS_BPS: u64 = 500;
/// Views that a promotion gains for a weight of 20,000 basis points, in basis points.
pub const PROMOTION_VIEWS_BPS: u64 = 3_000;
/// Views that say as much as one independent observation.
const VIEWS_PER_OBSERVATION: u64 = 100;
/// The error of the model itself, in basis points.
const MODEL_DOUBT_BPS: u64 = 3_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// What is known of a round and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Base units a day.
    pub earnings: u64,
    /// Of the content, in basis points: now, and when the round is delivered.
    pub quality: u16,
    pub quality_after: u16,
    /// Views that are gained, in basis points.
    pub views_gained_bps: u64,
    /// Views that the measurement of interest rests on, millionths.
    pub views_micro: u64,
    /// Terms of the round.
    pub share_bps: u16,
    pub cap: u64,
    pub term_seconds: u32,
}

/// What a round is expected to return in all, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returns {
    pub expected: u64,
    pub low: u64,
    pub high: u64,
    pub doubt_bps: u16,
}

/// Views that a round of this kind is expected to gain, in basis points; `weight_bps` is that of its
/// promotion.
pub fn views_gained_bps(kind: RoundKind, weight_bps: u64) -> u64 {
    match kind {
        RoundKind::Quality | RoundKind::Support => 0,
        RoundKind::Feature => FEATURE_VIEWS_BPS,
        RoundKind::Promotion => {
            portion_floor(PROMOTION_VIEWS_BPS, weight_bps.saturating_sub(BPS), BPS)
        }
    }
}

/// What is expected.
pub fn expect(outlook: &Outlook) -> Returns {
    let cap = outlook.cap;
    let uplift = uplift_floor(outlook);
    let expected = portion_floor(uplift, outlook.share_bps.into(), BPS).min(cap);
    let doubt = doubt_bps(outlook.views_micro);
    Returns {
        expected,
        low: portion_floor(expected, BPS - doubt, BPS),
        high: portion_floor(expected, BPS + doubt, BPS).min(cap),
        doubt_bps: u16::try_from(doubt).unwrap_or(u16::MAX),
    }
}

/// The highest that the uplift gets at the end of a day of the term, or at its end.
fn uplift_floor(outlook: &Outlook) -> u64 {
    let Outlook { earnings, quality, quality_after, views_gained_bps, .. } = *outlook;
    let better = portion_floor(earnings, quality_after.into(), quality.max(1).into());
    let after = portion_floor(better, BPS.saturating_add(views_gained_bps), BPS);
    let term = u64::from(outlook.term_seconds);
    let days = (1..=term / SECONDS_PER_DAY).map(|day| day * SECONDS_PER_DAY);
    let uplift = |seconds: u64| {
        let earned = portion_floor(after, INTEREST.days_micro(seconds), MICRO);
        earned.saturating_sub(portion_floor(earnings, seconds, SECONDS_PER_DAY))
    };
    days.chain([term]).map(uplift).max().unwrap_or(0)
}

/// How far off an expectation can be, in basis points, when so many millionths of a view were seen.
pub fn doubt_bps(views_micro: u64) -> u64 {
    let seen = u128::from(views_micro).max(1);
    let one = u128::from(BPS) * u128::from(BPS);
    let sampling = one * u128::from(VIEWS_PER_OBSERVATION) * u128::from(MICRO) / seen;
    let model = u128::from(MODEL_DOUBT_BPS) * u128::from(MODEL_DOUBT_BPS);
    let doubt = (sampling + model).isqrt().min(u128::from(BPS));
    u64::try_from(doubt).unwrap_or(BPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 tokens a day, and twice the quality, for a year.
    fn doubled() -> Outlook {
        Outlook {
            earnings: 10_000_000,
            quality: 4_000,
            quality_after: 8_000,
            views_gained_bps: 0,
            views_micro: 1_000_000 * MICRO,
            share_bps: 3_000,
            cap: 1_000_000_000,
            term_seconds: 365 * 86_400,
        }
    }

    #[test]
    fn worked_by_hand() {
        // Twice the earnings fade to the baseline after one half-life of 24.27 days. Until then they
        // are 20 × 35.018 × (1 - 1/2) = 350.18, of which 10 × 24.27 are baseline: 107.4 tokens.
        let returns = expect(&doubled());
        assert!(returns.expected.abs_diff(32_230_000) < 30_000, "{returns:?}");
        // √(10^8 / 10^4 + 9 × 10^6) = 3,001.
        assert_eq!(returns.doubt_bps, 3_001);
        assert_eq!(returns.low, returns.expected * 6_999 / 10_000);
        assert_eq!(returns.high, returns.expected * 13_001 / 10_000);
    }

    #[test]
    fn has_its_limits() {
        let capped = Outlook { cap: 1_000_000, ..doubled() };
        assert_eq!((expect(&capped).expected, expect(&capped).high), (1_000_000, 1_000_000));
        let same = Outlook { quality_after: 4_000, ..doubled() };
        assert_eq!(expect(&same).expected, 0);
        let unseen = Outlook { views_micro: 0, ..doubled() };
        assert_eq!((expect(&unseen).low, expect(&unseen).doubt_bps), (0, 10_000));
        // A short term ends before the best day.
        let short = Outlook { term_seconds: 3_600, ..doubled() };
        assert!(expect(&short).expected > 0 && expect(&short).expected < 150_000);
        assert_eq!(views_gained_bps(RoundKind::Promotion, 20_000), PROMOTION_VIEWS_BPS);
        assert_eq!(views_gained_bps(RoundKind::Promotion, 10_000), 0);
    }
}
