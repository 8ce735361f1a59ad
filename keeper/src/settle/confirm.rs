//! What became of transactions.

use futures::{StreamExt, TryStreamExt, stream};
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;

use super::{
    records::LandedAttempt,
    tail::{Attempt, Batch},
};
use crate::chain::{Chain, ChainError, ChainTransaction, Commitment, SignatureStatus};

/// Signatures that a cluster takes in one question.
pub(super) const STATUSES_MAX: usize = 256;
/// Questions about single transactions that are under way at once.
const QUESTIONS_MAX: usize = 16;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was executed, and that cannot be undone.
    Finalized,
    /// It was executed without effect, and that cannot be undone.
    Failed(TransactionError),
    /// It can still land, or has landed in a block that can still be undone.
    Pending,
    /// It never landed and never will: the same can be signed again.
    Expired,
}

/// What is known of a transaction.
///
/// The height has to be read before the rest. Once it is beyond the last block in which the
/// transaction could land, what is read afterwards shows that block, and no later one can have it.
/// Read the other way round, the transaction could land between the two and be taken for expired.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Finalized block height.
    pub height: Option<u64>,
    /// What the cluster knows of the signature. Clusters forget.
    pub status: Option<&'a SignatureStatus>,
    /// How settled the transaction's effect is on the chain, where it can be told without the
    /// signature; `None` while there is none.
    pub effect: Option<Commitment>,
}

/// Weighs the evidence. What the chain's state shows counts more than what is said of a signature.
pub fn judge(evidence: Evidence, last_valid_block_height: u64) -> Outcome {
    match (evidence.effect, evidence.status) {
        (Some(Commitment::Finalized), _) => Outcome::Finalized,
        (None, Some(SignatureStatus { commitment: Commitment::Finalized, error, .. })) => {
            error.clone().map_or(Outcome::Finalized, Outcome::Failed)
        }
        (Some(Commitment::Confirmed), _) | (None, Some(_)) => Outcome::Pending,
        (None, None) => match evidence.height {
            Some(height) if height > last_valid_block_height => Outcome::Expired,
            _ => Outcome::Pending,
        },
    }
}

/// What the cluster knows of many signatures, in their order.
pub(super) async fn statuses<'a>(
    chain: &dyn Chain,
    attempts: impl Iterator<Item = &'a Attempt>,
) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
    let signatures: Vec<_> = attempts.map(|attempt| attempt.signature).collect();
    let mut all = Vec::with_capacity(signatures.len());
    for part in signatures.chunks(STATUSES_MAX) {
        let statuses = chain.statuses(part).await?;
        if statuses.len() != part.len() {
            let problem = format!("{} statuses for {} signatures", statuses.len(), part.len());
            return Err(ChainError::Invalid(problem));
        }
        all.extend(statuses);
    }
    Ok(all)
}

/// Finds the transaction by which each of these batches landed, all of which have. `None` where the
/// cluster has forgotten it and several were signed.
pub(super) async fn identify(
    chain: &dyn Chain,
    batches: &[&Batch],
) -> Result<Vec<Option<LandedAttempt>>, ChainError> {
    let attempts = batches.iter().flat_map(|batch| &batch.attempts);
    let mut statuses = statuses(chain, attempts).await?.into_iter();
    let known: Vec<Vec<(Attempt, Option<SignatureStatus>)>> = batches
        .iter()
        .map(|batch| batch.attempts.iter().cloned().zip(statuses.by_ref()).collect())
        .collect();
    stream::iter(known)
        .map(|attempts| identify_one(chain, attempts))
        .buffered(QUESTIONS_MAX)
        .try_collect()
        .await
}

async fn identify_one(
    chain: &dyn Chain,
    attempts: Vec<(Attempt, Option<SignatureStatus>)>,
) -> Result<Option<LandedAttempt>, ChainError> {
    for (attempt, status) in &attempts {
        if let Some(SignatureStatus { slot, error: None, .. }) = status {
            let details = details(chain, attempt).await?;
            return Ok(Some(describe(attempt, details, Some(*slot))));
        }
    }
    for (attempt, _) in attempts.iter().rev() {
        let details = details(chain, attempt).await?;
        if details.as_ref().is_some_and(|details| details.error.is_none()) {
            return Ok(Some(describe(attempt, details, None)));
        }
    }
    let only = match attempts.as_slice() {
        [(only, _)] => Some(only),
        // The others were shown not to have landed when they were closed.
        all => all.iter().map(|(attempt, _)| attempt).find(|attempt| attempt.pending),
    };
    Ok(only.map(|attempt| describe(attempt, None, None)))
}

/// What the cluster still knows of a transaction; nothing where it will never tell.
pub(super) async fn details(
    chain: &dyn Chain,
    attempt: &Attempt,
) -> Result<Option<ChainTransaction>, ChainError> {
    match chain.transaction(&attempt.signature).await {
        Err(error) if !error.can_retry() => Ok(None),
        answer => answer,
    }
}

/// The fee follows from the transaction itself where the cluster does not tell.
pub(super) fn describe(
    attempt: &Attempt,
    details: Option<ChainTransaction>,
    slot: Option<u64>,
) -> LandedAttempt {
    LandedAttempt {
        signature: attempt.signature,
        slot: details.as_ref().map(|details| details.slot).or(slot),
        fee_lamports: details
            .as_ref()
            .map_or_else(|| fee_lamports(attempt), |details| details.fee_lamports),
        compute_units: details.map(|details| details.compute_units),
    }
}

fn fee_lamports(attempt: &Attempt) -> u64 {
    let signatures = wincode::deserialize::<VersionedTransaction>(&attempt.bytes)
        .map_or(1, |transaction| transaction.signatures.len());
    attempt.limits.fee_lamports(u64::try_from(signatures).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(commitment: Commitment, error: Option<TransactionError>) -> SignatureStatus {
        SignatureStatus { slot: 7, commitment, error }
    }

    #[test]
    fn judges_as_the_table_says() {
        use Commitment::{Confirmed, Finalized};
        let error = TransactionError::AccountInUse;
        let failed = Outcome::Failed(error.clone());
        let ok = |commitment| Some(status(commitment, None));
        let bad = |commitment| Some(status(commitment, Some(error.clone())));
        let table = [
            // Nothing is known but the height.
            (None, None, None, Outcome::Pending),
            (Some(99), None, None, Outcome::Pending),
            (Some(100), None, None, Outcome::Pending),
            (Some(101), None, None, Outcome::Expired),
            // The signature is known: the height does not matter.
            (Some(101), ok(Confirmed), None, Outcome::Pending),
            (None, ok(Finalized), None, Outcome::Finalized),
            (Some(101), ok(Finalized), None, Outcome::Finalized),
            (None, bad(Confirmed), None, Outcome::Pending),
            (Some(101), bad(Confirmed), None, Outcome::Pending),
            (Some(101), bad(Finalized), None, failed),
            // The effect is there: it counts, even for a signature that is forgotten or failed,
            // since then another transaction of the same batch had it.
            (Some(101), None, Some(Confirmed), Outcome::Pending),
            (Some(101), None, Some(Finalized), Outcome::Finalized),
            (None, bad(Finalized), Some(Finalized), Outcome::Finalized),
            (None, ok(Confirmed), Some(Finalized), Outcome::Finalized),
            (None, ok(Finalized), Some(Confirmed), Outcome::Pending),
        ];
        for (row, (height, status, effect, expected)) in table.into_iter().enumerate() {
            let evidence = Evidence { height, status: status.as_ref(), effect };
            assert_eq!(judge(evidence, 100), expected, "row {row}");
        }
    }
}
