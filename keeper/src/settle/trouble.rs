use super::blocked::Blocked;
use crate::{
    chain::{ChainError, transactions::SignError},
    store::StoreError,
};

/// Why a step of settling did not happen. Everything that was decided is stored, so the step is
/// simply tried again.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The node that simulates is not where the one is that told the shard's header or the blockhash.
    #[error("the nodes behind the RPC endpoint disagree about the newest block")]
    Disagreement,
    /// Somebody has to do something, or a time has to come.
    #[error(transparent)]
    Blocked(#[from] Blocked),
}

impl From<diesel::result::Error> for Trouble {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}
