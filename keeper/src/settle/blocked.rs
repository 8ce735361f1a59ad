//! What keeps a shard from settling.

use std::time::Duration;

use anchor_lang::prelude::Pubkey;
use pixr::{constants::SECONDS_PER_DAY, errors::PixrError};

use super::{refusal::Refusal, trouble::Trouble};
use crate::{chain::ChainError, store::StoreError};

/// How soon a refused batch is tried again. Somebody has to do something first, so soon enough to
/// notice.
const REFUSED_RETRY: Duration = Duration::from_secs(5);
/// How late at most, after a batch has failed again and again on the chain, which costs a fee each
/// time.
const FAILED_RETRY_MAX: Duration = Duration::from_secs(600);
/// How soon, at most, after the cap of the day was hit: the admin may raise it.
const DAY_CAP_RETRY_MAX: Duration = Duration::from_secs(60);
/// How soon database and chain are compared again once they told different stories.
const DIVERGED_RETRY: Duration = Duration::from_secs(30);

/// Why a shard cannot go on, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {advice}")]
pub struct Blocked {
    /// A short name that does not change: the program's error, or one of this module's.
    pub cause: String,
    pub reason: String,
    /// What an operator can do.
    pub advice: String,
    /// When it makes sense to try again.
    pub retry_in: Duration,
}

impl Blocked {
    fn new(cause: &str, reason: String, advice: &str, retry_in: Duration) -> Self {
        Self { cause: cause.into(), reason, advice: advice.into(), retry_in }
    }

    /// The chain settled batches that the database does not have.
    pub(super) fn chain_ahead(shard: u32, chain_next: u64, database_last: u64) -> Self {
        let reason = format!(
            "shard {shard}: the chain waits for batch {chain_next}, but this database ends with \
             batch {database_last}: batches were settled from another database, or this one is an \
             old backup"
        );
        let advice = "stop every other keeper of this platform and use the database that has these \
                      batches: views that they paid would be paid again from this one";
        Self::new("chain_ahead", reason, advice, DIVERGED_RETRY)
    }

    /// The chain has lost a batch that was finalized.
    pub(super) fn chain_behind(shard: u32, chain_next: u64, finalized: u64) -> Self {
        let reason = format!(
            "shard {shard}: the chain waits for batch {chain_next}, but batch {finalized} of this \
             database was finalized"
        );
        let advice = "the RPC endpoint is far behind, or belongs to another cluster than the one \
                      that this database was used with; check chain.rpc_url and database.url";
        Self::new("chain_behind", reason, advice, DIVERGED_RETRY)
    }

    /// The chain's running hash does not lead to the database's.
    pub(super) fn hash_differs(shard: u32, sequence: u64, chain: &[u8; 32]) -> Self {
        let reason = format!(
            "shard {shard}: batch {sequence} of this database does not follow from the chain's \
             running hash {}: other batches were settled in its place",
            hex::encode(chain)
        );
        let advice = "stop every other keeper of this platform and use the database that settled \
                      these batches; `pixr verify` tells which batches the chain has";
        Self::new("hash_differs", reason, advice, DIVERGED_RETRY)
    }

    /// The shard's or the platform's account cannot be read.
    pub(super) fn no_account(what: &str, address: &Pubkey) -> Self {
        let reason = format!("the chain has no {what} at {address}, or of another version");
        let advice = "check chain.rpc_url, chain.platform_base and the program that is deployed";
        Self::new("no_account", reason, advice, DIVERGED_RETRY)
    }

    /// A batch that was signed cannot be sent, and cannot be cut anew either.
    pub(super) fn too_large(shard: u32, sequence: u64) -> Self {
        let reason = format!(
            "shard {shard}: batch {sequence} was signed as a transaction of version 1, which the \
             cluster does not take any more"
        );
        let advice = "use an RPC endpoint of a cluster that takes version 1";
        Self::new("too_large", reason, advice, DIVERGED_RETRY)
    }

    /// A step cannot be done at present and is tried again.
    pub(super) fn trouble(shard: u32, trouble: &Trouble) -> Self {
        let (cause, advice) = match trouble {
            Trouble::Blocked(blocked) => return blocked.clone(),
            Trouble::Chain(ChainError::Storage(_)) => {
                ("chain", "it is tried again; if it stays so, check the disk of data.folder")
            }
            Trouble::Chain(_) | Trouble::Disagreement => {
                ("chain", "it is tried again; if it stays so, check chain.rpc_url")
            }
            Trouble::Store(StoreError::LeaseLost(_)) => {
                ("lease", "another keeper settles this shard")
            }
            Trouble::Store(_) => {
                ("database", "it is tried again; if it stays so, check database.url")
            }
            Trouble::Sign(_) => ("sign", "this version cannot make the transaction; report it"),
        };
        Self::new(cause, format!("shard {shard}: {trouble}"), advice, REFUSED_RETRY)
    }

    /// Windows cannot become batches.
    pub(super) fn unpackable(shard: u32, error: &super::pack::PackError) -> Self {
        let reason = format!("shard {shard}: {error}");
        let advice = "raise batch_cap, if that is what it says; else look at the table windows";
        Self::new("unpackable", reason, advice, DIVERGED_RETRY)
    }

    /// The same, later and later the more often it was tried in vain.
    pub(super) fn after_failures(mut self, tries: usize) -> Self {
        let factor = 1_u32.checked_shl(u32::try_from(tries).unwrap_or(u32::MAX));
        let factor = factor.unwrap_or(u32::MAX);
        self.retry_in = self.retry_in.saturating_mul(factor).min(FAILED_RETRY_MAX);
        self
    }

    /// The program refuses a batch. `unix_seconds` is the chain's time.
    pub(super) fn refused(
        shard: u32,
        sequence: u64,
        refusal: &Refusal,
        keeper: &Pubkey,
        unix_seconds: i64,
    ) -> Self {
        let retry_in = if refusal.is(PixrError::DayCapExceeded) {
            until_midnight(unix_seconds).min(DAY_CAP_RETRY_MAX)
        } else {
            REFUSED_RETRY
        };
        let reason = format!("shard {shard}: batch {sequence} is refused: {}", refusal.message);
        Self::new(&refusal.name, reason, &refusal.advice(shard, keeper), retry_in)
    }
}

/// Until the next UTC day begins, when the caps of the day start anew; at least a second.
fn until_midnight(unix_seconds: i64) -> Duration {
    let now = u64::try_from(unix_seconds).unwrap_or(0);
    Duration::from_secs(SECONDS_PER_DAY - now % SECONDS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_midnight_but_looks_again_every_minute() {
        assert_eq!(until_midnight(0), Duration::from_secs(86_400));
        assert_eq!(until_midnight(86_399), Duration::from_secs(1));
        let refusal = |error: PixrError| Refusal {
            name: error.name(),
            code: Some(error.into()),
            message: error.to_string(),
        };
        let blocked =
            |error, at| Blocked::refused(1, 2, &refusal(error), &Pubkey::default(), at).retry_in;
        assert_eq!(blocked(PixrError::DayCapExceeded, 0), DAY_CAP_RETRY_MAX);
        assert_eq!(blocked(PixrError::DayCapExceeded, 86_390), Duration::from_secs(10));
        assert_eq!(blocked(PixrError::BudgetExhausted, 0), REFUSED_RETRY);
    }

    #[test]
    fn waits_longer_after_each_failure() {
        let blocked = Blocked::too_large(1, 2);
        let again = |tries| {
            Blocked { retry_in: REFUSED_RETRY, ..blocked.clone() }.after_failures(tries).retry_in
        };
        assert_eq!([1, 2, 3].map(again), [10, 20, 40].map(Duration::from_secs));
        assert_eq!([7, 40].map(again), [FAILED_RETRY_MAX; 2]);
    }
}
