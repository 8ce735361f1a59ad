//! Every bound of the program, with its unit, in one place.

use anchor_lang::prelude::*;

/// 100% in basis points, as a bound.
pub const BPS_MAX: u16 = 10_000;
/// 100% in basis points, as a divisor.
pub const BPS_DENOMINATOR: u64 = 10_000;

/// Upper bound of `base_rate`: base units per 1,000 views at full quality and relevance.
///
/// This is 2^38, which keeps every product of a settlement within 64 bits (see `math::earnings`).
#[constant]
pub const BASE_RATE_MAX: u64 = 274_877_906_944_u64;

/// Upper bound of the two tip fees together, in basis points.
#[constant]
pub const FEES_BPS_MAX: u16 = 3_000;

/// Bounds of the withdrawal window, in seconds.
#[constant]
pub const WITHDRAW_WINDOW_SECONDS_MIN: u32 = 3_600;
/// See [`WITHDRAW_WINDOW_SECONDS_MIN`].
#[constant]
pub const WITHDRAW_WINDOW_SECONDS_MAX: u32 = 2_592_000_u32;

/// Bounds of the delay of a large withdrawal, in seconds.
#[constant]
pub const WITHDRAW_DELAY_SECONDS_MIN: u32 = 3_600;
/// See [`WITHDRAW_DELAY_SECONDS_MIN`].
#[constant]
pub const WITHDRAW_DELAY_SECONDS_MAX: u32 = 2_592_000_u32;

/// Bounds of the least time between a round's opening and its delivery, in seconds: what a content
/// earns in this time is the baseline of its returns.
#[constant]
pub const BASELINE_SECONDS_MIN: u32 = 3_600;
/// See [`BASELINE_SECONDS_MIN`].
#[constant]
pub const BASELINE_SECONDS_MAX: u32 = 7_776_000_u32;

/// Most that a round can raise, and most that it can be owed, in base units.
///
/// This is 2^50, which keeps a share of any uplift within 64 bits (see `math::returns`).
#[constant]
pub const ROUND_AMOUNT_MAX: u64 = 1_125_899_906_842_624_u64;

/// Longest time from a round's opening to its deadline, in seconds: a year.
#[constant]
pub const ROUND_SECONDS_MAX: u32 = 31_536_000_u32;

/// Bounds of the time that a funded round may take to be delivered, in seconds: an hour to a year.
#[constant]
pub const DELIVERY_SECONDS_MIN: u32 = 3_600;
/// See [`DELIVERY_SECONDS_MIN`].
#[constant]
pub const DELIVERY_SECONDS_MAX: u32 = 31_536_000_u32;

/// Bounds of the time in which a delivered round earns, in seconds: an hour to five years.
#[constant]
pub const TERM_SECONDS_MIN: u32 = 3_600;
/// See [`TERM_SECONDS_MIN`].
#[constant]
pub const TERM_SECONDS_MAX: u32 = 157_680_000_u32;

/// Most lanes of a content: what its settlement costs is bounded.
#[constant]
pub const LANES_PER_CONTENT_MAX: u8 = 4;

/// Longest memo of a tip, in bytes of UTF-8.
#[constant]
pub const MEMO_BYTES_MAX: u16 = 256;

/// Longest list of packed entries in one batch, in bytes: what a v1 transaction could hold at most.
#[constant]
pub const ENTRIES_BYTES_MAX: u64 = 4_096;

/// Largest shard, in bytes: the largest account that a cluster allows.
pub const SHARD_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Most content slots in a shard: an entry names a content in 24 bits.
pub const CONTENTS_MAX: u32 = 1 << 24;

/// Most places of the content index that a registration looks at.
///
/// The index is at most half full, so chance alone never makes a run this long in a shard of 10 MiB
/// (e^-0.19 a step); who makes one on purpose pays rent for each of its contents.
pub const CONTENT_PROBES_MAX: u32 = 256;

/// A day of the daily caps: days are counted in UTC.
pub const SECONDS_PER_DAY: u64 = 86_400;
