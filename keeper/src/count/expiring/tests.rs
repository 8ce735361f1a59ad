use std::collections::HashMap;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::testing::cases;

const LIFE: Duration = Duration::from_secs(100);
const LIFE_MS: i64 = 100_000;
const TICK_MS: i64 = LIFE_MS / LIFE_TICKS + 1;

/// Spreads small numbers as a hash does.
fn key(number: u64) -> u128 {
    let mixed = |salt: u64| {
        let x = (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    u128::from(mixed(1)) << 64 | u128::from(mixed(2))
}

proptest! {
    #![proptest_config(cases(200))]

    /// Against a map that forgets nothing.
    #[test]
    fn counts_are_those_of_a_map(
        steps in vec((0..40_u64, 0..LIFE_MS, 0..LIFE_MS / 20, 0..60_i64), 1..400),
    ) {
        let mut expiring = Expiring::new(LIFE);
        let mut model: HashMap<u128, (u16, i64)> = HashMap::new();
        let mut now = 1_700_000_000_000;
        expiring.advance(now);
        for (number, life, step, jump) in steps {
            now += if jump == 0 { 3 * LIFE_MS / 2 } else if jump < 20 { step } else { 0 };
            expiring.advance(now);
            let key = key(number) & KEY_MASK;
            let known = model.get(&key).copied();
            let live = known.filter(|(_, tick)| *tick >= now / TICK_MS);
            prop_assert_eq!(expiring.count(key), live.map_or(0, |(count, _)| count));
            expiring.add(key, now + life);
            let tick = (now + life) / TICK_MS;
            let (count, old) = live.unwrap_or((0, tick));
            model.insert(key, (count + 1, tick.max(old)));
        }
    }
}

#[test]
fn a_key_lives_as_long_as_it_was_told() {
    const START: i64 = 1_000 * TICK_MS;

    let mut expiring = Expiring::new(LIFE);
    expiring.advance(START + 1);
    expiring.add(key(1), START + 1 + LIFE_MS);
    expiring.add(key(2), START + TICK_MS);
    expiring.advance(START + TICK_MS);
    assert_eq!((expiring.count(key(1)), expiring.count(key(2))), (1, 1));
    expiring.advance(START + 2 * TICK_MS);
    assert_eq!((expiring.count(key(1)), expiring.count(key(2))), (1, 0));
    expiring.advance(START + 1 + LIFE_MS);
    assert_eq!(expiring.count(key(1)), 1);
    // Time does not go back, and what is added late lives at least now.
    expiring.advance(0);
    expiring.add(key(3), 0);
    assert_eq!(expiring.count(key(3)), 1);
    expiring.advance(START + 1 + LIFE_MS + TICK_MS);
    assert_eq!((expiring.count(key(1)), expiring.count(key(3))), (0, 0));
}

#[test]
fn ticks_wrap_around() {
    for start in (0..600).map(|tick| tick * TICK_MS) {
        let mut expiring = Expiring::new(LIFE);
        expiring.advance(start);
        expiring.add(key(1), start + LIFE_MS);
        for passed in 0..=LIFE_MS / TICK_MS {
            expiring.advance(start + passed * TICK_MS);
            assert_eq!(expiring.count(key(1)), 1, "{start} {passed}");
        }
        expiring.advance(start + LIFE_MS + TICK_MS);
        assert_eq!(expiring.count(key(1)), 0, "{start}");
    }
}

#[test]
fn counts_do_not_overflow() {
    let mut expiring = Expiring::new(LIFE);
    for _ in 0..70_000 {
        expiring.add(key(1), 1_000);
    }
    assert_eq!(expiring.count(key(1)), u16::MAX);
    assert_eq!(expiring.len(), 1);
}

#[test]
fn keys_take_less_than_32_bytes_at_any_number() {
    let mut expiring = Expiring::new(LIFE);
    expiring.advance(0);
    let mut worst = 0;
    for number in 0..1_000_000_u64 {
        expiring.add(key(number), LIFE_MS);
        if number >= 100_000 && number % 1_000 == 0 {
            worst = worst.max(expiring.bytes() * 100 / expiring.len());
        }
    }
    assert_eq!(expiring.len(), 1_000_000);
    assert!(worst < 3_000, "{worst} hundredths of a byte");
}

#[test]
fn keys_take_less_than_32_bytes_while_they_come_and_go() {
    const LIVE: i64 = 300_000;

    let mut expiring = Expiring::new(LIFE);
    let mut sum = 0;
    let mut looks = 0;
    for number in 0..4 * LIVE {
        let now = number * LIFE_MS / LIVE;
        expiring.advance(now);
        expiring.add(key(number as u64), now + LIFE_MS - 1);
        if number > LIVE && number % 1_000 == 0 {
            sum += expiring.bytes();
            looks += 1;
        }
    }
    assert!(expiring.len() < LIVE as usize * 104 / 100, "{}", expiring.len());
    let average = sum * 100 / looks / LIVE as usize;
    assert!(average < 3_200, "{average} hundredths of a byte");

    expiring.advance(9 * LIFE_MS);
    assert_eq!((expiring.len(), expiring.bytes()), (0, 0));
}
