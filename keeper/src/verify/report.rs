//! What a check has found.

use std::fmt;

use anchor_lang::prelude::Pubkey;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::accounts::Totals;
use crate::views::ContentId;

/// What differs.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Subject {
    /// The shard as a whole.
    Shard,
    /// The list of shards.
    Manifest,
    /// A batch or its file.
    Batch {
        sequence: u64,
    },
    /// The file of what happened after the last batch.
    Tail,
    /// What the chain says of what is not published yet.
    History,
    Content {
        content: usize,
        id: ContentId,
    },
    Creator {
        creator: usize,
        #[serde_as(as = "DisplayFromStr")]
        authority: Pubkey,
    },
    Round {
        #[serde_as(as = "DisplayFromStr")]
        round: Pubkey,
    },
    /// A lane of the account, and which round of which content it earns for.
    Lane {
        lane: usize,
        content: u32,
        round: u32,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Shard => f.write_str("the shard"),
            Self::Manifest => f.write_str("the list of shards"),
            Self::Batch { sequence } => write!(f, "batch {sequence}"),
            Self::Tail => f.write_str("the tail"),
            Self::History => f.write_str("the chain's history"),
            Self::Content { content, id } => write!(f, "content {content} ({id})"),
            Self::Creator { creator, authority } => write!(f, "creator {creator} ({authority})"),
            Self::Round { round } => write!(f, "round {round}"),
            Self::Lane { lane, content, round } => {
                write!(f, "lane {lane} (round {round} of content {content})")
            }
        }
    }
}

/// The first thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub shard: u32,
    pub subject: Subject,
    pub field: &'static str,
    /// What follows from the published files.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { shard, subject, field, expected, found } = self;
        write!(f, "shard {shard}, {subject}: {field} should be {expected}, is {found}")
    }
}

/// How the check of a shard ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every balance follows from what is published.
    Agrees,
    /// Something does not.
    Differs { difference: Difference },
    /// Not all is published, and the chain's history does not tell the rest: nothing is proven.
    Behind { published: u64, chain: u64, reason: String },
}

/// The check of one shard. Amounts are base units.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardReport {
    pub number: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub address: Pubkey,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Batches that were recomputed, from files and from the chain's history.
    pub batches: u64,
    /// Of these, how many had no file yet.
    pub unpublished: u64,
    /// Entries in them.
    pub lines: u64,
    pub contents: usize,
    pub creators: usize,
    /// What was recomputed.
    pub totals: Totals,
    /// What creators can withdraw.
    #[serde_as(as = "DisplayFromStr")]
    pub balances: u64,
    /// Tokens that back the shard, read once all agrees.
    #[serde_as(as = "Option<DisplayFromStr>")]
    pub vault: Option<u64>,
}

/// The check of a platform.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    #[serde_as(as = "DisplayFromStr")]
    pub program: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    pub platform: Pubkey,
    pub shards: Vec<ShardReport>,
    /// What is wrong with the list of shards.
    pub unlisted: Option<Difference>,
    pub milliseconds: u64,
}

impl Report {
    /// The first difference, in the order of shards.
    pub fn difference(&self) -> Option<&Difference> {
        let shards = self.shards.iter().find_map(|shard| match &shard.verdict {
            Verdict::Differs { difference } => Some(difference),
            _ => None,
        });
        shards.or(self.unlisted.as_ref())
    }

    /// Whether everything is proven.
    pub fn agrees(&self) -> bool {
        self.unlisted.is_none() && self.shards.iter().all(|shard| shard.verdict == Verdict::Agrees)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let sum = |count: fn(&ShardReport) -> u64| {
            self.shards.iter().map(|shard| u128::from(count(shard))).sum::<u128>()
        };
        writeln!(f, "Platform {}, program {}", self.platform, self.program)?;
        for shard in &self.shards {
            writeln!(f, "{shard}")?;
        }
        let (batches, lines) = (sum(|shard| shard.batches), sum(|shard| shard.lines));
        let seconds = self.milliseconds / 1_000;
        let millis = self.milliseconds % 1_000;
        writeln!(f, "{batches} batches, {lines} lines, {seconds}.{millis:03} s")?;
        match self.difference() {
            Some(difference) => write!(f, "DIFFERENT: {difference}"),
            None if self.agrees() => {
                let (credited, balances) =
                    (sum(|shard| shard.totals.credited), sum(|shard| shard.balances));
                write!(
                    f,
                    "VERIFIED: {credited} base units credited, {balances} in balances; every one \
                     follows from the published batches"
                )
            }
            None => write!(f, "UNDECIDED: not everything is published yet"),
        }
    }
}

impl fmt::Display for ShardReport {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { number, address, batches, lines, contents, creators, .. } = self;
        write!(
            f,
            "shard {number} ({address}): {batches} batches, {lines} lines, {contents} contents, \
             {creators} creators: "
        )?;
        match &self.verdict {
            Verdict::Agrees => f.write_str("agrees with the chain"),
            Verdict::Differs { .. } => f.write_str("differs"),
            Verdict::Behind { published, chain, reason } => {
                write!(f, "published up to batch {published}, the chain is at {chain}: {reason}")
            }
        }
    }
}
