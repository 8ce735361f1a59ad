//! What the chain says, kept in the store and published.
//!
//! The indexer follows the history of the platform's address, which every instruction names, and
//! keeps each event. The registry copies the slots of shards. The publisher writes a file for every
//! batch, so that anybody can recompute every balance when RPC nodes have long forgotten.

pub mod batches;
pub mod files;
mod found;
mod history;
mod indexer;
pub(crate) mod metrics;
mod publish;
pub mod registry;
pub mod rounds;
pub mod steps;
mod task;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use anchor_lang::prelude::Pubkey;
use solana_signature::Signature;

pub use history::after as history_after;
pub use indexer::{Indexed, index_once};
pub use publish::{Published, Publisher};
pub use task::{catch_up, run};

use crate::{chain::ChainError, store::StoreError};

/// Why the chain could not be indexed or published.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the object store: {0}")]
    Objects(#[from] object_store::Error),
    /// What happened after this transaction cannot be asked for any more.
    #[error(
        "the RPC endpoint no longer knows transaction {after} of slot {slot}, where the index ends: \
         events after it may be lost; use an endpoint that keeps a longer history (SOLANA_RPC_URL)"
    )]
    Hole { after: Signature, slot: i64 },
    /// Neither the store nor the chain has a batch's entries.
    #[error(
        "the entries of batch {sequence} of shard {shard} are neither in the database nor does the \
         RPC endpoint know transaction {signature}; use an endpoint that keeps a longer history"
    )]
    NoEntries { shard: u32, sequence: u64, signature: Signature },
    #[error("there is no shard of this program and version at {0}")]
    NoShard(Pubkey),
    #[error("the shard at {0} belongs to another platform")]
    NotOurs(Pubkey),
}

impl IndexError {
    /// Whether the same can succeed later without anybody's doing.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Chain(error) => error.can_retry(),
            Self::Store(StoreError::Connection(_) | StoreError::Query(_)) => true,
            Self::Objects(_) | Self::NoShard(_) => true,
            _ => false,
        }
    }
}

impl From<diesel::result::Error> for IndexError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

fn corrupt(problem: impl Into<String>) -> IndexError {
    IndexError::Store(StoreError::Corrupt(problem.into()))
}
