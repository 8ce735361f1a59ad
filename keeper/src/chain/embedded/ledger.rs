//! The accounts and the machine that runs transactions on them.

use std::{collections::HashMap, sync::LazyLock};

use anchor_lang::prelude::Pubkey;
use litesvm::{
    LiteSVM,
    types::{FailedTransactionMetadata, TransactionMetadata},
};
use solana_account::{Account, AccountSharedData, ReadableAccount, WritableAccount};
use solana_clock::Clock as ClockSysvar;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::UiTransactionError;

use super::{
    journal::{Change, Executed, Record},
    snapshot::Accounts,
};
use crate::chain::{ChainError, ChainTime, Simulation, transactions};

/// The error as it is recorded.
pub fn error_text(error: &TransactionError) -> String {
    serde_json::to_string(&UiTransactionError::from(error.clone())).unwrap_or_default()
}

/// The recorded error.
pub fn error_from_text(text: &str) -> Result<TransactionError, ChainError> {
    serde_json::from_str::<UiTransactionError>(text)
        .map(Into::into)
        .map_err(|error| ChainError::Storage(format!("a recorded error: {error}")))
}

/// Features that main net does not have yet: programs work on the data of accounts where it lies.
/// Without them every instruction copies its accounts in and out, which takes milliseconds for a
/// shard of 10 MiB. What a transaction does, costs and logs is the same with them.
const IN_PLACE: [Pubkey; 3] = [
    // syscall_parameter_address_restrictions
    Pubkey::from_str_const("EDGMC5kxFxGk4ixsNkGt8bW7QL5hDMXnbwaZvYMwNfzF"),
    // virtual_address_space_adjustments
    Pubkey::from_str_const("7VgiehxNxu53KdxgLspGQY8myE6f7UokaWa4jsGcaSz"),
    // account_data_direct_mapping
    Pubkey::from_str_const("CR3dVN2Yoo95Y96kLSTaziWDAQT2MNEpiWh5cqVq2pNE"),
];

/// What every chain begins with: sysvars, features and the standard programs. Signatures,
/// blockhashes and what was processed before are checked outside.
static BASE: LazyLock<LiteSVM> = LazyLock::new(|| begin(&IN_PLACE));

/// A machine with main net's features and `more`.
fn begin(more: &[Pubkey]) -> LiteSVM {
    let mut features = LiteSVM::mainnet_feature_set();
    more.iter().for_each(|feature| features.activate(feature, 0));
    let mut svm = LiteSVM::default().with_feature_set(features).with_builtins().with_sysvars();
    // The standard programs are there from the first slot on.
    svm.set_sysvar(&ClockSysvar::default());
    svm.with_feature_accounts()
        .with_default_programs()
        .with_transaction_history(0)
        .with_sigverify(false)
        .with_blockhash_check(false)
}

/// Accounts and the machine.
pub struct Ledger {
    svm: LiteSVM,
    /// Accounts that changed since the last [`Ledger::keep`], as they were then.
    before: HashMap<Pubkey, Option<AccountSharedData>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { svm: BASE.clone(), before: HashMap::new() }
    }
}

impl Ledger {
    /// Puts a snapshot's accounts in their places.
    pub fn restore(&mut self, time: ChainTime, accounts: Accounts) -> Result<(), ChainError> {
        self.set_time(time);
        self.set_all(accounts)?;
        self.keep();
        Ok(())
    }

    /// The accounts that a snapshot must have.
    pub fn accounts(&self) -> Accounts {
        let accounts = self.svm.accounts_db().inner.iter();
        let base = BASE.accounts_db();
        accounts
            .filter(|(address, account)| {
                **address != solana_clock::sysvar::ID
                    && base.get_account_ref(address) != Some(*account)
            })
            .map(|(address, account)| (*address, account.clone()))
            .collect()
    }

    /// Sets what programs see as the time.
    pub fn set_time(&mut self, time: ChainTime) {
        let clock = self.svm.get_sysvar::<ClockSysvar>();
        let ChainTime { slot, unix_seconds: unix_timestamp } = time;
        if (clock.slot, clock.unix_timestamp) != (slot, unix_timestamp) {
            self.svm.set_sysvar(&ClockSysvar { slot, unix_timestamp, ..clock });
        }
    }

    /// An account. Copying it is cheap until one of the copies changes.
    pub fn account(&self, address: &Pubkey) -> Option<AccountSharedData> {
        self.svm.accounts_db().get_account(address)
    }

    pub fn rent_lamports(&self, bytes: usize) -> u64 {
        self.svm.minimum_balance_for_rent_exemption(bytes)
    }

    /// The code of a program.
    pub fn program(&self, address: &Pubkey) -> Option<&[u8]> {
        self.svm.accounts_db().try_program_elf_bytes(address).ok()
    }

    /// Runs a transaction without effect.
    pub fn simulate(&self, transaction: VersionedTransaction) -> Simulation {
        let (meta, error) = match self.svm.simulate_transaction(transaction) {
            Ok(simulated) => (simulated.meta, None),
            Err(FailedTransactionMetadata { err, meta }) => (meta, Some(err)),
        };
        let TransactionMetadata { compute_units_consumed: compute_units, logs, .. } = meta;
        Simulation { compute_units, error, logs }
    }

    /// Executes a transaction. One that fails costs its fee when `failures_land`, else it is refused;
    /// so is one that cannot even pay.
    pub fn execute(
        &mut self,
        bytes: &[u8],
        transaction: VersionedTransaction,
        failures_land: bool,
    ) -> Result<Executed, ChainError> {
        let payer = transaction.message.static_account_keys().first().copied();
        let (meta, error) = match self.svm.simulate_transaction(transaction) {
            Ok(simulated) => {
                self.set_all(simulated.post_accounts)?;
                (simulated.meta, None)
            }
            Err(FailedTransactionMetadata { err, meta }) => {
                // What was never run has no signature here, and can be in no block.
                let ran = meta.signature != Signature::default();
                let Some(payer) = payer.filter(|_| ran && failures_land) else {
                    return Err(ChainError::Refused { error: err, logs: meta.logs });
                };
                self.charge(payer, meta.fee)?;
                (meta, Some(error_text(&err)))
            }
        };
        Ok(Executed {
            bytes: bytes.to_vec(),
            error,
            fee_lamports: meta.fee,
            compute_units: meta.compute_units_consumed,
            logs: meta.logs,
        })
    }

    fn charge(&mut self, payer: Pubkey, fee: u64) -> Result<(), ChainError> {
        let mut account = self.account(&payer).unwrap_or_default();
        account
            .checked_sub_lamports(fee)
            .map_err(|error| ChainError::Storage(format!("the fee: {error}")))?;
        self.set(payer, account)
    }

    /// Gives an address lamports out of nowhere.
    pub fn airdrop(&mut self, to: Pubkey, lamports: u64) -> Result<(), ChainError> {
        let mut account = self.account(&to).unwrap_or_else(|| {
            let mut new = AccountSharedData::default();
            // As all accounts that pay no rent.
            new.set_rent_epoch(u64::MAX);
            new
        });
        account.checked_add_lamports(lamports).map_err(|_| {
            ChainError::Invalid(format!("{to} would have more lamports than there can be"))
        })?;
        self.set(to, account)
    }

    /// Puts a program in its place.
    pub fn deploy(&mut self, address: Pubkey, elf: &[u8]) -> Result<(), ChainError> {
        self.svm
            .add_program(address, elf)
            .map_err(|error| ChainError::Storage(format!("the program cannot be loaded: {error}")))
    }

    /// Does again what a record says.
    pub fn replay(&mut self, record: Record) -> Result<(), ChainError> {
        self.set_time(record.time());
        match record.change {
            Change::Genesis { .. } | Change::Ahead { .. } => Ok(()),
            Change::Program { elf } => self.deploy(pixr::ID, &elf),
            Change::Airdrop { to, lamports } => self.airdrop(to, lamports),
            Change::Transaction(executed) => self.execute_again(&executed),
        }?;
        self.keep();
        Ok(())
    }

    fn execute_again(&mut self, executed: &Executed) -> Result<(), ChainError> {
        let transaction = transactions::parse(&executed.bytes)?;
        let signature = transaction.signatures.first().copied().unwrap_or_default();
        let again = self.execute(&executed.bytes, transaction, true);
        if again.as_ref().is_ok_and(|again| again == executed) {
            return Ok(());
        }
        let now = match again {
            Ok(Executed { error, compute_units, .. }) => {
                format!("{error:?}, {compute_units} compute units")
            }
            Err(error) => error.to_string(),
        };
        let Executed { error, compute_units, .. } = executed;
        Err(ChainError::Storage(format!(
            "transaction {signature} had the outcome {error:?} with {compute_units} compute units, \
             and now has {now}; open this chain with the version that wrote it"
        )))
    }

    fn set_all(&mut self, mut accounts: Accounts) -> Result<(), ChainError> {
        // A program is loaded from the account that has its code, which must be there before.
        accounts.sort_by_key(|(_, account)| account.executable());
        accounts.into_iter().try_for_each(|(address, account)| self.set(address, account))
    }

    fn set(&mut self, address: Pubkey, account: AccountSharedData) -> Result<(), ChainError> {
        let before = self.account(&address);
        if before.as_ref() == Some(&account) {
            return Ok(());
        }
        self.before.entry(address).or_insert(before);
        self.svm
            .set_account(address, Account::from(account))
            .map_err(|error| ChainError::Storage(format!("account {address}: {error}")))
    }

    /// What was done so far stays.
    pub fn keep(&mut self) {
        self.before.clear();
    }

    /// Takes back what was done since the last [`Ledger::keep`].
    pub fn undo(&mut self) -> Result<(), ChainError> {
        for (address, before) in std::mem::take(&mut self.before) {
            // An account without lamports is none.
            self.svm
                .set_account(address, Account::from(before.unwrap_or_default()))
                .map_err(|error| ChainError::Storage(format!("account {address}: {error}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{
        Chain,
        embedded::journal::{Position, Records, START},
        testing::{Folder, Scene},
    };

    /// Everything that is recorded, done again on a machine with main net's features and `more`.
    fn replayed(folder: &Folder, more: &[Pubkey]) -> Accounts {
        let mut ledger = Ledger { svm: begin(more), before: HashMap::new() };
        let start = Position { segment: 0, offset: START };
        let mut records = Records::open(&folder.0, start).expect("a journal");
        while let Some((_, record)) = records.read_next().expect("a record") {
            // This compares errors, logs, fees and compute units.
            ledger.replay(record).expect("the same outcome");
        }
        let features = |address: &Pubkey| IN_PLACE.contains(address);
        let mut accounts = ledger.accounts();
        accounts.retain(|(address, _)| !features(address));
        accounts.sort_by_key(|(address, _)| *address);
        accounts
    }

    #[tokio::test]
    async fn working_in_place_changes_no_outcome() {
        let folder = Folder::default();
        let chain = folder.open();
        let mut scene = Scene::new(&*chain).await;
        scene.settle(&*chain).await.expect("a batch");
        let Scene { key, platform, shard, tokens, .. } = &scene;
        let me = solana_signer::Signer::pubkey(key);
        // The shard signs for its vault, within other programs.
        let pay = platform.withdraw(me, *shard, 0, *tokens, 5_000);
        scene.run(&*chain, std::slice::from_ref(&pay), &[]).await;
        let tip = platform.tip(me, *tokens, *shard, 0, 1_000, "a tip".into());
        let registered = platform.register_content(me, *shard, me, 0, [3; 16]);
        scene.run(&*chain, &[tip, registered.clone()], &[]).await;
        for refused in [scene.settlement(9, 10), registered] {
            let signed = scene.sign(&*chain, &[refused], &[]).await;
            chain.send_without_preflight(&signed.bytes).await.expect("it lands");
            let landed = chain.transaction(&signed.signature).await.expect("an answer");
            assert!(landed.expect("a transaction").error.is_some());
        }
        drop(chain);
        let copied = replayed(&folder, &[]);
        assert!(copied.len() > 5 && copied == replayed(&folder, &IN_PLACE));
    }
}
