//! The chain: what the keeper reads from it and sends to it.

pub mod batches;
pub mod embedded;
pub mod events;
mod open;
pub mod rpc;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transactions;

use anchor_lang::prelude::Pubkey;
use async_trait::async_trait;
use futures::stream::BoxStream;
use solana_account::Account;
use solana_message::Hash;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;

pub use open::{FOLDER, open, open_read_only};

/// How settled what is read has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Commitment {
    /// A supermajority voted for it.
    Confirmed,
    /// It cannot be undone.
    Finalized,
}

/// A blockhash to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentBlockhash {
    pub hash: Hash,
    /// Once the cluster's block height is above this, a transaction with this hash cannot land.
    pub last_valid_block_height: u64,
}

/// The cluster's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainTime {
    pub slot: u64,
    pub unix_seconds: i64,
}

/// What a transaction would do.
#[derive(Clone, Debug)]
pub struct Simulation {
    pub compute_units: u64,
    pub error: Option<TransactionError>,
    pub logs: Vec<String>,
}

/// What the cluster knows of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureStatus {
    pub slot: u64,
    pub commitment: Commitment,
    pub error: Option<TransactionError>,
}

/// A transaction that was executed.
#[derive(Clone, Debug)]
pub struct ChainTransaction {
    pub signature: Signature,
    pub slot: u64,
    /// Unix seconds, where the cluster says.
    pub block_time: Option<i64>,
    pub error: Option<TransactionError>,
    pub fee_lamports: u64,
    pub compute_units: u64,
    pub logs: Vec<String>,
    /// The transaction as it was sent.
    pub bytes: Vec<u8>,
}

/// Why the chain did not do what it was asked. [`ChainError::can_retry`] says whether asking again
/// can help.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Too many requests; again after `retry_after`.
    #[error("the RPC endpoint is busy")]
    Busy { retry_after: std::time::Duration },
    #[error("the RPC endpoint did not answer in time")]
    Timeout,
    #[error("the RPC endpoint cannot be reached: {0}")]
    Unreachable(String),
    /// The endpoint is `slots` behind its cluster; what it says is old.
    #[error("the RPC endpoint is {slots} slots behind")]
    Behind { slots: u64 },
    /// Simulation or preflight failed: sent as it is, the transaction would fail.
    #[error("the transaction would fail: {error}")]
    Refused { error: TransactionError, logs: Vec<String> },
    /// The cluster does not know the blockhash, or no longer.
    #[error("the blockhash is not known or too old")]
    BlockhashNotFound,
    /// The endpoint answered what cannot be understood, or refuses for good.
    #[error("unexpected answer of the RPC endpoint: {0}")]
    Invalid(String),
    /// Time passes by itself on a cluster.
    #[error("time passes by itself on a cluster: only the embedded chain can be told to go on")]
    NotEmbedded,
    /// The embedded chain belongs to one process at a time.
    #[error(
        "{folder} is in use by {holder}: stop that first; commands that only look work beside it, \
         and so do `pixr ingest` and `pixr reverse`"
    )]
    InUse { folder: String, holder: String },
    /// The embedded chain cannot read or write its files.
    #[error("the embedded chain's files: {0}")]
    Storage(String),
}

impl ChainError {
    /// Whether the same request can succeed later.
    pub fn can_retry(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Timeout | Self::Unreachable(_) | Self::Behind { .. }
        )
    }
}

/// A Solana cluster, or the one in this process.
#[async_trait]
pub trait Chain: Send + Sync {
    /// An account, whole.
    async fn account(
        &self,
        address: &Pubkey,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError>;

    /// An account with only `length` bytes of its data from `offset`; fewer where it ends before.
    async fn account_part(
        &self,
        address: &Pubkey,
        offset: usize,
        length: usize,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError>;

    /// Lamports that make an account of `bytes` bytes rent-exempt.
    async fn rent_lamports(&self, bytes: usize) -> Result<u64, ChainError>;

    async fn blockhash(&self) -> Result<RecentBlockhash, ChainError>;

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError>;

    async fn time(&self) -> Result<ChainTime, ChainError>;

    /// Runs a transaction without effect. Signatures are not checked.
    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError>;

    /// Hands a signed transaction to the cluster. `Ok` says that it was taken, not that it landed;
    /// the same bytes can be sent again.
    async fn send(&self, transaction: &[u8]) -> Result<Signature, ChainError>;

    /// What became of signatures, in their order; `None` for what the cluster does not know.
    async fn statuses(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError>;

    /// Recent priority fee for transactions that write these accounts, in micro-lamports a compute
    /// unit: the median of what others paid.
    async fn priority_fee(&self, writable: &[Pubkey]) -> Result<u64, ChainError>;

    /// Finalized transactions that name `address`, oldest first, after the one signed `after`
    /// (from the beginning when `None`), at most `limit`, failed ones included.
    async fn history(
        &self,
        address: &Pubkey,
        after: Option<Signature>,
        limit: usize,
    ) -> Result<Vec<ChainTransaction>, ChainError>;

    /// One transaction, while the cluster remembers it.
    async fn transaction(
        &self,
        signature: &Signature,
    ) -> Result<Option<ChainTransaction>, ChainError>;

    /// Yields whenever a transaction that names `address` was executed, perhaps more often. Ends
    /// when the connection is lost: whoever listens asks `history` for what was missed.
    async fn watch(&self, address: &Pubkey) -> Result<BoxStream<'static, ()>, ChainError>;

    /// Lamports out of nowhere: on test clusters and the embedded chain only.
    async fn airdrop(&self, to: &Pubkey, lamports: u64) -> Result<(), ChainError>;

    /// Lets time pass at once: on the embedded chain only, whose clock stays ahead of the machine's.
    async fn advance(&self, by: std::time::Duration) -> Result<(), ChainError>;

    /// Whether transactions of version 1 (4,096 bytes) are taken.
    async fn takes_v1(&self) -> Result<bool, ChainError>;
}
