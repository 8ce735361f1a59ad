use super::*;

/// A multiplicative generator: what matters is reach, not quality.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let shift = (self.0 >> 58) % 48;
        ((self.0 >> 6) >> shift) % bound
    }
}

const RANDOM: Random = Random(0x9e37_79b9_7f4a_7c15);

#[test]
fn a_level_is_the_exact_fraction_rounded_down() {
    let mut random = RANDOM;
    let mut made = 0;
    for _ in 0..100_000 {
        let earned = random.below(u64::MAX);
        let seconds = u32::try_from(random.below(u32::MAX.into())).unwrap();
        let term = u32::try_from(random.below(u64::from(TERM_SECONDS_MAX) + 1)).unwrap();
        let Some(baseline) = Baseline::new(earned, seconds, term) else { continue };
        made += 1;
        for elapsed in [0, 1, u64::from(term) / 2, u64::from(term)] {
            let Baseline { quotient, remainder, seconds } = baseline;
            let divisor = NonZeroU64::new(seconds.into()).unwrap();
            let since = random.below(1 << 63);
            let uplift = uplift_ceil(since, quotient, remainder, divisor, elapsed);
            let level = u128::from(earned) * u128::from(elapsed) / u128::from(seconds);
            let exact = i128::from(since) - i128::try_from(level).unwrap();
            assert_eq!(i128::from(uplift), exact, "{earned} in {seconds}, after {elapsed}");
        }
    }
    assert!(made > 30_000, "{made}");
}

#[test]
fn a_baseline_has_bounds() {
    assert_eq!(Baseline::new(1, 0, 1), None);
    let edge = LEVEL_MAX / 4;
    assert!(Baseline::new(edge * 10, 10, 4).is_some());
    assert_eq!(Baseline::new((edge + 1) * 10, 10, 4), None);
    assert_eq!(Baseline::new(u64::MAX, 1, u32::MAX), None);
    let whole = Baseline { quotient: 3, remainder: 1, seconds: 7 };
    assert_eq!(Baseline::new(22, 7, TERM_SECONDS_MAX), Some(whole));
}

#[test]
fn a_share_reaches_the_cap_exactly_and_never_more() {
    let mut random = RANDOM;
    for _ in 0..100_000 {
        let cap = random.below(ROUND_AMOUNT_MAX) + 1;
        let share = u16::try_from(random.below(BPS_DENOMINATOR) + 1).unwrap();
        let at_cap = uplift_at_cap_ceil(cap, share).unwrap();
        assert_eq!(share_floor(at_cap, share.into()), cap);
        assert!(share_floor(at_cap - 1, share.into()) < cap);
        let uplift = random.below(at_cap);
        let exact = u128::from(uplift) * u128::from(share) / 10_000;
        assert_eq!(u128::from(share_floor(uplift, share.into())), exact);
    }
    assert_eq!(uplift_at_cap_ceil(ROUND_AMOUNT_MAX, 1), Some(ROUND_AMOUNT_MAX * 10_000));
    assert_eq!(uplift_at_cap_ceil(ROUND_AMOUNT_MAX + 1, 1), None);
    assert_eq!(uplift_at_cap_ceil(1, 0), None);
}

/// Conservation: the parts of all positions are within one base unit of exact, and never above.
#[test]
fn parts_never_add_up_to_more_than_is_owed() {
    let mut random = RANDOM;
    for _ in 0..2_000 {
        let owed = random.below(ROUND_AMOUNT_MAX);
        let count = random.below(40) + 1;
        let amounts: Vec<u64> =
            (0..count).map(|_| random.below(ROUND_AMOUNT_MAX / 40) + 1).collect();
        let raised = amounts.iter().sum();
        let mut paid = 0;
        for amount in &amounts {
            let part = part_floor(owed, *amount, raised).unwrap();
            let exact = u128::from(owed) * u128::from(*amount);
            assert!(u128::from(part) * u128::from(raised) <= exact);
            assert!(u128::from(part + 1) * u128::from(raised) > exact);
            paid += part;
        }
        assert!(paid <= owed && owed - paid < count);
    }
    assert_eq!(part_floor(1, 2, 1), None);
    assert_eq!(part_floor(1, 0, 0), None);
    assert_eq!(part_floor(u64::MAX, u64::MAX, u64::MAX), Some(u64::MAX));
}
