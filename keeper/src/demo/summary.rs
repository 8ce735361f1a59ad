//! What a demo did, in numbers: the document of `--json`, and all that the report tells.

use std::path::PathBuf;

use serde::Serialize;

/// A whole run. Amounts are base units of the platform's token, times milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub input: Input,
    /// Decimals of the token.
    pub decimals: u8,
    pub shards: u32,
    pub creators: u64,
    pub contents: u64,
    pub phases: Vec<Phase>,
    /// Everything, from the start to the report.
    pub total_ms: u64,
    pub ingest: Ingest,
    pub verdicts: Vec<Verdicts>,
    pub hours: Vec<Hour>,
    pub progress: Vec<Sample>,
    pub settlement: Settlement,
    /// Lifetime earnings of all creators that earned, largest first.
    pub earnings: Vec<u64>,
    pub statement: Vec<Line>,
    pub payments: Vec<Payment>,
    pub upgrade: Option<Upgrade>,
    pub verification: Verification,
    /// Whether the accounts add up to what was credited, and all that counted was settled.
    pub balances_agree: bool,
    pub explanation: Option<Explanation>,
    pub next: Vec<Hint>,
    pub report: PathBuf,
}

/// Where the events came from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Generated {
        events: u64,
        seed: u64,
    },
    File {
        path: PathBuf,
        /// Contents that no creator had.
        adopted: u64,
        /// By how much every event was dated later: see [`Summary::dating`].
        dated_later_ms: i64,
    },
}

/// A part of the run.
#[derive(Clone, Debug, Serialize)]
pub struct Phase {
    pub name: &'static str,
    pub ms: u64,
}

/// What went through the API.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ingest {
    pub events: u64,
    pub malformed: u64,
    pub bytes: u64,
    pub requests: u64,
    /// Answers that asked to wait.
    pub delayed: u64,
    /// From the first request until every event was answered.
    pub answered_ms: u64,
    /// From the first request until every event was counted.
    pub counted_ms: u64,
    /// From the first request until every counted view was settled.
    pub settled_ms: u64,
}

/// How many events got a verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Verdicts {
    pub verdict: &'static str,
    pub events: u64,
}

/// Events that were dated within an hour.
#[derive(Clone, Debug, Serialize)]
pub struct Hour {
    /// Unix milliseconds.
    pub start_ms: i64,
    pub counted: u64,
    pub rejected: u64,
}

/// How far things were at one time of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Since the first request.
    pub ms: u64,
    pub accepted: u64,
    /// Events that got a verdict.
    pub judged: u64,
    /// Those of them that count.
    pub counted: u64,
    /// Views whose batch is final.
    pub settled: u64,
    /// Credited on the chain.
    pub credited: u64,
}

/// What settlement took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Settlement {
    pub batches: u64,
    pub views: u64,
    /// Entries of all batches: a content at a relevance.
    pub credits: u64,
    /// Base units credited.
    pub credited: u64,
    /// What all batches paid to the cluster.
    pub fees_lamports: u64,
    pub compute_units: u64,
    /// How long the oldest view of each batch waited for it, with the views of the batch.
    pub waits: Vec<Wait>,
}

/// A batch's age when it was final.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Wait {
    pub ms: u64,
    pub views: u64,
}

/// A creator's account.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub name: String,
    pub topic: &'static str,
    /// Which custodial creator.
    pub number: u64,
    pub shard: u32,
    pub creator: u32,
    pub address: String,
    pub contents: u64,
    pub views: u64,
    /// By views, over the lifetime.
    pub earned: u64,
    /// What of that rounds are owed.
    pub shared: u64,
    /// By tips, after fees.
    pub tipped: u64,
    pub withdrawn: u64,
    pub balance: u64,
}

/// Something that was shown after settlement, in words and with its transaction.
#[derive(Clone, Debug, Serialize)]
pub struct Payment {
    pub title: &'static str,
    pub text: String,
    pub signature: Option<String>,
}

/// An investment, from the plan to the sale. Qualities and scores are basis points.
#[derive(Clone, Debug, Serialize)]
pub struct Upgrade {
    pub content: String,
    pub round: String,
    pub plan: String,
    pub manifest: String,
    /// What was raised, and what the work cost.
    pub target: u64,
    pub cost: u64,
    /// From the investment to the delivery.
    pub upgrade_ms: u64,
    pub frames_encoded: u64,
    /// Views of the content while this was shown.
    pub views: u64,
    pub quality_before: u16,
    pub quality_after: u16,
    pub returns: Returns,
    /// Paid to positions.
    pub returned: u64,
    /// What the position was sold for.
    pub price: u64,
    pub ladder: Vec<Rung>,
    pub history: Vec<PricePoint>,
    /// A part of the same picture, JPEG in base64.
    #[serde(skip)]
    pub frame_before: String,
    #[serde(skip)]
    pub frame_after: String,
    pub steps: Vec<Payment>,
}

/// How what a round is owed comes about.
#[derive(Clone, Debug, Serialize)]
pub struct Returns {
    pub baseline_earned: u64,
    pub baseline_seconds: u32,
    pub earned_since: u64,
    pub uplift: u64,
    pub share_bps: u16,
    pub owed: u64,
}

/// A rung of the ladder after the upgrade.
#[derive(Clone, Debug, Serialize)]
pub struct Rung {
    pub lines: u16,
    pub width: u32,
    pub height: u32,
    pub bytes: u64,
    /// Likeness to the source.
    pub score: u16,
    /// Whether it was there before, byte for byte.
    pub was_there: bool,
}

/// What the content was worth at one time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PricePoint {
    /// Since the first point.
    pub ms: u64,
    pub value: u64,
    pub quality: u16,
}

/// What `verify` said.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    pub passed: bool,
    pub text: String,
    pub ms: u64,
}

/// The story of one payment.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub command: String,
    pub text: String,
}

/// A command to try on the demo's data.
#[derive(Clone, Debug, Serialize)]
pub struct Hint {
    pub what: &'static str,
    pub command: String,
}

impl Summary {
    /// Whether everything is as it should be.
    pub fn is_good(&self) -> bool {
        self.verification.passed && self.balances_agree
    }

    /// Events with this verdict.
    pub fn events(&self, verdict: &str) -> u64 {
        self.verdicts.iter().filter(|it| it.verdict == verdict).map(|it| it.events).sum()
    }

    /// Events that were not counted.
    pub fn rejected(&self) -> u64 {
        self.verdicts.iter().filter(|it| it.verdict != "counted").map(|it| it.events).sum()
    }
}
