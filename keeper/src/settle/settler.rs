//! The loop that settles every shard, and the single pass over them.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::QueryDsl;
use diesel_async::RunQueryDsl;
use futures::{StreamExt, stream};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    backoff::Backoff,
    blocked::Blocked,
    board::{Board, State},
    metrics,
    outbox::{Outbox, ShardId, Totals},
    records::loaded,
    timing::Timing,
    trouble::Trouble,
};
use crate::{
    app::App,
    chain::ChainError,
    store::{
        Pool, StoreError,
        leases::{self, Lease},
        schema::shards,
    },
};

/// How long a lease lasts that nobody extends: another keeper takes over after it.
const LEASE_LASTS: Duration = Duration::from_secs(10);
/// How often it is looked whether another keeper's lease has ended.
const LEASE_RETRY: Duration = Duration::from_secs(2);
/// How often it is looked for new shards.
const SHARDS_POLL: Duration = Duration::from_secs(2);
/// Delays after an error that another try can mend.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// So many tries in a row are part of the business; after that it is an alarm.
const RETRIES_UNTIL_ALARM: u32 = 4;
/// The longest that a busy endpoint can ask to wait.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(30);
/// Shards that a single pass settles at once.
const SHARDS_AT_ONCE: usize = 16;
/// How long a single pass goes on without getting anything done.
const PATIENCE: Duration = Duration::from_secs(120);

/// The platform's shards that the database knows.
pub async fn shards(pool: &Pool) -> Result<Vec<ShardId>, StoreError> {
    let rows: Vec<(i32, String)> = shards::table
        .select((shards::number, shards::address))
        .order(shards::number)
        .load(&mut pool.get().await?)
        .await?;
    rows.into_iter()
        .map(|(number, address)| {
            let corrupt = || StoreError::Corrupt(format!("shard {number} at {address}"));
            let number = u32::try_from(loaded(number.into())?).map_err(|_| corrupt())?;
            Ok(ShardId { number, address: address.parse().map_err(|_| corrupt())? })
        })
        .collect()
}

fn lease_name(shard: ShardId) -> String {
    format!("settle/{}", shard.number)
}

/// Settles all shards until it is stopped.
#[derive(Clone)]
pub struct Settler {
    app: App,
    /// Somebody stored a window.
    wake: Arc<Notify>,
    board: Board,
    owner: String,
}

impl Settler {
    /// Settles for `app` as `owner`, a name that no other process has at the same time. Whoever
    /// stores windows calls `wake.notify_waiters()`.
    pub fn new(app: App, owner: String, wake: Arc<Notify>) -> Self {
        metrics::describe();
        Self { app, wake, board: Board::default(), owner }
    }

    /// What the shards are doing.
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Runs until `stop`: a task for each shard, for new ones as they appear. What is under way then
    /// is stored, and goes on after the next start.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        let mut known = BTreeSet::new();
        while !stop.is_cancelled() {
            match shards(&self.app.store).await {
                Ok(all) => {
                    for shard in all.into_iter().filter(|shard| known.insert(*shard)) {
                        tasks.spawn(self.clone().settle(shard, stop.clone()));
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot look for new shards"),
            }
            tokio::select! {
                () = tokio::time::sleep(SHARDS_POLL) => {}
                () = stop.cancelled() => {}
                // A task ends by itself only when it panics.
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => ended?,
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Settles one shard whenever nobody else does.
    async fn settle(self, shard: ShardId, stop: CancellationToken) {
        let mut retries = Retries::default();
        while !stop.is_cancelled() {
            let store = &self.app.store;
            let wait =
                match leases::acquire(store, &lease_name(shard), &self.owner, LEASE_LASTS).await {
                    Ok(Some(lease)) => {
                        retries = Retries::default();
                        self.settle_under(shard, lease, &stop).await;
                        Duration::ZERO
                    }
                    Ok(None) => {
                        self.board.set(shard.number, State::Elsewhere);
                        LEASE_RETRY
                    }
                    Err(error) => self.note(shard, &error.into(), &mut retries),
                };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Settles one shard until the lease is lost.
    async fn settle_under(&self, shard: ShardId, lease: Lease, stop: &CancellationToken) {
        let mut outbox = Outbox::new(self.app.clone(), shard, lease.clone(), stop.clone());
        let mut kept = keep(&self.app.store, &lease);
        let mut retries = Retries::default();
        while !stop.is_cancelled() {
            // Before looking: no window that is stored meanwhile is overlooked.
            let woken = self.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let steps = outbox.steps;
            let pass = outbox.pass(Timing::Due).await;
            if pass.is_ok() || outbox.steps != steps {
                retries = Retries::default();
            }
            let (wait, can_wake) = match pass {
                Ok(rest) => {
                    self.board.set(shard.number, State::Settling);
                    (rest.again_in, true)
                }
                Err(Trouble::Store(StoreError::LeaseLost(_))) => return,
                Err(trouble) => (self.note(shard, &trouble, &mut retries), false),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = woken, if can_wake => {}
                () = stop.cancelled() => {}
                _ = &mut kept => return,
            }
        }
        drop(kept);
        if let Err(error) = leases::release(&self.app.store, &lease).await {
            tracing::debug!(shard = shard.number, %error, "the lease ends by itself");
        }
    }

    /// Takes note of a trouble; returns when to try again.
    fn note(&self, shard: ShardId, trouble: &Trouble, retries: &mut Retries) -> Duration {
        let wait = retries.after(trouble);
        if retries.alarming(trouble) {
            let blocked = Blocked::trouble(shard.number, trouble);
            self.board.set(shard.number, State::Blocked(blocked));
        } else {
            tracing::debug!(shard = shard.number, %trouble, ?wait, "tried again");
        }
        wait
    }
}

/// Keeps a lease until what is returned is dropped; it ends when the lease is lost.
fn keep(pool: &Pool, lease: &Lease) -> AbortOnDropHandle<()> {
    let (pool, lease) = (pool.clone(), lease.clone());
    AbortOnDropHandle::new(tokio::spawn(async move {
        leases::keep(&pool, &lease, LEASE_LASTS).await;
    }))
}

/// Tries that failed one after the other.
struct Retries {
    count: u32,
    backoff: Backoff,
}

impl Default for Retries {
    fn default() -> Self {
        Self { count: 0, backoff: Backoff::new(RETRY_MIN, RETRY_MAX) }
    }
}

impl Retries {
    /// How long to wait after this one.
    fn after(&mut self, trouble: &Trouble) -> Duration {
        self.count = self.count.saturating_add(1);
        match trouble {
            Trouble::Blocked(blocked) => blocked.retry_in,
            Trouble::Chain(ChainError::Busy { retry_after }) => {
                self.backoff.delay().max(*retry_after).min(BUSY_WAIT_MAX)
            }
            _ => self.backoff.delay(),
        }
    }

    /// Whether an operator should know.
    fn alarming(&self, trouble: &Trouble) -> bool {
        !usual(trouble) || self.count >= RETRIES_UNTIL_ALARM
    }
}

/// Whether another try can mend it.
fn usual(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Chain(error) => error.can_retry(),
        Trouble::Store(StoreError::Connection(_) | StoreError::Query(_)) => true,
        Trouble::Disagreement => true,
        Trouble::Store(_) | Trouble::Sign(_) | Trouble::Blocked(_) => false,
    }
}

/// What one pass did for a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSummary {
    pub shard: u32,
    /// Finalized in this pass.
    pub settled: Totals,
    /// What kept it from settling everything.
    pub blocked: Option<Blocked>,
}

/// What one pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By number.
    pub shards: Vec<ShardSummary>,
}

impl Summary {
    /// Everything that was settled.
    pub fn settled(&self) -> Totals {
        let mut all = Totals::default();
        for ShardSummary { settled, .. } in &self.shards {
            all.batches = all.batches.saturating_add(settled.batches);
            all.credits = all.credits.saturating_add(settled.credits);
            all.views = all.views.saturating_add(settled.views);
            all.fees_lamports = all.fees_lamports.saturating_add(settled.fees_lamports);
        }
        all
    }
}

/// Settles every shard until nothing is left to do, and everything is finalized; several at a time.
pub async fn settle_once(
    app: &App,
    owner: &str,
    timing: Timing,
    stop: &CancellationToken,
) -> Result<Summary, StoreError> {
    metrics::describe();
    let all = shards(&app.store).await?;
    let mut shards: Vec<_> = stream::iter(all)
        .map(|shard| settle_shard_once(app, shard, timing, owner, stop))
        .buffer_unordered(SHARDS_AT_ONCE)
        .collect()
        .await;
    shards.sort_by_key(|summary| summary.shard);
    Ok(Summary { shards })
}

async fn settle_shard_once(
    app: &App,
    shard: ShardId,
    timing: Timing,
    owner: &str,
    stop: &CancellationToken,
) -> ShardSummary {
    let summary = |settled, trouble: Option<Trouble>| {
        let blocked = trouble.map(|trouble| Blocked::trouble(shard.number, &trouble));
        ShardSummary { shard: shard.number, settled, blocked }
    };
    let name = lease_name(shard);
    let lease = match leases::acquire(&app.store, &name, owner, LEASE_LASTS).await {
        Ok(Some(lease)) => lease,
        Ok(None) => return summary(Totals::default(), Some(StoreError::LeaseLost(name).into())),
        Err(error) => return summary(Totals::default(), Some(error.into())),
    };
    let _kept = keep(&app.store, &lease);
    let mut outbox = Outbox::new(app.clone(), shard, lease.clone(), stop.clone());
    let trouble = until_done(&mut outbox, timing, stop).await.err();
    if let Err(error) = leases::release(&app.store, &lease).await {
        tracing::debug!(shard = shard.number, %error, "the lease ends by itself");
    }
    summary(outbox.settled, trouble)
}

async fn until_done(
    outbox: &mut Outbox,
    timing: Timing,
    stop: &CancellationToken,
) -> Result<(), Trouble> {
    let mut retries = Retries::default();
    let mut progress = (outbox.steps, Instant::now());
    loop {
        let pass = outbox.pass(timing).await;
        if outbox.steps != progress.0 {
            progress = (outbox.steps, Instant::now());
            retries = Retries::default();
        }
        let wait = match pass {
            Ok(rest) if rest.finalized || stop.is_cancelled() => return Ok(()),
            Ok(rest) => rest.again_in,
            Err(trouble) => {
                let over = progress.1.elapsed() >= PATIENCE || stop.is_cancelled();
                if over || !usual(&trouble) {
                    return Err(trouble);
                }
                retries.after(&trouble)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
}
