//! Fields of events as JSON.

use anchor_lang::prelude::Pubkey;
use pixr::state::{Role, RoundKind, RoundTerms, Settings};
use serde_json::{Value as Json, json};

/// A field of an event.
pub trait Value {
    fn json(&self) -> Json;

    /// The value as an address.
    fn key(&self) -> Option<Pubkey> {
        None
    }

    /// The value as an index of a slot.
    fn index(&self) -> Option<u32> {
        None
    }

    /// The value as a number of 64 bits.
    fn number(&self) -> Option<u64> {
        None
    }
}

impl Value for Pubkey {
    fn json(&self) -> Json {
        self.to_string().into()
    }

    fn key(&self) -> Option<Pubkey> {
        Some(*self)
    }
}

impl Value for u16 {
    fn json(&self) -> Json {
        (*self).into()
    }
}

impl Value for u32 {
    fn json(&self) -> Json {
        (*self).into()
    }

    fn index(&self) -> Option<u32> {
        Some(*self)
    }
}

impl Value for u64 {
    fn json(&self) -> Json {
        self.to_string().into()
    }

    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

impl Value for i64 {
    fn json(&self) -> Json {
        self.to_string().into()
    }
}

impl Value for bool {
    fn json(&self) -> Json {
        (*self).into()
    }
}

impl Value for String {
    fn json(&self) -> Json {
        self.as_str().into()
    }
}

impl<const BYTES: usize> Value for [u8; BYTES] {
    fn json(&self) -> Json {
        hex::encode(self).into()
    }
}

impl Value for Role {
    fn json(&self) -> Json {
        match self {
            Self::Keeper => "keeper",
            Self::Guardian => "guardian",
            Self::Treasury => "treasury",
            Self::Processor => "processor",
        }
        .into()
    }
}

impl Value for Settings {
    fn json(&self) -> Json {
        let Self {
            base_rate,
            batch_cap,
            day_cap,
            withdraw_limit,
            withdraw_window_seconds,
            withdraw_delay_seconds,
            platform_fee_bps,
            processing_fee_bps,
            initial_quality,
            baseline_seconds_min,
            shares_bps_max,
        } = self;
        json!({
            "base_rate": base_rate.json(),
            "batch_cap": batch_cap.json(),
            "day_cap": day_cap.json(),
            "withdraw_limit": withdraw_limit.json(),
            "withdraw_window_seconds": withdraw_window_seconds.json(),
            "withdraw_delay_seconds": withdraw_delay_seconds.json(),
            "platform_fee_bps": platform_fee_bps.json(),
            "processing_fee_bps": processing_fee_bps.json(),
            "initial_quality": initial_quality.json(),
            "baseline_seconds_min": baseline_seconds_min.json(),
            "shares_bps_max": shares_bps_max.json(),
        })
    }
}

/// Every kind of round.
const ROUND_KINDS: [RoundKind; 4] =
    [RoundKind::Quality, RoundKind::Feature, RoundKind::Promotion, RoundKind::Support];

/// The name of a kind that is stored and shown.
pub fn round_kind_name(kind: RoundKind) -> &'static str {
    match kind {
        RoundKind::Quality => "quality",
        RoundKind::Feature => "feature",
        RoundKind::Promotion => "promotion",
        RoundKind::Support => "support",
    }
}

/// The kind with this name.
pub fn round_kind(name: &str) -> Option<RoundKind> {
    ROUND_KINDS.into_iter().find(|kind| round_kind_name(*kind) == name)
}

impl Value for RoundKind {
    fn json(&self) -> Json {
        round_kind_name(*self).into()
    }
}

impl Value for RoundTerms {
    fn json(&self) -> Json {
        let Self {
            kind,
            target,
            deadline,
            delivery_seconds,
            share_bps,
            cap,
            term_seconds,
            plan_hash,
        } = self;
        json!({
            "kind": kind.json(),
            "target": target.json(),
            "deadline": deadline.json(),
            "delivery_seconds": delivery_seconds.json(),
            "share_bps": share_bps.json(),
            "cap": cap.json(),
            "term_seconds": term_seconds.json(),
            "plan_hash": plan_hash.json(),
        })
    }
}
