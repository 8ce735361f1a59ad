//! The whole story of an amount: where it comes from, by which formula, with which numbers, and where
//! it went.
//!
//! What a content earned with one entry depends on the remainder that the entry before left. So a
//! content is replayed: every indexed batch of its shard is read, a few hundred at a time, its entries
//! come from the plan or from the transaction, and those of the content are counted with the
//! program's own formulas. Nothing is kept but the state of this one content.

mod batch;
mod content;
mod creator;
mod event;
mod position;
mod replay;
mod round;
mod search;
mod settled;
#[cfg(test)]
mod tests;
mod text;
mod withdrawal;

use std::{fmt, str::FromStr};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use serde::Serialize;
use solana_signature::Signature;

pub use batch::{Attempt, BatchStory, Landing, Plan, WindowPart};
pub use content::{ContentStory, QualityChange};
pub use creator::{CreatorStory, Earner, Total};
pub use event::{EventStory, Occurrence, Reversal};
pub use position::{PositionPart, PositionStory};
pub use replay::Payment;
pub use round::{RoundStory, Uplift};
pub use settled::{Fate, Settled};
pub use withdrawal::{Happened, WithdrawalState, WithdrawalStory};

use crate::{
    app::{App, CreatorName, FindError, LedgerError},
    chain::ChainError,
    index::IndexError,
    log::LogError,
    store::StoreError,
    views::ContentId,
};

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Creator(CreatorName),
    Content(ContentId),
    Batch {
        shard: u32,
        sequence: u64,
    },
    Withdrawal(WithdrawalName),
    /// The round at this address.
    Round(Pubkey),
    /// The position at this address.
    Position(Pubkey),
    /// A view event by its source's id. Batches of the log that came in before `since` are not
    /// searched.
    Event {
        id: String,
        since: Option<DateTime<Utc>>,
    },
}

/// How people name a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithdrawalName {
    /// The address of a delayed one.
    Address(Pubkey),
    /// A transaction that paid it at once, requested, paid or cancelled it.
    Transaction(Signature),
}

impl FromStr for WithdrawalName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().map(Self::Address);
        address.or_else(|_| text.parse().map(Self::Transaction)).map_err(|_| {
            "expected the address of a delayed withdrawal, or the signature of a transaction".into()
        })
    }
}

/// A story, for people as text and for programs as it serializes.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Explanation {
    Creator(CreatorStory),
    Content(ContentStory),
    Batch(BatchStory),
    Withdrawal(WithdrawalStory),
    Round(RoundStory),
    Position(PositionStory),
    Event(EventStory),
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Creator(story) => story.fmt(f),
            Self::Content(story) => story.fmt(f),
            Self::Batch(story) => story.fmt(f),
            Self::Withdrawal(story) => story.fmt(f),
            Self::Round(story) => story.fmt(f),
            Self::Position(story) => story.fmt(f),
            Self::Event(story) => story.fmt(f),
        }
    }
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing of that name is known.
    #[error("{0}")]
    Unknown(String),
}

impl From<diesel::result::Error> for ExplainError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Tells the story of `subject`, from what is indexed and the chain's finalized accounts.
pub async fn explain(app: &App, subject: &Subject) -> Result<Explanation, ExplainError> {
    Ok(match subject {
        Subject::Creator(name) => Explanation::Creator(creator::story(app, *name).await?),
        Subject::Content(id) => Explanation::Content(content::story(app, *id).await?),
        Subject::Batch { shard, sequence } => {
            Explanation::Batch(batch::story(app, *shard, *sequence).await?)
        }
        Subject::Withdrawal(name) => Explanation::Withdrawal(withdrawal::story(app, *name).await?),
        Subject::Round(address) => Explanation::Round(round::story(app, *address).await?),
        Subject::Position(address) => Explanation::Position(position::story(app, *address).await?),
        Subject::Event { id, since } => Explanation::Event(event::story(app, id, *since).await?),
    })
}

fn corrupt(what: impl Into<String>) -> ExplainError {
    StoreError::Corrupt(what.into()).into()
}
