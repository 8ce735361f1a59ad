//! Transactions of both versions, and what became of them.

use litesvm::{
    LiteSVM,
    types::{FailedTransactionMetadata, TransactionMetadata},
};
use pixr::errors::PixrError;
use solana_address::Address;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::{Instruction, error::InstructionError};
use solana_keypair::Keypair;
use solana_message::{Hash, VersionedMessage, v0, v1};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;

/// Largest transaction of version 0, in bytes.
pub const V0_BYTES_MAX: usize = 1_232;
/// Largest transaction of version 1, in bytes.
pub const V1_BYTES_MAX: usize = 4_096;
/// Compute units that a transaction may ask for.
pub const COMPUTE_UNITS_MAX: u32 = 1_400_000;
const LOADED_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Which transaction format to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// At most 1,232 bytes; limits are instructions.
    V0,
    /// At most 4,096 bytes; limits are part of the message.
    V1,
}

impl Version {
    /// Largest transaction of this version, in bytes.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::V0 => V0_BYTES_MAX,
            Self::V1 => V1_BYTES_MAX,
        }
    }
}

/// Signs `instructions` for `payer`, who may be among the signers too.
pub fn sign(
    blockhash: Hash,
    version: Version,
    instructions: &[Instruction],
    payer: &Keypair,
    signers: &[&Keypair],
) -> VersionedTransaction {
    let mut all = vec![payer];
    all.extend(signers.iter().filter(|signer| signer.pubkey() != payer.pubkey()));
    let payer = payer.pubkey();
    let message = match version {
        Version::V0 => {
            let limit = ComputeBudgetInstruction::set_compute_unit_limit(COMPUTE_UNITS_MAX);
            let instructions: Vec<_> =
                std::iter::once(limit).chain(instructions.iter().cloned()).collect();
            VersionedMessage::V0(
                v0::Message::try_compile(&payer, &instructions, &[], blockhash)
                    .expect("a message that compiles"),
            )
        }
        Version::V1 => {
            let config = v1::TransactionConfig::empty()
                .with_compute_unit_limit(COMPUTE_UNITS_MAX)
                .with_loaded_accounts_data_size_limit(LOADED_BYTES_MAX);
            VersionedMessage::V1(
                v1::Message::try_compile_with_config(&payer, instructions, blockhash, config)
                    .expect("a message that compiles"),
            )
        }
    };
    VersionedTransaction::try_new(message, all.as_slice()).expect("every signer signs")
}

/// The size of a transaction on the wire, in bytes.
pub fn wire_bytes(transaction: &VersionedTransaction) -> usize {
    wincode::serialize(transaction).expect("a transaction that serializes").len()
}

/// Why a transaction failed, in the terms of its first failing instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An error number: the program's own from 6000, Anchor's below, or another program's.
    Custom(u32),
    /// Any other error.
    Other(TransactionError),
}

impl From<PixrError> for Failure {
    fn from(error: PixrError) -> Self {
        Self::Custom(error.into())
    }
}

impl From<anchor_lang::error::ErrorCode> for Failure {
    fn from(error: anchor_lang::error::ErrorCode) -> Self {
        Self::Custom(error.into())
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
                Self::Custom(code)
            }
            other => Self::Other(other),
        }
    }
}

/// What happened to a transaction.
pub type Outcome = Result<TransactionMetadata, Failure>;

/// Sends a transaction on its own blockhash, so that equal ones do not collide.
pub fn send(svm: &mut LiteSVM, transaction: VersionedTransaction) -> Outcome {
    let outcome = svm.send_transaction(transaction);
    svm.expire_blockhash();
    outcome.map_err(|FailedTransactionMetadata { err, meta }| {
        if std::env::var_os("PIXR_LOGS").is_some() {
            eprintln!("{err}\n{}", meta.pretty_logs());
        }
        err.into()
    })
}

/// Every address that `instructions` name.
pub fn addresses(instructions: &[Instruction]) -> impl Iterator<Item = Address> {
    instructions.iter().flat_map(|instruction| instruction.accounts.iter().map(|meta| meta.pubkey))
}
