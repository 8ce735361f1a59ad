//! The history of an address without gaps.

use anchor_lang::prelude::Pubkey;
use solana_signature::Signature;

use crate::chain::{Chain, ChainError, ChainTransaction};

/// The transactions after `after`, as [`Chain::history`] gives them; `None` when the node does not
/// know `after`.
///
/// Nodes do not say so themselves: asked for what came after a transaction that they have forgotten,
/// they begin with the oldest that they know.
pub async fn after(
    chain: &dyn Chain,
    address: &Pubkey,
    after: Option<Signature>,
    limit: usize,
) -> Result<Option<Vec<ChainTransaction>>, ChainError> {
    let history = chain.history(address, after, limit).await;
    let asked = match (&history, after) {
        (Ok(transactions), Some(after)) if !transactions.is_empty() => after,
        (Err(error), Some(after)) if !error.can_retry() => after,
        _ => return history.map(Some),
    };
    match chain.transaction(&asked).await? {
        Some(_) => history.map(Some),
        None => Ok(None),
    }
}
