//! Signed transactions of both versions.

use anchor_lang::prelude::Pubkey;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{Hash, VersionedMessage, v0, v1};
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;

use super::ChainError;

/// Compute units that a transaction may ask for.
pub const COMPUTE_UNITS_MAX: u32 = 1_400_000;
/// What every signature of a transaction costs, in lamports.
pub const SIGNATURE_LAMPORTS: u64 = 5_000;
/// Bytes of accounts that a transaction may load: the most that the runtime allows.
const LOADED_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Transaction formats.
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
            Self::V0 => 1_232,
            Self::V1 => 4_096,
        }
    }

    /// The number that is stored.
    pub const fn number(self) -> i16 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
        }
    }
}

/// What a transaction may use and pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub compute_units: u32,
    /// Micro-lamports a compute unit.
    pub priority_fee: u64,
}

impl Limits {
    /// As much as there is, at no priority fee: for simulation.
    pub const MOST: Self = Self { compute_units: COMPUTE_UNITS_MAX, priority_fee: 0 };

    /// The priority fee of the whole transaction, in lamports; rounded up, so that it is never below
    /// the price that was asked for.
    pub fn priority_lamports(self) -> u64 {
        let fee = u128::from(self.priority_fee) * u128::from(self.compute_units);
        u64::try_from(fee.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// What a transaction with so many signatures costs, in lamports.
    pub fn fee_lamports(self, signatures: u64) -> u64 {
        SIGNATURE_LAMPORTS.saturating_mul(signatures).saturating_add(self.priority_lamports())
    }
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub signature: Signature,
    pub bytes: Vec<u8>,
    pub version: Version,
}

/// Why a transaction cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("the transaction does not compile: {0}")]
    Compile(String),
    #[error("the transaction has {bytes} bytes, {} are possible", version.bytes_max())]
    TooLarge { bytes: usize, version: Version },
}

/// Signs `instructions`. `payer` pays and signs first; `signers` are the others that must sign.
pub fn sign(
    version: Version,
    blockhash: Hash,
    limits: Limits,
    instructions: &[Instruction],
    payer: &Keypair,
    signers: &[&Keypair],
) -> Result<Signed, SignError> {
    let message = message(version, blockhash, limits, instructions, &payer.pubkey())?;
    let mut all = vec![payer];
    for signer in signers {
        if all.iter().all(|other| other.pubkey() != signer.pubkey()) {
            all.push(signer);
        }
    }
    let transaction = VersionedTransaction::try_new(message, all.as_slice())
        .map_err(|error| SignError::Compile(error.to_string()))?;
    let bytes =
        wincode::serialize(&transaction).map_err(|error| SignError::Compile(error.to_string()))?;
    if bytes.len() > version.bytes_max() {
        return Err(SignError::TooLarge { bytes: bytes.len(), version });
    }
    Ok(Signed { signature: transaction.signatures[0], bytes, version })
}

fn message(
    version: Version,
    blockhash: Hash,
    limits: Limits,
    instructions: &[Instruction],
    payer: &Pubkey,
) -> Result<VersionedMessage, SignError> {
    let compile = |error: &dyn std::fmt::Display| SignError::Compile(error.to_string());
    match version {
        Version::V0 => {
            let mut all =
                vec![ComputeBudgetInstruction::set_compute_unit_limit(limits.compute_units)];
            if limits.priority_fee > 0 {
                all.push(ComputeBudgetInstruction::set_compute_unit_price(limits.priority_fee));
            }
            all.extend_from_slice(instructions);
            v0::Message::try_compile(payer, &all, &[], blockhash)
                .map(VersionedMessage::V0)
                .map_err(|error| compile(&error))
        }
        Version::V1 => {
            // Version 1 states the fee for the whole transaction.
            let config = v1::TransactionConfig::empty()
                .with_compute_unit_limit(limits.compute_units)
                .with_loaded_accounts_data_size_limit(LOADED_BYTES_MAX)
                .with_priority_fee(limits.priority_lamports());
            v1::Message::try_compile_with_config(payer, instructions, blockhash, config)
                .map(VersionedMessage::V1)
                .map_err(|error| compile(&error))
        }
    }
}

/// Takes a transaction apart.
///
/// Fails with [`ChainError::Invalid`] when the bytes are none, or more than its version may have.
pub fn parse(bytes: &[u8]) -> Result<VersionedTransaction, ChainError> {
    let invalid = |what: &str| ChainError::Invalid(format!("the transaction {what}"));
    if bytes.len() > Version::V1.bytes_max() {
        return Err(invalid("has more bytes than any may have"));
    }
    let transaction: VersionedTransaction =
        wincode::deserialize(bytes).map_err(|_| invalid("cannot be read"))?;
    let version = match transaction.message {
        VersionedMessage::V1(_) => Version::V1,
        VersionedMessage::Legacy(_) | VersionedMessage::V0(_) => Version::V0,
    };
    if bytes.len() > version.bytes_max() {
        return Err(invalid("has more bytes than its version may have"));
    }
    // What follows a transaction is not signed.
    let whole = wincode::serialize(&transaction).is_ok_and(|again| again == bytes);
    if !whole || transaction.sanitize().is_err() {
        return Err(invalid("is not well-formed"));
    }
    Ok(transaction)
}

/// The signature that names a transaction. Fails like [`parse`].
pub fn signature(bytes: &[u8]) -> Result<Signature, ChainError> {
    let first = parse(bytes)?.signatures.first().copied();
    first.ok_or_else(|| ChainError::Invalid("the transaction has no signature".into()))
}
