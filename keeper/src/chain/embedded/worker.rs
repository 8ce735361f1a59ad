//! The thread that owns the chain.
//!
//! It takes jobs one by one, but answers them in groups: what a group has added to the journal
//! becomes durable by one write, and only then does anybody get to know what it did. A read that is
//! done in a group waits for it too, so nobody ever sees what a crash could take back.

use std::{
    collections::HashSet,
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anchor_lang::prelude::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use tokio::sync::{broadcast, mpsc};

use super::{
    clock::{BLOCKHASH_SLOTS, Blockhashes, Clock},
    history::History,
    journal::{Change, Journal, Position, Record},
    ledger::Ledger,
    snapshot::{self, Head, Snapshot},
};
use crate::chain::{ChainError, ChainTime, RecentBlockhash};

/// Most jobs that are answered together.
const GROUP_JOBS_MAX: usize = 128;
/// Most bytes that are written together, but for one record more.
const GROUP_BYTES_MAX: usize = 4 << 20;
/// A segment that has grown to this is followed by another.
const SEGMENT_BYTES_MAX: u64 = 32 << 20;
/// What a start should at most take to replay: a snapshot is made when it would be more.
const REPLAY_TIME_MAX: Duration = Duration::from_millis(250);
/// Transactions are executed for at least so many times what the last snapshot took before the next.
const SNAPSHOT_SHARE: u32 = 4;

/// Something to do with the chain; what it gives back is called when it is known whether that lasts.
pub type Job = Box<dyn FnOnce(&mut Worker) -> Reply + Send>;
/// Answers who waits: with what the job gave, or with the reason why it did not last.
pub type Reply = Box<dyn FnOnce(&Result<(), String>) + Send>;
/// The addresses that an executed transaction named.
pub type News = Arc<[Pubkey]>;

/// How far snapshots have come.
struct Snapshots {
    /// What is in the newest.
    position: Option<Position>,
    /// How long the transactions after it took.
    replay_time: Duration,
    /// The one that is being written.
    running: Option<JoinHandle<io::Result<Duration>>>,
    /// How long the last one took.
    took: Duration,
}

/// What a chain is made of, once its files are read.
pub struct Parts {
    pub folder: PathBuf,
    pub head: Head,
    pub ledger: Ledger,
    pub history: Arc<RwLock<History>>,
    pub news: broadcast::Sender<News>,
    /// Where it can be written: the journal, and the lock that says so.
    pub writer: Option<(Journal, File)>,
    pub sync: bool,
    pub snapshot: Option<Position>,
    pub replay_time: Duration,
}

/// The chain, as the thread that owns it has it.
pub struct Worker {
    folder: PathBuf,
    head: Head,
    clock: Clock,
    blockhashes: Blockhashes,
    ledger: Ledger,
    history: Arc<RwLock<History>>,
    news: broadcast::Sender<News>,
    writer: Option<(Journal, File)>,
    sync: bool,
    /// What this group has added.
    pending: Vec<(Position, Record)>,
    pending_signatures: HashSet<Signature>,
    snapshots: Snapshots,
    /// Why nothing can be done any more.
    broken: Option<String>,
}

fn storage(what: &str, error: &io::Error) -> ChainError {
    ChainError::Storage(format!("{what}: {error}"))
}

impl Worker {
    pub fn new(parts: Parts) -> Self {
        let Parts { head, writer, .. } = parts;
        Self {
            folder: parts.folder,
            head,
            clock: Clock::new(head.genesis_millis, head.ahead_millis, head.time()),
            blockhashes: Blockhashes::new(head.seed),
            ledger: parts.ledger,
            history: parts.history,
            news: parts.news,
            writer,
            sync: parts.sync,
            pending: Vec::new(),
            pending_signatures: HashSet::new(),
            snapshots: Snapshots {
                position: parts.snapshot,
                replay_time: parts.replay_time,
                running: None,
                took: Duration::ZERO,
            },
            broken: None,
        }
    }

    /// Does jobs until nobody can send any more, and closes the chain.
    pub fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let mut replies = vec![job(&mut self)];
            while replies.len() < GROUP_JOBS_MAX && self.buffered() < GROUP_BYTES_MAX {
                let Ok(job) = jobs.try_recv() else { break };
                replies.push(job(&mut self));
            }
            let lasts = self.commit();
            for reply in replies {
                reply(&lasts);
            }
            self.tend();
        }
        self.close();
    }

    fn buffered(&self) -> usize {
        self.writer.as_ref().map_or(0, |(journal, _)| journal.buffered())
    }

    /// Whether anything can be done. After an error of the disk nothing is, not even a read, until
    /// what that left behind in the journal is gone.
    pub fn ready(&mut self) -> Result<(), ChainError> {
        if let Some(reason) = &self.broken {
            return Err(ChainError::Storage(reason.clone()));
        }
        let Some((journal, _)) = &mut self.writer else { return Ok(()) };
        journal.clean().map_err(|error| storage("the journal cannot be cleaned", &error))
    }

    /// Goes on to the present. A chain that is only read stays at its last record.
    pub fn time(&mut self) -> ChainTime {
        if self.writer.is_none() {
            return self.head.time();
        }
        let time = self.clock.now();
        self.blockhashes.advance(time.slot);
        self.ledger.set_time(time);
        time
    }

    pub fn ledger(&mut self) -> &Ledger {
        self.time();
        &self.ledger
    }

    pub fn blockhash(&mut self) -> RecentBlockhash {
        let slot = self.time().slot;
        self.blockhashes.advance(slot);
        RecentBlockhash {
            hash: self.blockhashes.newest(),
            last_valid_block_height: slot.saturating_add(BLOCKHASH_SLOTS),
        }
    }

    /// Executes a transaction whose signatures were checked, unless it was before.
    pub fn send(
        &mut self,
        bytes: &[u8],
        transaction: VersionedTransaction,
        failures_land: bool,
    ) -> Result<Signature, ChainError> {
        self.writable()?;
        let signature = transaction.signatures.first().copied().unwrap_or_default();
        let time = self.time();
        let hash = transaction.message.recent_blockhash();
        let since = self.blockhashes.slot(hash).ok_or(ChainError::BlockhashNotFound)?;
        if self.processed(&signature, since)? {
            return Ok(signature);
        }
        let started = Instant::now();
        let executed = self.ledger.execute(bytes, transaction, failures_land);
        if let Err(ChainError::Storage(reason)) = &executed {
            // Some accounts may have what others have not.
            self.broken = Some(reason.clone());
        }
        let executed = executed?;
        self.snapshots.replay_time += started.elapsed();
        self.record(time, Change::Transaction(executed))?;
        self.pending_signatures.insert(signature);
        Ok(signature)
    }

    fn processed(&self, signature: &Signature, since: u64) -> Result<bool, ChainError> {
        let history = self.history.read().unwrap_or_else(PoisonError::into_inner);
        let found = history.find(signature, since);
        let found = found.map_err(|error| storage("the history cannot be read", &error))?;
        Ok(found.is_some() || self.pending_signatures.contains(signature))
    }

    pub fn airdrop(&mut self, to: Pubkey, lamports: u64) -> Result<(), ChainError> {
        self.writable()?;
        let time = self.time();
        self.ledger.airdrop(to, lamports)?;
        self.record(time, Change::Airdrop { to, lamports })
    }

    /// Moves the chain's clock on.
    pub fn advance(&mut self, by: Duration) -> Result<(), ChainError> {
        self.writable()?;
        let millis = self.clock.advance(by);
        self.head.ahead_millis = millis;
        let time = self.time();
        self.record(time, Change::Ahead { millis })
    }

    /// Puts the program in its place, unless it is there.
    pub fn deploy(&mut self, elf: Vec<u8>) -> Result<(), ChainError> {
        self.writable()?;
        if self.ledger.program(&pixr::ID) == Some(&elf) {
            return Ok(());
        }
        let time = self.time();
        self.ledger.deploy(pixr::ID, &elf)?;
        self.record(time, Change::Program { elf })?;
        self.commit().map_err(ChainError::Storage)
    }

    fn writable(&self) -> Result<(), ChainError> {
        match self.writer {
            Some(_) => Ok(()),
            None => Err(ChainError::Invalid("the embedded chain is open for reading only".into())),
        }
    }

    fn record(&mut self, time: ChainTime, change: Change) -> Result<(), ChainError> {
        let record = Record { slot: time.slot, unix_seconds: time.unix_seconds, change };
        let Some((journal, _)) = &mut self.writer else { return Ok(()) };
        match journal.append(&record) {
            Ok(at) => {
                self.pending.push((at, record));
                Ok(())
            }
            Err(error) => {
                // The accounts have what the journal will never have.
                self.broken = Some(format!("a change cannot be recorded: {error}"));
                self.ready()
            }
        }
    }

    /// Makes what was done durable, or undoes it.
    fn commit(&mut self) -> Result<(), String> {
        let Some((journal, _)) = &mut self.writer else { return Ok(()) };
        let synced = journal.sync();
        let pending = std::mem::take(&mut self.pending);
        self.pending_signatures.clear();
        if let Err(error) = synced {
            journal.discard();
            if let Err(error) = self.ledger.undo() {
                self.broken = Some(format!("a change cannot be undone: {error}"));
            }
            return Err(format!("the journal cannot be written: {error}"));
        }
        self.ledger.keep();
        let mut history = self.history.write().unwrap_or_else(PoisonError::into_inner);
        for (at, record) in pending {
            self.head.slot = record.slot;
            self.head.unix_seconds = record.unix_seconds;
            if let Some(addresses) = history.add(at, &record) {
                // Nobody may be listening.
                let _ = self.news.send(addresses.into());
            }
        }
        Ok(())
    }

    /// What has to be done from time to time, between groups.
    fn tend(&mut self) {
        let Some((journal, _)) = &self.writer else { return };
        if journal.end().offset >= SEGMENT_BYTES_MAX {
            self.close_segment();
        }
        self.collect_snapshot(false);
        let Snapshots { replay_time, took, ref running, .. } = self.snapshots;
        if running.is_none() && replay_time >= REPLAY_TIME_MAX.max(took * SNAPSHOT_SHARE) {
            self.start_snapshot();
        }
    }

    /// Goes on in another segment of the journal.
    pub fn close_segment(&mut self) {
        let Some((journal, _)) = &mut self.writer else { return };
        if let Err(error) = journal.next_segment() {
            tracing::warn!(%error, "the journal's segment cannot be closed yet");
            return;
        }
        let mut history = self.history.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = history.next_segment(self.sync) {
            tracing::warn!(%error, "the index of a closed segment stays in memory");
        }
    }

    /// Writes a snapshot beside the chain's work.
    fn start_snapshot(&mut self) {
        let Some((journal, _)) = &self.writer else { return };
        let position = journal.end();
        let snapshot = Snapshot { position, head: self.head, accounts: self.ledger.accounts() };
        let (folder, sync) = (self.folder.clone(), self.sync);
        let write = move || {
            let started = Instant::now();
            snapshot::write(&folder, &snapshot, sync).map(|()| started.elapsed())
        };
        match std::thread::Builder::new().name("chain-snapshot".into()).spawn(write) {
            Ok(running) => {
                self.snapshots.position = Some(position);
                self.snapshots.replay_time = Duration::ZERO;
                self.snapshots.running = Some(running);
            }
            Err(error) => tracing::warn!(%error, "no snapshot of the embedded chain"),
        }
    }

    /// Takes note of a snapshot that is done, or waits until it is.
    fn collect_snapshot(&mut self, wait: bool) {
        let running = self.snapshots.running.take_if(|running| wait || running.is_finished());
        let Some(running) = running else { return };
        match running.join() {
            Ok(Ok(took)) => self.snapshots.took = took,
            Ok(Err(error)) => {
                self.snapshots.position = None;
                tracing::warn!(%error, "no snapshot of the embedded chain: the next start is slow");
            }
            Err(_) => self.snapshots.position = None,
        }
    }

    fn close(&mut self) {
        self.collect_snapshot(true);
        let end = self.writer.as_ref().map(|(journal, _)| journal.end());
        if end.is_some() && self.broken.is_none() && self.snapshots.position != end {
            self.start_snapshot();
            self.collect_snapshot(true);
        }
    }

    #[cfg(test)]
    pub fn journal(&mut self) -> &mut Journal {
        &mut self.writer.as_mut().expect("a chain that can be written").0
    }
}
