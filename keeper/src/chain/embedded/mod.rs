//! A chain in this process: the compiled program on an SVM, kept in a folder.
//!
//! What is reported as executed is in the journal, durably. A start reads the snapshot and executes
//! again what the journal has after it. Slots pass by real time; a transaction is final when it is
//! executed. Fees are charged, signatures checked and blockhashes expire as on a cluster.

mod clock;
mod history;
mod journal;
mod ledger;
mod open;
mod snapshot;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    thread::JoinHandle,
    time::Duration,
};

use anchor_lang::prelude::Pubkey;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use solana_account::{Account, AccountSharedData, ReadableAccount};
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use tokio::sync::{broadcast, mpsc, oneshot};

use self::{
    history::History,
    journal::{Executed, Position},
    open::Access,
    worker::{Job, News, Reply, Worker},
};
use super::{
    Chain, ChainError, ChainTime, ChainTransaction, Commitment, RecentBlockhash, SignatureStatus,
    Simulation, transactions,
};

/// Jobs that may wait for the chain's thread; who comes then waits to be let in.
const JOBS_MAX: usize = 1_024;
/// Largest account, in bytes.
const ACCOUNT_BYTES_MAX: usize = 10 << 20;

/// The embedded chain.
pub struct Embedded {
    folder: PathBuf,
    history: Arc<RwLock<History>>,
    news: broadcast::Sender<News>,
    /// `None` while it is closed.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Whether the folder goes when the chain does.
    temporary: bool,
}

impl Embedded {
    /// Opens the chain in `folder`, or begins one. The program at `program` is put in its place, and
    /// in that of an older one.
    ///
    /// Fails with [`ChainError::InUse`] when another process has it open, and with
    /// [`ChainError::Storage`] when files are damaged, or when executing again what is recorded gives
    /// another outcome than it did.
    pub fn open(folder: &Path, program: &Path) -> Result<Arc<Self>, ChainError> {
        Self::start(folder, Access::Write { sync: true }, Some(program), false)
    }

    /// Opens the chain in `folder` as it is now, while another process may be using it. Whatever
    /// would change it is refused, and what changes later is not seen.
    pub fn open_read_only(folder: &Path) -> Result<Arc<Self>, ChainError> {
        Self::start(folder, Access::Read, None, false)
    }

    /// A chain for this process alone, in a temporary folder, that does not wait for the disk.
    pub fn temporary(program: &Path) -> Result<Arc<Self>, ChainError> {
        let name = format!("pixr-chain-{}", uuid::Uuid::new_v4());
        let folder = std::env::temp_dir().join(name);
        Self::start(&folder, Access::Write { sync: false }, Some(program), true)
    }

    fn start(
        folder: &Path,
        access: Access,
        program: Option<&Path>,
        temporary: bool,
    ) -> Result<Arc<Self>, ChainError> {
        let elf = program.map(read_program).transpose()?;
        let parts = open::open(folder, access)?;
        let (history, news) = (Arc::clone(&parts.history), parts.news.clone());
        let mut worker = Worker::new(parts);
        if let Some(elf) = elf {
            worker.deploy(elf)?;
        }
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        let thread = std::thread::Builder::new()
            .name("chain".into())
            .spawn(move || worker.run(waiting))
            .map_err(|error| ChainError::Storage(format!("no thread for the chain: {error}")))?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Arc::new(Self { folder: folder.into(), history, news, jobs, thread, temporary }))
    }

    /// Sends a transaction as a node does that was told to skip preflight: one that fails lands too,
    /// and costs its fee.
    pub async fn send_without_preflight(&self, bytes: &[u8]) -> Result<Signature, ChainError> {
        self.send_checked(bytes, true).await
    }

    async fn send_checked(
        &self,
        bytes: &[u8],
        failures_land: bool,
    ) -> Result<Signature, ChainError> {
        let transaction = transactions::parse(bytes)?;
        if transaction.verify_with_results().contains(&false) {
            let error = TransactionError::SignatureFailure;
            return Err(ChainError::Refused { error, logs: Vec::new() });
        }
        let bytes = bytes.to_vec();
        self.run(move |worker| worker.send(&bytes, transaction, failures_land)).await
    }

    /// Has `work` done by the chain's thread, and waits until what it did is durable.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let stopped = || ChainError::Storage("the embedded chain has stopped".into());
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |worker| -> Reply {
            let done = worker.ready().and_then(|()| work(worker));
            Box::new(move |lasts| {
                let done = match lasts {
                    Ok(()) => done,
                    Err(reason) => Err(ChainError::Storage(reason.clone())),
                };
                // Who asked may be gone.
                let _ = answer.send(done);
            })
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Has `work` done with the history, where waiting for the disk holds nobody up.
    async fn search<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RwLock<History>, &Path) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let (history, folder) = (Arc::clone(&self.history), self.folder.clone());
        tokio::task::spawn_blocking(move || work(&history, &folder))
            .await
            .map_err(|error| ChainError::Storage(format!("the history: {error}")))?
    }
}

impl Drop for Embedded {
    /// Closes the chain: waits for a last snapshot.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // What it panicked of, it has said.
            let _ = thread.join();
        }
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn read_program(path: &Path) -> Result<Vec<u8>, ChainError> {
    std::fs::read(path).map_err(|error| {
        ChainError::Storage(format!(
            "chain.program: {}: {error}; scripts/build-program makes it",
            path.display()
        ))
    })
}

fn unreadable(error: std::io::Error) -> ChainError {
    ChainError::Storage(format!("the history cannot be read: {error}"))
}

fn find(history: &RwLock<History>, signature: &Signature) -> Result<Option<Position>, ChainError> {
    let history = history.read().unwrap_or_else(PoisonError::into_inner);
    history.find(signature, 0).map_err(unreadable)
}

fn transaction_at(folder: &Path, at: Position) -> Result<ChainTransaction, ChainError> {
    let (executed, time) = history::read(folder, at).map_err(unreadable)?;
    let signature = transactions::signature(&executed.bytes)?;
    let Executed { bytes, error, fee_lamports, compute_units, logs } = executed;
    Ok(ChainTransaction {
        signature,
        slot: time.slot,
        block_time: Some(time.unix_seconds),
        error: error.map(|text| ledger::error_from_text(&text)).transpose()?,
        fee_lamports,
        compute_units,
        logs,
        bytes,
    })
}

fn names(transaction: &ChainTransaction, address: &Pubkey) -> bool {
    transactions::parse(&transaction.bytes)
        .is_ok_and(|parsed| parsed.message.static_account_keys().contains(address))
}

fn part(account: AccountSharedData, offset: usize, length: usize) -> Account {
    let data = account.data();
    let start = offset.min(data.len());
    let end = start.saturating_add(length).min(data.len());
    Account {
        lamports: account.lamports(),
        data: data[start..end].to_vec(),
        owner: *account.owner(),
        executable: account.executable(),
        rent_epoch: account.rent_epoch(),
    }
}

#[async_trait]
impl Chain for Embedded {
    async fn account(
        &self,
        address: &Pubkey,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        self.account_part(address, 0, usize::MAX, commitment).await
    }

    async fn account_part(
        &self,
        address: &Pubkey,
        offset: usize,
        length: usize,
        _: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        let address = *address;
        let account = self.run(move |worker| Ok(worker.ledger().account(&address))).await?;
        Ok(account.map(|account| part(account, offset, length)))
    }

    async fn rent_lamports(&self, bytes: usize) -> Result<u64, ChainError> {
        if bytes > ACCOUNT_BYTES_MAX {
            let limit = format!("an account has at most {ACCOUNT_BYTES_MAX} bytes, not {bytes}");
            return Err(ChainError::Invalid(limit));
        }
        self.run(move |worker| Ok(worker.ledger().rent_lamports(bytes))).await
    }

    async fn blockhash(&self) -> Result<RecentBlockhash, ChainError> {
        self.run(|worker| Ok(worker.blockhash())).await
    }

    async fn block_height(&self, _: Commitment) -> Result<u64, ChainError> {
        Ok(self.time().await?.slot)
    }

    async fn time(&self) -> Result<ChainTime, ChainError> {
        self.run(|worker| Ok(worker.time())).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        let transaction = transactions::parse(transaction)?;
        self.run(move |worker| Ok(worker.ledger().simulate(transaction))).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<Signature, ChainError> {
        self.send_checked(transaction, false).await
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        let signatures = signatures.to_vec();
        self.search(move |history, folder| {
            let status = |signature: &Signature| {
                let Some(at) = find(history, signature)? else { return Ok(None) };
                let ChainTransaction { slot, error, .. } = transaction_at(folder, at)?;
                Ok(Some(SignatureStatus { slot, commitment: Commitment::Finalized, error }))
            };
            signatures.iter().map(status).collect()
        })
        .await
    }

    async fn priority_fee(&self, _: &[Pubkey]) -> Result<u64, ChainError> {
        Ok(0)
    }

    async fn history(
        &self,
        address: &Pubkey,
        after: Option<Signature>,
        limit: usize,
    ) -> Result<Vec<ChainTransaction>, ChainError> {
        let address = *address;
        self.search(move |history, folder| {
            let after = match after {
                None => None,
                Some(signature) => Some(find(history, &signature)?.ok_or_else(|| {
                    ChainError::Invalid(format!("{signature} is no transaction of this chain"))
                })?),
            };
            let places = {
                let history = history.read().unwrap_or_else(PoisonError::into_inner);
                history.naming(&address, after, limit).map_err(unreadable)?
            };
            let found = places.into_iter().map(|at| transaction_at(folder, at));
            // Another address may have the same key in the index.
            found
                .filter(|found| found.as_ref().map_or(true, |found| names(found, &address)))
                .collect()
        })
        .await
    }

    async fn transaction(
        &self,
        signature: &Signature,
    ) -> Result<Option<ChainTransaction>, ChainError> {
        let signature = *signature;
        self.search(move |history, folder| {
            find(history, &signature)?.map(|at| transaction_at(folder, at)).transpose()
        })
        .await
    }

    async fn watch(&self, address: &Pubkey) -> Result<BoxStream<'static, ()>, ChainError> {
        let (news, address) = (self.news.subscribe(), *address);
        let next = move |mut news: broadcast::Receiver<News>| async move {
            loop {
                match news.recv().await {
                    Ok(addresses) if !addresses.contains(&address) => {}
                    // What was missed may have named it.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return Some(((), news)),
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        };
        Ok(stream::unfold(news, next).boxed())
    }

    async fn airdrop(&self, to: &Pubkey, lamports: u64) -> Result<(), ChainError> {
        let to = *to;
        self.run(move |worker| worker.airdrop(to, lamports)).await
    }

    async fn advance(&self, by: Duration) -> Result<(), ChainError> {
        self.run(move |worker| worker.advance(by)).await
    }

    async fn takes_v1(&self) -> Result<bool, ChainError> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
