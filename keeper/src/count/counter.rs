//! The loop of a counter.

use std::time::Duration;

use chrono::Utc;
use metrics::{counter, gauge, histogram};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Context, CountError, commit, commit::Commit, metrics as names, rebuild, tally::Tally,
    worker::Worker,
};
use crate::{
    crash_point,
    log::{LoggedBatch, Partition, Position},
    store::{
        StoreError,
        leases::{self, Lease},
    },
    views::VERDICTS,
};

/// How long a lease lasts without being extended: a dead keeper's partition waits so long.
const LEASE_LASTS: Duration = Duration::from_secs(10);
/// How often a keeper that waits for a partition asks for it.
const LEASE_POLL: Duration = Duration::from_secs(1);
/// Pause after a failure before the same is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Events of one read.
const READ_EVENTS: usize = 100_000;
/// Events after which counts are committed without waiting for the interval.
const COMMIT_EVENTS: usize = 500_000;
/// Events that may be judged while the commit before is under way.
const OPEN_EVENTS_MAX: usize = 1_000_000;
/// How long one read waits.
const READ_WAIT: Duration = Duration::from_secs(1);
/// How long a stopping keeper tries to commit; what it does not commit is counted later.
const STOP_COMMIT_MAX: Duration = Duration::from_secs(5);

/// Counts a partition whenever no other keeper does, until `cancel`; what was judged by then is
/// committed. Returns an error only when trying again cannot help.
pub async fn run(
    context: Context,
    partition: Partition,
    cancel: CancellationToken,
) -> Result<(), CountError> {
    let leading = gauge!(names::LEADING, "partition" => partition.0.to_string());
    while let Some(lease) = wait_for_lease(&context, partition, &cancel).await {
        leading.set(1);
        let counted = count(&context, partition, &lease, &cancel).await;
        leading.set(0);
        match counted {
            Err(CountError::Store(StoreError::LeaseLost(name))) => {
                tracing::warn!(name, "another keeper counts this partition now");
                continue;
            }
            Err(error) if error.can_retry() && !cancel.is_cancelled() => {
                tracing::error!(partition = partition.0, %error, "counting starts again");
                sleep(RETRY_PAUSE).await;
                continue;
            }
            Err(error) if error.can_retry() => {
                tracing::warn!(partition = partition.0, %error, "what is not stored is counted later");
            }
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        if let Err(error) = leases::release(&context.pool, &lease).await {
            tracing::warn!(%error, "cannot give up a lease; it expires");
        }
        break;
    }
    Ok(())
}

async fn wait_for_lease(
    context: &Context,
    partition: Partition,
    cancel: &CancellationToken,
) -> Option<Lease> {
    let name = format!("count/{}", partition.0);
    while !cancel.is_cancelled() {
        match leases::acquire(&context.pool, &name, &context.owner, LEASE_LASTS).await {
            Ok(Some(lease)) => return Some(lease),
            Ok(None) => {}
            Err(error) => tracing::warn!(name, %error, "cannot ask for a lease"),
        }
        cancel.run_until_cancelled(sleep(LEASE_POLL)).await;
    }
    None
}

/// Counts under a lease.
async fn count(
    context: &Context,
    partition: Partition,
    lease: &Lease,
    cancel: &CancellationToken,
) -> Result<(), CountError> {
    // Whatever ends this ends its stages.
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    let work = async {
        let position = {
            let mut connection = context.pool.get().await.map_err(StoreError::from)?;
            commit::start(&mut connection, partition).await?
        };
        context.log.take_over(partition, position).await?;
        let started = Instant::now();
        let judge =
            rebuild::judge(&context.pool, &*context.log, &context.config, partition, position)
                .await?;
        tracing::info!(
            partition = partition.0,
            position = position.0,
            ids = judge.live_ids(),
            milliseconds = started.elapsed().as_millis(),
            "counting"
        );
        let (sender, batches) = mpsc::channel(1);
        let reading = read(context.clone(), partition, position, sender, cancel.clone());
        // A reader that waits ends with its receiver, at the latest when it has something to send.
        tokio::spawn(stop.clone().run_until_cancelled_owned(reading));
        let worker = Worker::new(partition, judge, Tally::after(position));
        let counter = Counter { context, lease, cancel, stop: &stop, commit: None };
        counter.work(worker, batches).await
    };
    tokio::select! {
        done = work => done,
        () = leases::keep(&context.pool, lease, LEASE_LASTS) => {
            Err(StoreError::LeaseLost(lease.name.clone()).into())
        }
    }
}

type Read = Result<Vec<LoggedBatch>, CountError>;

/// Reads ahead of the judge, until `cancel`.
async fn read(
    context: Context,
    partition: Partition,
    mut position: Position,
    sender: mpsc::Sender<Read>,
    cancel: CancellationToken,
) {
    loop {
        let next = context.log.read(partition, position, READ_EVENTS, READ_WAIT);
        let batches = match cancel.run_until_cancelled(next).await {
            None => return,
            Some(Ok(batches)) => batches,
            Some(Err(error)) => {
                let error = CountError::from(error);
                if !error.can_retry() {
                    // Whoever counts is told, unless it has stopped by itself.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
                tracing::warn!(partition = partition.0, %error, "cannot read the log");
                sleep(RETRY_PAUSE).await;
                // The reader may have lost its place; where it has not, this changes nothing.
                if let Err(error) = context.log.take_over(partition, position).await {
                    tracing::warn!(partition = partition.0, %error, "cannot take the log over");
                }
                continue;
            }
        };
        let Some(last) = batches.last() else { continue };
        position = last.position;
        if sender.send(Ok(batches)).await.is_err() {
            return;
        }
    }
}

/// Judges what is read and commits what is judged.
struct Counter<'a> {
    context: &'a Context,
    lease: &'a Lease,
    cancel: &'a CancellationToken,
    stop: &'a CancellationToken,
    commit: Option<JoinHandle<Result<(), CountError>>>,
}

impl Counter<'_> {
    /// Until there is nothing more to read and everything is committed.
    async fn work(
        mut self,
        mut worker: Worker,
        mut batches: mpsc::Receiver<Read>,
    ) -> Result<(), CountError> {
        let mut due = Instant::now();
        let mut ended = false;
        loop {
            let full = worker.tally.events >= OPEN_EVENTS_MAX;
            let at_once = ended || worker.tally.events >= COMMIT_EVENTS;
            let committing = self.commit.is_some();
            tokio::select! {
                biased;
                committed = finished(&mut self.commit), if committing => {
                    self.commit = None;
                    committed.map_err(CountError::Stopped)??;
                }
                () = sleep_until(if at_once { Instant::now() } else { due }),
                    if !committing && !worker.tally.is_empty() =>
                {
                    self.start_commit(&mut worker);
                }
                read = batches.recv(), if !full && !ended => {
                    let Some(read) = read else {
                        ended = true;
                        continue;
                    };
                    if worker.tally.is_empty() {
                        due = Instant::now() + self.context.commit_interval;
                    }
                    worker = self.judge(worker, read?).await?;
                }
                else => return Ok(()),
            }
        }
    }

    async fn judge(
        &self,
        mut worker: Worker,
        batches: Vec<LoggedBatch>,
    ) -> Result<Worker, CountError> {
        let registry = self.context.registry.clone();
        let stop = self.stop.clone();
        tokio::task::spawn_blocking(move || {
            worker.work(&batches, &registry, &Handle::current(), &stop)?;
            Ok(worker)
        })
        .await
        .map_err(CountError::Stopped)?
    }

    fn start_commit(&mut self, worker: &mut Worker) {
        let label = worker.partition.0.to_string();
        let (id_bytes, bytes) = worker.judge.bytes();
        gauge!(names::LIVE_IDS, "partition" => label.clone()).set(worker.judge.live_ids() as f64);
        gauge!(names::LIVE_ID_BYTES, "partition" => label.clone()).set(id_bytes as f64);
        gauge!(names::MEMORY, "partition" => label).set(bytes as f64);
        gauge!(names::CONTENTS).set(self.context.registry.look().len() as f64);
        let next = Tally::after(worker.tally.through);
        let storing = Storing {
            context: self.context.clone(),
            partition: worker.partition,
            lease: self.lease.clone(),
            cancel: self.cancel.clone(),
            stop: self.stop.clone(),
        };
        let tally = std::mem::replace(&mut worker.tally, next);
        self.commit = Some(tokio::spawn(storing.store(tally)));
    }
}

/// Waits for a commit, for ever when there is none.
async fn finished<T>(commit: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match commit {
        Some(commit) => commit.await,
        None => std::future::pending().await,
    }
}

/// What storing a tally needs.
struct Storing {
    context: Context,
    partition: Partition,
    lease: Lease,
    cancel: CancellationToken,
    stop: CancellationToken,
}

impl Storing {
    /// Stores a tally and tells everybody whom it concerns.
    async fn store(self, tally: Tally) -> Result<(), CountError> {
        let Self { context, partition, .. } = &self;
        let partition = *partition;
        let packing = tokio::task::spawn_blocking(move || Commit::new(partition, tally));
        let commit = packing.await.map_err(CountError::Stopped)??;
        self.insist(&commit).await?;
        crash_point!("counted");
        if let Err(error) = context.log.acknowledge(partition, commit.through).await {
            // The next acknowledgement includes this one.
            tracing::warn!(partition = partition.0, %error, "cannot acknowledge");
        }
        context.counted.send_replace(());
        observe(partition, &commit);
        Ok(())
    }

    /// Tries until the commit is stored. Another keeper's lease ends it, and so does stopping.
    async fn insist(&self, commit: &Commit) -> Result<(), StoreError> {
        let label = self.partition.0.to_string();
        let started = Instant::now();
        loop {
            let error = match commit.store(&self.context.pool, &self.lease).await {
                Ok(()) => break,
                Err(error @ (StoreError::LeaseLost(_) | StoreError::Corrupt(_))) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            counter!(names::COMMIT_FAILURES, "partition" => label.clone()).increment(1);
            let late = self.cancel.is_cancelled() && started.elapsed() > STOP_COMMIT_MAX;
            if late || self.stop.is_cancelled() {
                return Err(error);
            }
            tracing::error!(partition = label, %error, "cannot store counts; trying again");
            sleep(RETRY_PAUSE).await;
        }
        histogram!(names::COMMIT, "partition" => label).record(started.elapsed());
        Ok(())
    }
}

fn observe(partition: Partition, commit: &Commit) {
    let label = partition.0.to_string();
    counter!(names::BATCHES, "partition" => label.clone()).increment(commit.batches.len() as u64);
    for verdict in VERDICTS {
        let events: u64 =
            commit.batches.iter().map(|batch| u64::from(batch.counts[verdict as usize])).sum();
        let labels = [("partition", label.clone()), ("verdict", verdict.name().into())];
        counter!(names::EVENTS, &labels).increment(events);
    }
    if let Some(last) = commit.batches.last() {
        let lag = (Utc::now() - last.received_at).as_seconds_f64();
        gauge!(names::LAG, "partition" => label).set(lag);
    }
}
