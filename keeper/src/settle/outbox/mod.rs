//! One shard's batches on their way to the chain, strictly in order.
//!
//! What counts is the shard's header: it says which batch the chain waits for, and by its running
//! hash that the batches before are those of this database. So whatever was sent by whom, and
//! whatever a node has forgotten of it, no batch is signed that has landed, and none before the one
//! before it is at least confirmed.
//!
//! | step | durable by |
//! | --- | --- |
//! | windows become batches | one transaction of the database |
//! | a batch is simulated, signed | nothing: an unsent signature is worth nothing |
//! | the signed transaction is pending | one transaction, which also has what finalized meanwhile |
//! | it is sent, again and again | the chain |
//! | it is confirmed, later finalized | the chain; written with the next commit |

mod landing;
mod planning;
mod submit;

pub(super) use submit::unit_limit;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anchor_lang::prelude::Pubkey;
use pixr::state::Shard;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tokio_util::sync::CancellationToken;

use super::{
    blocked::Blocked,
    cluster::Cluster,
    metrics,
    records::{self, Write},
    refusal::Refusal,
    tail::{Position, Tail},
    timing::Timing,
    trouble::Trouble,
};
use crate::{
    app::App,
    chain::Commitment,
    keys::Purpose,
    store::{StoreError, leases::Lease},
};

/// How often it is looked whether confirmed batches are finalized.
const FINALITY_POLL: Duration = Duration::from_secs(1);

/// A shard of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardId {
    pub number: u32,
    pub address: Pubkey,
}

/// What was settled, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub batches: u64,
    pub credits: u64,
    pub views: u64,
    pub fees_lamports: u64,
}

impl Totals {
    fn add(&mut self, credits: u64, views: u64, fee_lamports: u64) {
        self.batches = self.batches.saturating_add(1);
        self.credits = self.credits.saturating_add(credits);
        self.views = self.views.saturating_add(views);
        self.fees_lamports = self.fees_lamports.saturating_add(fee_lamports);
    }
}

/// Nothing to do for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// When to look again, unless there are new windows before.
    pub again_in: Duration,
    /// Whether every batch is finalized.
    pub finalized: bool,
}

/// A transaction that this process has sent.
#[derive(Clone, Copy)]
struct Sent {
    sequence: u64,
    at: Instant,
}

/// Settles one shard, under a lease.
pub(super) struct Outbox {
    app: App,
    shard: ShardId,
    keeper: Arc<Keypair>,
    lease: Lease,
    cluster: Cluster,
    tail: Tail,
    /// Whether the tail has to be read from the database: at first, and after every error of it.
    stale: bool,
    /// To be written with the next commit.
    writes: Vec<Write>,
    sent: Option<Sent>,
    finality_due: Instant,
    planned_at: Option<Instant>,
    stop: CancellationToken,
    /// Since the outbox was made.
    pub settled: Totals,
    /// How many steps were done that last.
    pub steps: u64,
}

impl Outbox {
    pub fn new(app: App, shard: ShardId, lease: Lease, stop: CancellationToken) -> Self {
        Self {
            keeper: Arc::new(app.keys.key(Purpose::Keeper)),
            cluster: Cluster::new(app.clone(), shard.address),
            app,
            shard,
            lease,
            tail: Tail::default(),
            stale: true,
            writes: Vec::new(),
            sent: None,
            finality_due: Instant::now(),
            planned_at: None,
            stop,
            settled: Totals::default(),
            steps: 0,
        }
    }

    /// Does everything that can be done now: sends what is planned, plans what is due. Returns when
    /// there is nothing left but to wait, or when it was asked to stop; everything is stored then.
    pub async fn pass(&mut self, timing: Timing) -> Result<Rest, Trouble> {
        let mut result = self.work(timing).await;
        if !matches!(result, Ok(_) | Err(Trouble::Store(_)))
            && let Err(trouble) = self.commit_writes().await
        {
            result = Err(trouble);
        }
        if let Err(Trouble::Store(_)) = result {
            // A commit may have happened although it looks as if it had not: what the database has
            // is what counts.
            self.stale = true;
        }
        if let Err(Trouble::Chain(error)) = &result
            && !error.can_retry()
        {
            self.cluster.forget();
        }
        result
    }

    async fn work(&mut self, timing: Timing) -> Result<Rest, Trouble> {
        if self.stale {
            self.load().await?;
        }
        let mut seen = None;
        loop {
            let header = match seen.take() {
                Some(header) => header,
                None => self.cluster.header(Commitment::Confirmed).await?,
            };
            let position = self.tail.position(self.shard.number, &header)?;
            metrics::next_sequence(self.shard.number, header.next_sequence);
            self.note_confirmed(header.next_sequence);
            self.finalize().await?;
            if self.stop.is_cancelled() {
                return self.rest(Duration::ZERO).await;
            }
            match position {
                Position::Unloaded => self.load_more().await?,
                Position::Next(sequence) => seen = self.advance(sequence, &header, timing).await?,
                Position::Drained => {
                    if let Some(again_in) = self.plan(timing, &header).await? {
                        return self.rest(again_in).await;
                    }
                }
            }
        }
    }

    /// Reads the batches from the database.
    async fn load(&mut self) -> Result<(), Trouble> {
        let mut connection = self.app.store.get().await.map_err(StoreError::from)?;
        self.tail = records::load_tail(&mut connection, self.shard.number).await?;
        self.writes.clear();
        self.stale = false;
        Ok(())
    }

    /// Reads the next open batches.
    async fn load_more(&mut self) -> Result<(), Trouble> {
        let (shard, loaded) = (self.shard.number, self.tail.loaded().unwrap_or(0));
        let mut connection = self.app.store.get().await.map_err(StoreError::from)?;
        let more = records::load_batches(&mut connection, shard, loaded).await?;
        if more.is_empty() {
            let problem = format!("batch {loaded} of shard {shard} is followed by a gap");
            return Err(StoreError::Corrupt(problem).into());
        }
        self.tail.open.extend(more);
        Ok(())
    }

    /// Brings the batch that the chain waits for onto it. Returns the header, if it was read.
    async fn advance(
        &mut self,
        sequence: u64,
        header: &Shard,
        timing: Timing,
    ) -> Result<Option<Shard>, Trouble> {
        let batch = self.tail.batch(sequence);
        let pending = batch.is_some_and(|batch| batch.pending().is_some());
        if !pending && !self.submit(sequence, header, timing).await? {
            return Ok(None);
        }
        self.await_landing(sequence).await
    }

    /// Writes what is known and not written, and rests.
    async fn rest(&mut self, again_in: Duration) -> Result<Rest, Trouble> {
        self.commit_writes().await?;
        let finalized = self.tail.open.is_empty();
        let again_in = if finalized { again_in } else { again_in.min(FINALITY_POLL) };
        Ok(Rest { again_in, finalized })
    }

    /// The program refuses a batch, or did.
    async fn refused(&mut self, sequence: u64, refusal: &Refusal) -> Result<Blocked, Trouble> {
        let now = self.app.chain.time().await?.unix_seconds;
        let keeper = self.keeper.pubkey();
        Ok(Blocked::refused(self.shard.number, sequence, refusal, &keeper, now))
    }
}
