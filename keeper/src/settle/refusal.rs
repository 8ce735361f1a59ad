//! Why a transaction is refused, in plain sentences.

use std::{collections::BTreeMap, sync::LazyLock};

use anchor_lang::{error::ErrorCode, prelude::Pubkey};
use pixr::errors::PixrError;
use serde::Deserialize;
use solana_instruction::error::InstructionError;
use solana_transaction_error::TransactionError;

/// Why a transaction failed, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error's name: `BudgetExhausted`.
    pub name: String,
    /// The number that a program gave, if one refused.
    pub code: Option<u32>,
    /// A sentence for people.
    pub message: String,
}

/// What the interface description says of an error.
#[derive(Deserialize)]
struct Described {
    code: u32,
    name: String,
    msg: String,
}

#[derive(Deserialize)]
struct Interface {
    errors: Vec<Described>,
}

/// The program's errors by number, from its interface description: a test of the program keeps that
/// up to date.
static PROGRAM: LazyLock<BTreeMap<u32, Described>> = LazyLock::new(|| {
    let interface: Interface =
        serde_json::from_str(include_str!("../../../programs/pixr/idl.json"))
            .expect("the interface description that is compiled in is valid");
    interface.errors.into_iter().map(|error| (error.code, error)).collect()
});

impl Refusal {
    /// Explains `error`; `logs` are those of the simulation, if there are any.
    pub fn new(error: &TransactionError, logs: &[String]) -> Self {
        if let TransactionError::InstructionError(_, error) = error {
            return match error {
                InstructionError::Custom(code) => Self::custom(*code, logs),
                error => Self {
                    name: format!("{error:?}"),
                    code: None,
                    message: instruction_sentence(error, logs),
                },
            };
        }
        let message = match error {
            TransactionError::AccountNotFound => {
                "the account that pays the fee does not exist: send SOL to it".into()
            }
            TransactionError::InsufficientFundsForFee => {
                "the account that pays the fee cannot: send SOL to it".into()
            }
            TransactionError::InsufficientFundsForRent { account_index } => format!(
                "account {account_index} of the transaction would be left with less than its rent"
            ),
            other => other.to_string(),
        };
        Self { name: format!("{error:?}"), code: None, message }
    }

    fn custom(code: u32, logs: &[String]) -> Self {
        if let Some(error) = PROGRAM.get(&code) {
            return Self {
                name: error.name.clone(),
                code: Some(code),
                message: format!("{} ({} {code})", error.msg, error.name),
            };
        }
        if let Some((name, message)) = anchor_sentence(code, logs) {
            return Self { name, code: Some(code), message };
        }
        let (program, said) = foreign(logs);
        let program = program.unwrap_or("another program");
        let said = said.map_or(String::new(), |said| format!(": {said}"));
        Self {
            name: format!("Custom{code}"),
            code: Some(code),
            message: format!("{program} refuses with error {code}{said}"),
        }
    }

    /// Whether the program refused with this error.
    pub fn is(&self, error: PixrError) -> bool {
        self.code == Some(error.into())
    }

    /// What to do about it, for a batch of this shard that `keeper` submits and pays for.
    pub fn advice(&self, shard: u32, keeper: &Pubkey) -> String {
        let code = |error: PixrError| u32::from(error);
        match self.code {
            Some(it) if it == code(PixrError::BudgetExhausted) => format!("fund shard {shard}"),
            Some(it) if it == code(PixrError::DayCapExceeded) => {
                "it goes on after midnight UTC; raise day_cap if days like this are normal".into()
            }
            Some(it) if it == code(PixrError::BatchCapExceeded) => {
                "raise batch_cap above what one batch of this shard is worth".into()
            }
            Some(it) if it == code(PixrError::Paused) => {
                "the admin has to unpause the platform".into()
            }
            Some(it) if it == code(PixrError::NotKeeper) => format!(
                "keys.keeper must be the platform's keeper: have the admin give the role to {keeper}"
            ),
            Some(it)
                if it == code(PixrError::ReversalExceedsViews)
                    || it == code(PixrError::ReversalTooLarge) =>
            {
                "the reversal waits until later views of these contents are settled".into()
            }
            Some(_) => {
                "compare `pixr verify` with the registry; the batch is kept and tried again".into()
            }
            None if self.name == "AccountNotFound" || self.name == "InsufficientFundsForFee" => {
                format!("send SOL to the keeper's address {keeper}")
            }
            None => "the batch is kept and tried again".into(),
        }
    }
}

fn instruction_sentence(error: &InstructionError, logs: &[String]) -> String {
    match error {
        InstructionError::ComputationalBudgetExceeded => {
            "the transaction needs more compute units than it may use".into()
        }
        error => {
            let failure = logs.iter().find(|line| is_failure(line));
            match failure.and_then(|line| line.split_once(FAILED)) {
                Some((_, why)) if *why != error.to_string() => format!("{error}: {why}"),
                _ => error.to_string(),
            }
        }
    }
}

/// Name and sentence of an error of Anchor's own checks: from the logs, which name the account too,
/// or from the number alone.
fn anchor_sentence(code: u32, logs: &[String]) -> Option<(String, String)> {
    let number = format!("Error Number: {code}.");
    let logged = logs.iter().find(|line| line.contains("AnchorError") && line.contains(&number));
    if let Some(line) = logged {
        let part = |from: &str, to: &str| {
            line.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(part, _)| part)
        };
        let name = part("Error Code: ", ".")?.to_owned();
        let message = line.split_once("Error Message: ")?.1.trim_end_matches('.').to_owned();
        return Some(match part("caused by account: ", ".") {
            Some(account) => {
                let message = format!("account {account}: {message} ({name} {code})");
                (name, message)
            }
            None => {
                let message = format!("{message} ({name} {code})");
                (name, message)
            }
        });
    }
    let (error, sentence) = ANCHOR.iter().find(|(error, _)| u32::from(*error) == code)?;
    Some((error.name(), format!("{sentence} ({} {code})", error.name())))
}

/// Anchor's errors that a client can meet, for when there are no logs.
const ANCHOR: [(ErrorCode, &str); 11] = [
    (ErrorCode::InstructionFallbackNotFound, "the program knows no such instruction"),
    (ErrorCode::InstructionDidNotDeserialize, "the program cannot read the instruction"),
    (ErrorCode::ConstraintMut, "an account has to be writable"),
    (ErrorCode::ConstraintHasOne, "two accounts do not belong together"),
    (ErrorCode::ConstraintSigner, "an account has to sign"),
    (ErrorCode::ConstraintSeeds, "an account is not at its derived address"),
    (ErrorCode::ConstraintZero, "the account is in use already"),
    (ErrorCode::AccountDiscriminatorMismatch, "an account is of another type"),
    (ErrorCode::AccountOwnedByWrongProgram, "an account belongs to another program"),
    (ErrorCode::AccountNotInitialized, "an account does not exist yet"),
    (ErrorCode::AccountNotSigner, "an account has to sign"),
];

/// The program that failed first, and the last thing that was said before.
fn foreign(logs: &[String]) -> (Option<&str>, Option<&str>) {
    let Some(at) = logs.iter().position(|line| is_failure(line)) else { return (None, None) };
    let program = logs[at].split_whitespace().nth(1);
    let said = logs[..at].iter().rev().find(|line| !line.starts_with("Program "));
    let logged = logs[..at].iter().rev().find_map(|line| line.strip_prefix("Program log: "));
    (program, said.map(String::as_str).or(logged))
}

/// Between a program and the reason, in the logs.
const FAILED: &str = " failed: ";

fn is_failure(line: &str) -> bool {
    line.starts_with("Program ") && line.contains(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(code: u32) -> TransactionError {
        TransactionError::InstructionError(1, InstructionError::Custom(code))
    }

    #[test]
    fn names_every_error_of_the_program() {
        let refusal = Refusal::new(&custom(PixrError::BudgetExhausted.into()), &[]);
        assert_eq!(refusal.name, "BudgetExhausted");
        assert!(refusal.message.starts_with(&PixrError::BudgetExhausted.to_string()));
        assert!(refusal.is(PixrError::BudgetExhausted) && !refusal.is(PixrError::Paused));
        assert_eq!(refusal.advice(3, &Pubkey::default()), "fund shard 3");
        for code in 6_000..=u32::from(PixrError::Insolvent) {
            let refusal = Refusal::new(&custom(code), &[]);
            assert!(!refusal.name.starts_with("Custom"), "{code}");
        }
    }

    #[test]
    fn explains_anchor_with_and_without_logs() {
        let line = "Program log: AnchorError caused by account: shard. Error Code: \
                    AccountDiscriminatorMismatch. Error Number: 3002. Error Message: Account \
                    discriminator did not match what was expected.";
        let with = Refusal::new(&custom(3_002), &[line.to_owned()]);
        let expected = "account shard: Account discriminator did not match what was expected \
                        (AccountDiscriminatorMismatch 3002)";
        assert_eq!(
            (with.name.as_str(), with.message.as_str()),
            ("AccountDiscriminatorMismatch", expected)
        );
        let without = Refusal::new(&custom(3_002), &[]);
        assert_eq!(without.name, "AccountDiscriminatorMismatch");
        assert!(without.message.starts_with("an account is of another type"));
    }

    #[test]
    fn repeats_what_another_program_said() {
        let logs: Vec<_> = [
            "Program TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA invoke [2]",
            "Program log: Error: insufficient funds",
            "Program TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA failed: custom program error: 0x1",
            "Program 6yJWqCZuY6BNPhThQZkSfy3iSM7MWnp3x5M24vZf28sV failed: custom program error: 0x1",
        ]
        .map(String::from)
        .into();
        let refusal = Refusal::new(&custom(1), &logs);
        let expected = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA refuses with error 1: Error: \
                        insufficient funds";
        assert_eq!((refusal.message.as_str(), refusal.code), (expected, Some(1)));
    }

    #[test]
    fn says_why_a_program_did_not_complete() {
        let error = InstructionError::ProgramFailedToComplete;
        let line = "Program 1111 failed: exceeded CUs meter at BPF instruction".to_owned();
        let error = TransactionError::InstructionError(0, error);
        let refusal = Refusal::new(&error, &["Program log: Instruction: Settle".into(), line]);
        assert!(refusal.message.ends_with(": exceeded CUs meter at BPF instruction"));
    }

    #[test]
    fn says_who_needs_lamports() {
        let keeper = Pubkey::new_unique();
        let refusal = Refusal::new(&TransactionError::InsufficientFundsForFee, &[]);
        assert!(refusal.advice(0, &keeper).contains(&keeper.to_string()));
        assert_eq!(refusal.code, None);
    }
}
