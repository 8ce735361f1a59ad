//! Exponential fading in integers.
//!
//! `fade(x, t) = floor(x × 2^(-t / H))` for a half-life `H` of 2^19 or 2^21 seconds. Each bit of `t`
//! has its factor, the square root of the next one's, so that all are exact to the last of 62 bits
//! and every machine gets the same numbers.

/// Factors have so many bits behind the point.
const BITS: u32 = 62;
const ONE: u128 = 1 << BITS;
/// `ln 2`, with [`BITS`] bits behind the point.
const LN_2: u128 = 3_196_577_161_300_663_914;

const SECONDS_PER_DAY: u64 = 86_400;

/// How fast something is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfLife {
    /// Binary logarithm of the half-life in seconds.
    log_seconds: u32,
}

/// About six days: for what is measured.
pub const MEASURE: HalfLife = HalfLife { log_seconds: 19 };
/// About 24 days: how interest in a content goes down from now on.
pub const INTEREST: HalfLife = HalfLife { log_seconds: 21 };

/// `2^(-2^i / 2^n)` for the bits `i` below `n`, where `n` is [`MEASURE`]'s or [`INTEREST`]'s: entry k
/// is `2^(-2^-k)`.
const ROOTS: [u128; 22] = {
    let mut roots = [ONE / 2; 22];
    let mut k = 1;
    while k < roots.len() {
        // The root of a number with 62 bits behind the point, scaled to 124.
        roots[k] = (roots[k - 1] << BITS).isqrt();
        k += 1;
    }
    roots
};

impl HalfLife {
    /// Its length.
    pub fn seconds(self) -> u64 {
        1 << self.log_seconds
    }

    /// `floor(amount × 2^(-seconds / H))`, up to rounding of the factors.
    pub fn fade(self, amount: u64, seconds: u64) -> u64 {
        let whole = seconds >> self.log_seconds;
        let halved = u32::try_from(whole).ok().and_then(|by| amount.checked_shr(by)).unwrap_or(0);
        let scaled = u128::from(halved).saturating_mul(self.factor(seconds)) >> BITS;
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// `2^(-t / H)` for the part of `seconds` below a half-life.
    fn factor(self, seconds: u64) -> u128 {
        let below = seconds & ((1 << self.log_seconds) - 1);
        (0..self.log_seconds).filter(|bit| below >> bit & 1 == 1).fold(ONE, |factor, bit| {
            let root = usize::try_from(self.log_seconds - bit).ok().and_then(|k| ROOTS.get(k));
            (factor * root.copied().unwrap_or(ONE)) >> BITS
        })
    }

    /// What an amount of 1 a day adds up to in `seconds` from now, in millionths: the integral of
    /// `2^(-t / H)`.
    pub fn days_micro(self, seconds: u64) -> u64 {
        const MICRO: u64 = 1_000_000;
        let left = u128::from(MICRO - self.fade(MICRO, seconds));
        let life = u128::from(self.seconds());
        let days = ((left * life) << BITS) / (LN_2 * u128::from(SECONDS_PER_DAY));
        u64::try_from(days).unwrap_or(u64::MAX)
    }

    /// How much a day it was that has faded to `amount` since it began `seconds` ago, when it was the
    /// same at all times.
    pub fn per_day(self, amount: u64, seconds: u64) -> u64 {
        const MICRO: u128 = 1_000_000;
        let days = u128::from(self.days_micro(seconds).max(1));
        u64::try_from(u128::from(amount) * MICRO / days).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An independent computation.
    fn exact(amount: u64, seconds: u64, life: f64) -> f64 {
        amount as f64 * (-(seconds as f64) / life).exp2()
    }

    #[test]
    fn a_half_life_halves() {
        for (life, seconds) in [(MEASURE, 1 << 19), (INTEREST, 1 << 21)] {
            assert_eq!(life.fade(1_000, seconds), 500);
            assert_eq!(life.fade(1_000, 3 * seconds), 125);
            assert_eq!(life.fade(u64::MAX, 0), u64::MAX);
            assert_eq!(life.fade(u64::MAX, u64::MAX), 0);
        }
    }

    proptest! {
        #[test]
        fn fades_as_the_formula_says(amount in 0..1_u64 << 50, seconds in 0..1_u64 << 25) {
            for (life, length) in [(MEASURE, 524_288.0), (INTEREST, 2_097_152.0)] {
                let (faded, exact) = (life.fade(amount, seconds) as f64, exact(amount, seconds, length));
                prop_assert!((faded - exact).abs() <= 2.0 + exact * 1e-12, "{faded} {exact}");
                let days = life.days_micro(seconds) as f64;
                let integral =
                    (1.0 - (-(seconds as f64) / length).exp2()) * length / 86_400.0 / 2_f64.ln() * 1e6;
                prop_assert!((days - integral).abs() <= 100.0, "{days} {integral}");
            }
        }

        #[test]
        fn a_steady_rate_is_found_again(a_day in 1_000..1_u64 << 30, days in 1..200_u64) {
            let mut faded = 0_u64;
            for _ in 0..days * 24 {
                faded = MEASURE.fade(faded, 3_600) + a_day / 24;
            }
            let found = MEASURE.per_day(faded, days * 86_400);
            // Hours at a time are not a steady stream: half an hour of fading at most.
            prop_assert!(found.abs_diff(a_day) <= a_day / 100 + 100, "{found} {a_day}");
        }
    }
}
