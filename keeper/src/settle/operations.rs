//! Single transactions (setting up, registering, funding, tipping, withdrawing), each done at most
//! once under its key.
//!
//! A transaction is stored as pending before it is sent. The database takes one transaction under a
//! key that is pending or finalized, so a second one cannot even be stored. Under a key whose
//! transaction failed or expired, the same can be signed again.

mod engine;
mod outcomes;
mod rows;
mod start;

use std::sync::Arc;

use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signature::Signature;

use self::engine::Engine;
use crate::app::App;

/// A transaction that landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    pub signature: Signature,
    pub slot: u64,
    pub fee_lamports: u64,
}

/// Why an operation did not land.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The program, or another one, refuses; nothing changed.
    #[error("{message}")]
    Refused { message: String, code: Option<u32> },
    /// The blockhash ran out before the transaction landed; nothing changed, and the same key can be
    /// used again.
    #[error("the transaction did not land in time; run the same command again")]
    Expired,
    /// Not known yet; the same key asks again.
    #[error(
        "the transaction is still on its way; run the same command again to see what became of it"
    )]
    Pending,
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Sign(#[from] crate::chain::transactions::SignError),
}

/// Something to do on the chain in one transaction.
#[derive(Clone)]
pub struct Operation {
    /// Names what is done, for good: the same key is never done twice.
    pub key: String,
    pub instructions: Vec<Instruction>,
    /// Who signs besides the keeper, who pays.
    pub signers: Vec<Arc<Keypair>>,
}

/// How many operations had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub landed: u64,
    pub refused: u64,
    /// Expired as often as is tried, or not known.
    pub open: u64,
    /// Of those that landed, before or now.
    pub fees_lamports: u64,
}

/// Does what `instructions` say, paid by the keeper's key and signed by `signers` too, and waits
/// until it is finalized.
///
/// What is sent is stored first. When the operation `key` has landed before, its outcome is returned
/// and nothing is sent; when it is under way, this waits for it.
pub async fn run(
    app: &App,
    key: &str,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> Result<Landed, OperationError> {
    let operation = Operation {
        key: key.into(),
        instructions: instructions.into(),
        signers: signers.iter().map(|signer| Arc::new(signer.insecure_clone())).collect(),
    };
    let mut outcome = Err(OperationError::Pending);
    run_many(app, [operation], |_, done| outcome = done).await?;
    outcome
}

/// Does many operations as [`run`] does one, many at a time and in no order: none may need another
/// one to be done. `report` gets each one's key and outcome. When the same operations are run again,
/// those that have landed cost a look into the database.
///
/// Fails when the chain or the database cannot be used for so long that waiting makes no sense;
/// what is under way then goes on when the same operations are run again.
pub async fn run_many(
    app: &App,
    operations: impl IntoIterator<Item = Operation, IntoIter: Send>,
    report: impl FnMut(&str, Result<Landed, OperationError>) + Send,
) -> Result<Done, OperationError> {
    Engine::new(app, operations.into_iter(), report).run().await
}

#[cfg(test)]
mod tests;
