//! What happens between batches.

use anchor_lang::prelude::Pubkey;
use serde::{Deserialize, Serialize};
use serde_with::{DisplayFromStr, serde_as};
use solana_signature::Signature;

/// What changes a shard's balances or rates between batches.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A content's quality, in basis points.
    Quality { content: u32, before: u16, after: u16 },
    /// `net` went to the balance, the fees wait to be collected.
    Tip {
        creator: u32,
        #[serde_as(as = "DisplayFromStr")]
        net: u64,
        #[serde_as(as = "DisplayFromStr")]
        platform_fee: u64,
        #[serde_as(as = "DisplayFromStr")]
        processing_fee: u64,
    },
    /// Paid out at once.
    Withdrawn {
        creator: u32,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// Left the balance and waits.
    Requested {
        creator: u32,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// What waited was paid out.
    Executed {
        creator: u32,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// What waited went back to the balance.
    Cancelled {
        creator: u32,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// Went into the reward budget.
    Funded {
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// All fees of tips were paid on.
    FeesCollected {
        #[serde_as(as = "DisplayFromStr")]
        platform_fees: u64,
        #[serde_as(as = "DisplayFromStr")]
        processing_fees: u64,
    },
    /// A round was opened: the next one of its content.
    Opened {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        content: u32,
        number: u32,
        /// Basis points of the uplift; zero for support, which has no return.
        share_bps: u16,
        #[serde_as(as = "DisplayFromStr")]
        cap: u64,
        term_seconds: u32,
        unix_seconds: i64,
    },
    /// Went into a round's escrow.
    Invested {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        position: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// A position was paid back out of the escrow, and is closed.
    Refunded {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        position: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// A round got its lane. The baseline is what its content earned since the opening.
    Delivered {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        lane: u32,
        #[serde_as(as = "DisplayFromStr")]
        baseline_earned: u64,
        baseline_seconds: u32,
        unix_seconds: i64,
    },
    /// What a support round raised went to the balance.
    Supported {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        creator: u32,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// A position was paid what it is owed.
    Claimed {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        position: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        amount: u64,
    },
    /// A round gave its lane back: what it is owed is final.
    Retired {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        owed: u64,
    },
    /// A round was closed; what rounding left of what it was owed went into the reward budget.
    Closed {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
        #[serde_as(as = "DisplayFromStr")]
        dust: u64,
    },
}

impl Change {
    /// The round that it changes.
    pub fn round(&self) -> Option<&Pubkey> {
        match self {
            Self::Opened { round, .. }
            | Self::Invested { round, .. }
            | Self::Refunded { round, .. }
            | Self::Delivered { round, .. }
            | Self::Supported { round, .. }
            | Self::Claimed { round, .. }
            | Self::Retired { round, .. }
            | Self::Closed { round, .. } => Some(round),
            _ => None,
        }
    }
}

/// A change, and the transaction that made it.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    #[serde_as(as = "DisplayFromStr")]
    pub signature: Signature,
    pub change: Change,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published files are never rewritten; the form of a tip is pinned with that of a file.
    #[test]
    fn changes_of_rounds_have_a_pinned_form() {
        let [round, position] = [8, 9].map(|byte| Pubkey::new_from_array([byte; 32]));
        let (content, number, cap, unix_seconds) = (3, 1, 50_000, 1_700_000_000);
        let (share_bps, term_seconds) = (2_000, 86_400);
        let (baseline_earned, baseline_seconds) = (36_000, 3_600);
        let changes = [
            (
                Change::Opened {
                    round,
                    content,
                    number,
                    share_bps,
                    cap,
                    term_seconds,
                    unix_seconds,
                },
                r#"{"opened":{"round":"ROUND","content":3,"number":1,"share_bps":2000,"cap":"50000","term_seconds":86400,"unix_seconds":1700000000}}"#,
            ),
            (
                Change::Invested { round, position, amount: 5 },
                r#"{"invested":{"round":"ROUND","position":"POSITION","amount":"5"}}"#,
            ),
            (
                Change::Refunded { round, position, amount: 5 },
                r#"{"refunded":{"round":"ROUND","position":"POSITION","amount":"5"}}"#,
            ),
            (
                Change::Delivered {
                    round,
                    lane: 2,
                    baseline_earned,
                    baseline_seconds,
                    unix_seconds,
                },
                r#"{"delivered":{"round":"ROUND","lane":2,"baseline_earned":"36000","baseline_seconds":3600,"unix_seconds":1700000000}}"#,
            ),
            (
                Change::Supported { round, creator: 4, amount: 5 },
                r#"{"supported":{"round":"ROUND","creator":4,"amount":"5"}}"#,
            ),
            (
                Change::Claimed { round, position, amount: 5 },
                r#"{"claimed":{"round":"ROUND","position":"POSITION","amount":"5"}}"#,
            ),
            (Change::Retired { round, owed: 6 }, r#"{"retired":{"round":"ROUND","owed":"6"}}"#),
            (Change::Closed { round, dust: 1 }, r#"{"closed":{"round":"ROUND","dust":"1"}}"#),
        ];
        for (change, form) in changes {
            let form = form.replace("ROUND", &round.to_string());
            let form = form.replace("POSITION", &position.to_string());
            assert_eq!(serde_json::to_string(&change).unwrap(), form);
            assert_eq!(serde_json::from_str::<Change>(&form).unwrap(), change);
            assert_eq!(change.round(), Some(&round));
        }
    }
}
