//! Settings of every magnitude.

use pixr::state::Settings;
use proptest::{prelude::*, sample::select};

use super::magnitude;

/// Settings, of which one in a few is out of bounds.
pub fn settings() -> impl Strategy<Value = Settings> {
    const MAX: u64 = 1 << 38;
    let base_rate = prop_oneof![
        6 => 1..3_000_000_u64,
        2 => 1..10_u64,
        2 => 1..=MAX,
        1 => select(vec![0, 1, MAX, MAX + 1]),
    ];
    let cap = prop_oneof![4 => 30..64_u32, 1 => 0..30_u32].prop_flat_map(magnitude_of);
    let limit = prop_oneof![20 => magnitude(40), 1 => Just(0), 1 => Just(u64::MAX)];
    let seconds = || {
        prop_oneof![
            12 => 3_600..=2_592_000_u32,
            6 => 3_600..=200_000_u32,
            1 => select(vec![0, 3_599, 3_600, 2_592_000, 2_592_001, u32::MAX]),
        ]
    };
    let bps = || prop_oneof![24 => 0..=1_500_u16, 1 => 0..=3_000_u16, 1 => any::<u16>()];
    let quality = prop_oneof![20 => 0..=10_000_u16, 1 => Just(10_000), 1 => Just(10_001)];
    let batch_part = prop_oneof![20 => 1..=4_u64, 1 => Just(0)];
    let baseline = prop_oneof![
        16 => 3_600..=400_000_u32,
        1 => select(vec![0, 3_599, 3_600, 7_776_000, 7_776_001, u32::MAX]),
    ];
    let shares = prop_oneof![16 => 1_000..=10_000_u16, 1 => Just(10_001), 1 => 0..=1_000_u16];
    let rounds = (baseline, shares);
    (base_rate, cap, batch_part, limit, seconds(), seconds(), bps(), bps(), quality, rounds)
        .prop_map(
            |(
                base_rate,
                day_cap,
                part,
                withdraw_limit,
                window,
                delay,
                platform,
                processing,
                quality,
                (baseline_seconds_min, shares_bps_max),
            )| {
                // A part of zero makes the batch's cap the larger one.
                let batch_cap = day_cap.checked_div(part).unwrap_or(day_cap.saturating_add(1));
                Settings {
                    base_rate,
                    batch_cap,
                    day_cap,
                    withdraw_limit,
                    withdraw_window_seconds: window,
                    withdraw_delay_seconds: delay,
                    platform_fee_bps: platform,
                    processing_fee_bps: processing,
                    initial_quality: quality,
                    baseline_seconds_min,
                    shares_bps_max,
                }
            },
        )
}

fn magnitude_of(bits: u32) -> impl Strategy<Value = u64> {
    0..=u64::MAX >> (63 - bits)
}
