//! Waiting for a batch to land, and noticing that it cannot be undone.

use std::time::{Duration, Instant};

use chrono::Utc;
use diesel_async::AsyncConnection;
use pixr::state::Shard;

use super::{FINALITY_POLL, Outbox};
use crate::{
    chain::{ChainError, Commitment},
    crash_point,
    settle::{
        backoff::Backoff,
        blocked::Blocked,
        confirm::{self, Evidence, Outcome, judge},
        metrics,
        records::{self, EXPIRED, FAILED, Write},
        refusal::Refusal,
        tail::{Attempt, Batch},
        trouble::Trouble,
    },
    store::{StoreError, leases},
};

/// First and longest delay between two looks at whether a batch has landed. The very first look is
/// at once: the embedded chain has executed it by then.
const POLL_MIN: Duration = Duration::from_millis(50);
const POLL_MAX: Duration = Duration::from_millis(500);
/// How often a transaction that has not landed is sent again.
const RESEND: Duration = Duration::from_secs(2);
/// How often it is looked whether a transaction has expired.
const EXPIRY_POLL: Duration = Duration::from_secs(2);
/// Batches that are written as finalized at once.
const FINALIZED_MAX: usize = 64;

impl Outbox {
    /// Takes note of batches that are on the chain, below `next_sequence`.
    pub(super) fn note_confirmed(&mut self, next_sequence: u64) {
        let shard = self.shard.number;
        let landed = self.tail.open.iter_mut().filter(|batch| batch.sequence < next_sequence);
        for batch in landed.filter(|batch| batch.confirmed_at.is_none()) {
            crash_point!("confirmed");
            let now = Utc::now();
            batch.confirmed_at = Some(now);
            metrics::confirmed(shard, batch, now);
        }
    }

    /// Takes batches that are finalized out of the open ones, to be written with the next commit.
    pub(super) async fn finalize(&mut self) -> Result<(), Trouble> {
        let confirmed = |batch: &&Batch| batch.confirmed_at.is_some();
        let landed = self.tail.open.iter().take_while(confirmed).count();
        if landed == 0 || Instant::now() < self.finality_due {
            return Ok(());
        }
        let header = self.cluster.header(Commitment::Finalized).await?;
        let batches = self.tail.open.iter().take(landed.min(FINALIZED_MAX));
        let finalized: Vec<&Batch> =
            batches.take_while(|batch| batch.sequence < header.next_sequence).collect();
        if let Some(last) = finalized.last()
            && last.sequence.saturating_add(1) == header.next_sequence
            && last.hash != header.hash
        {
            let shard = self.shard.number;
            return Err(Blocked::hash_differs(shard, last.sequence, &header.hash).into());
        }
        let identified = confirm::identify(&*self.app.chain, &finalized).await?;
        for landed in identified {
            let Some(batch) = self.tail.open.pop_front() else { break };
            self.book(batch, landed);
        }
        if self.tail.open.front().is_some_and(|batch| batch.confirmed_at.is_some()) {
            self.finality_due = Instant::now() + FINALITY_POLL;
        }
        Ok(())
    }

    /// Prepares what is to be written of a finalized batch.
    fn book(&mut self, batch: Batch, landed: Option<records::LandedAttempt>) {
        let fee = landed.as_ref().map_or(0, |landed| landed.fee_lamports);
        self.settled.add(batch.credits, batch.views, fee);
        self.steps = self.steps.saturating_add(1);
        metrics::finalized(self.shard.number, &batch, landed.as_ref());
        let landed_by = landed.as_ref().map(|landed| landed.signature);
        // Another transaction of this batch cannot land: its number is taken.
        for attempt in &batch.attempts {
            if attempt.pending && Some(attempt.signature) != landed_by {
                self.writes.push(closed(attempt, EXPIRED, None));
            }
        }
        self.tail.finalized = Some(batch.sequence);
        let confirmed_at = batch.confirmed_at.unwrap_or_else(Utc::now);
        let (shard, sequence) = (self.shard.number, batch.sequence);
        self.writes.push(Write::Finalized { shard, sequence, confirmed_at, landed });
    }

    /// Waits until the pending transaction of a batch has landed, or cannot land any more. Returns
    /// the header that shows it on the chain.
    pub(super) async fn await_landing(&mut self, sequence: u64) -> Result<Option<Shard>, Trouble> {
        let mut pause = Backoff::new(POLL_MIN, POLL_MAX);
        let mut expiry_due = Instant::now();
        let mut first = true;
        loop {
            let header = self.cluster.header(Commitment::Confirmed).await?;
            if header.next_sequence != sequence {
                return Ok(Some(header));
            }
            let look = Instant::now() >= expiry_due;
            // Right after sending there is nothing to find out yet.
            if !first || !self.sent_now(sequence) {
                match self.outcome(sequence, look).await? {
                    Outcome::Pending | Outcome::Finalized => {}
                    Outcome::Expired => {
                        self.close(sequence, EXPIRED, None);
                        return Ok(None);
                    }
                    Outcome::Failed(error) => return Err(self.failed(sequence, &error).await?),
                }
            }
            if look {
                expiry_due = Instant::now() + EXPIRY_POLL;
            }
            self.resend(sequence).await?;
            if self.stop.is_cancelled() {
                return Ok(Some(header));
            }
            first = false;
            tokio::select! {
                () = tokio::time::sleep(pause.delay()) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// What became of the pending transaction of a batch that the chain waits for.
    async fn outcome(&self, sequence: u64, look: bool) -> Result<Outcome, Trouble> {
        let pending = self.tail.batch(sequence).and_then(Batch::pending);
        let Some(attempt) = pending else { return Ok(Outcome::Pending) };
        let chain = &*self.app.chain;
        // Before anything else: see `Evidence`.
        let height =
            if look { Some(chain.block_height(Commitment::Finalized).await?) } else { None };
        let status = confirm::statuses(chain, std::iter::once(attempt)).await?.pop().flatten();
        let late = height.is_some_and(|height| height > attempt.last_valid_block_height);
        let effect = if late {
            let header = self.cluster.header(Commitment::Finalized).await?;
            (header.next_sequence > sequence).then_some(Commitment::Finalized)
        } else {
            None
        };
        let evidence = Evidence { height, status: status.as_ref(), effect };
        Ok(judge(evidence, attempt.last_valid_block_height))
    }

    /// Whether this process sent a transaction of this batch a moment ago.
    fn sent_now(&self, sequence: u64) -> bool {
        self.sent.is_some_and(|sent| sent.sequence == sequence && sent.at.elapsed() < RESEND)
    }

    /// Sends the pending transaction again when it is time, or when another process sent it last.
    async fn resend(&mut self, sequence: u64) -> Result<(), Trouble> {
        if self.sent_now(sequence) {
            return Ok(());
        }
        let pending = self.tail.batch(sequence).and_then(Batch::pending);
        let Some(bytes) = pending.map(|attempt| attempt.bytes.clone()) else { return Ok(()) };
        self.send(sequence, &bytes).await
    }

    /// Sends a transaction that is stored. That it could not be sent is no trouble: it stays pending
    /// and is sent again. That it is refused is one, until it expires or what is wrong is mended.
    pub(super) async fn send(&mut self, sequence: u64, bytes: &[u8]) -> Result<(), Trouble> {
        self.sent = Some(super::Sent { sequence, at: Instant::now() });
        match self.app.chain.send(bytes).await {
            Ok(_) | Err(ChainError::BlockhashNotFound) => Ok(()),
            Err(ChainError::Refused { error, logs }) => {
                Err(self.refused(sequence, &Refusal::new(&error, &logs)).await?.into())
            }
            Err(error) if error.can_retry() => {
                tracing::debug!(shard = self.shard.number, sequence, %error, "not sent; again soon");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The pending transaction was executed and failed: it is signed again, later and later.
    async fn failed(
        &mut self,
        sequence: u64,
        error: &solana_transaction_error::TransactionError,
    ) -> Result<Trouble, Trouble> {
        let pending = self.tail.batch(sequence).and_then(Batch::pending).cloned();
        let details = match &pending {
            Some(attempt) => confirm::details(&*self.app.chain, attempt).await?,
            None => None,
        };
        let refusal = Refusal::new(error, &details.map_or_else(Vec::new, |details| details.logs));
        metrics::failed(self.shard.number);
        self.close(sequence, FAILED, Some(refusal.message.clone()));
        self.commit_writes().await?;
        let tries = self.tail.batch(sequence).map_or(0, |batch| batch.attempts.len());
        Ok(self.refused(sequence, &refusal).await?.after_failures(tries).into())
    }

    /// Takes note that the pending transaction of a batch cannot land any more.
    fn close(&mut self, sequence: u64, outcome: &'static str, error: Option<String>) {
        let Some(batch) = self.tail.batch_mut(sequence) else { return };
        for attempt in batch.attempts.iter_mut().filter(|attempt| attempt.pending) {
            attempt.pending = false;
            self.writes.push(closed(attempt, outcome, error.clone()));
            if outcome == EXPIRED {
                metrics::expired(self.shard.number);
            }
        }
    }

    /// Writes what is known and not written, if there is any.
    pub(super) async fn commit_writes(&mut self) -> Result<(), Trouble> {
        if self.writes.is_empty() {
            return Ok(());
        }
        let mut connection = self.app.store.get().await.map_err(StoreError::from)?;
        let (lease, writes) = (&self.lease, &self.writes);
        connection
            .transaction(async |connection| {
                leases::check(connection, lease).await?;
                records::write(connection, writes).await
            })
            .await?;
        self.writes.clear();
        Ok(())
    }
}

fn closed(attempt: &Attempt, outcome: &'static str, error: Option<String>) -> Write {
    Write::Closed { signature: attempt.signature, outcome, error }
}
