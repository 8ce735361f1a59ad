use super::*;

/// The definition, in 128 bits.
fn accrue_wide(weight: u64, rate: u64, remainder: i64) -> (i128, i128) {
    let sum = i128::from(weight) * i128::from(rate) + i128::from(remainder);
    let scale = i128::from(SCALE);
    if sum < 0 { (0, sum) } else { (sum / scale, sum % scale) }
}

fn agrees(weight: u64, rate: u64, remainder: i64) {
    let (earned, left) = accrue_floor(weight, rate, remainder);
    assert_eq!(
        (i128::from(earned), i128::from(left)),
        accrue_wide(weight, rate, remainder),
        "weight {weight}, rate {rate}, remainder {remainder}"
    );
}

#[test]
fn agrees_with_its_definition_at_every_edge() {
    let scale = SCALE.cast_signed();
    for weight in [0, 1, 9_999, SCALE - 1, SCALE, SCALE + 1, 3 * SCALE, WEIGHT_MAX] {
        for rate in [0, 1, 2, 999, 1_000_000, BASE_RATE_MAX - 1, BASE_RATE_MAX] {
            for remainder in [0, 1, scale - 1, -1, -scale, -scale - 1, -DEBT_MAX / 2, -DEBT_MAX] {
                agrees(weight, rate, remainder);
            }
        }
    }
}

#[test]
fn agrees_with_its_definition_at_random() {
    // A multiplicative generator is enough here: what matters is reach, not quality.
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |bound: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let shift = (state >> 58) % 40;
        ((state >> 8) >> shift) % bound
    };
    for _ in 0..200_000 {
        let weight = next(WEIGHT_MAX + 1);
        let rate = next(BASE_RATE_MAX + 1);
        let debt = next(DEBT_MAX.unsigned_abs() + 1).cast_signed();
        let kept = next(SCALE).cast_signed();
        agrees(weight, rate, kept);
        agrees(weight, rate, -debt);
    }
}

#[test]
fn what_is_reversed_is_earned_back_exactly() {
    let (value, owed) = reverse_ceil(12_345, 678, 1_000).unwrap();
    assert_eq!((value, owed), (1, 1_000 - 12_345 * 678));
    assert_eq!(accrue_floor(12_345, 678, owed), (0, 1_000));
    assert_eq!(reverse_ceil(1, 1, -DEBT_MAX), None);
    assert_eq!(reverse_ceil(WEIGHT_MAX, BASE_RATE_MAX, 0), None);
    assert_eq!(reverse_ceil(0, BASE_RATE_MAX, 7), Some((0, 7)));
}

#[test]
fn rate_rounds_down() {
    assert_eq!(rate_floor(1_999, 5_000), 999);
    assert_eq!(rate_floor(BASE_RATE_MAX, 10_000), BASE_RATE_MAX);
    assert_eq!(rate_floor(1, 9_999), 0);
}
