use anchor_lang::prelude::*;

/// One funded upgrade that earns on a content. Laid out, not yet in use.
///
/// `owed(t) = min(cap, share × max over settlements ≤ t of uplift⁺)`, where `uplift` is what was
/// earned since delivery less what the baseline would have earned. Amounts are base units.
#[zero_copy]
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Lane {
    /// Baseline, numerator: earned between opening and delivery.
    pub baseline_earned: u64,
    /// The content's `earned` at delivery.
    pub earned_at_delivery: u64,
    /// Highest uplift so far.
    pub uplift_high: u64,
    /// Most that the round can be owed.
    pub cap: u64,
    /// Owed so far.
    pub owed: u64,
    /// Paid to the round so far.
    pub paid: u64,
    /// Delivery, in Unix seconds.
    pub delivered_at: u32,
    /// End of the term, in Unix seconds.
    pub ends_at: u32,
    /// Baseline, denominator: seconds between opening and delivery.
    pub baseline_seconds: u32,
    /// Index of the content slot.
    pub content: u32,
    /// Number of the content's next lane, from 1; zero when this is the last.
    pub next: u32,
    /// Number of the round on its content.
    pub round: u32,
    /// The round's share of the uplift, in basis points.
    pub share_bps: u16,
    /// Room for later versions; zero.
    pub reserved: [u8; 22],
}

const _: () = assert!(size_of::<Lane>() == 96);
