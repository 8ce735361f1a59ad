//! Whether this keeper can do its work, part by part.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel_async::RunQueryDsl;
use serde::Serialize;
use tokio::{sync::Mutex, time::timeout};

use super::figures;
use crate::{
    chain::Chain,
    log::{EventLog, Partition, Position},
    settle::{Blocked, Board, ShardStatus, State},
    store::{Pool, StoreError},
};

/// How long a part may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// For so long a report is passed on to whoever asks: asking often costs nothing.
const REPORT_LASTS: Duration = Duration::from_secs(1);

/// A part of a keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub ready: bool,
    /// What it is like, or what is wrong with it.
    pub state: String,
}

impl Part {
    fn ready(state: impl Into<String>) -> Self {
        Self { ready: true, state: state.into() }
    }

    fn not_ready(state: impl Into<String>) -> Self {
        Self { ready: false, state: state.into() }
    }

    fn of<T, E: Display>(answer: Result<T, E>, judge: impl FnOnce(T) -> Self) -> Self {
        answer.map_or_else(|error| Self::not_ready(error.to_string()), judge)
    }
}

/// A shard that this keeper cannot settle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockedShard {
    pub shard: u32,
    /// A short name that does not change: the program's error, or the keeper's own.
    pub cause: String,
    pub reason: String,
    /// What an operator can do.
    pub advice: String,
    pub since: DateTime<Utc>,
}

impl BlockedShard {
    fn of(ShardStatus { shard, state, since }: ShardStatus) -> Option<Self> {
        let State::Blocked(Blocked { cause, reason, advice, .. }) = state else { return None };
        Some(Self { shard, cause, reason, advice, since })
    }
}

/// Whether a keeper is ready, and each of its parts.
///
/// A shard that cannot settle does not make a keeper unready: its views are taken, counted and kept
/// until it can, and no other keeper could do better, so a load balancer should not turn away from
/// this one. The keeper is then `degraded`, and `blocked_shards` says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub ready: bool,
    /// Whether some shard cannot settle.
    pub degraded: bool,
    pub parts: BTreeMap<&'static str, Part>,
    pub blocked_shards: Vec<BlockedShard>,
}

/// Asks the parts of a keeper whether they are ready.
#[derive(Clone)]
pub struct Readiness {
    store: Pool,
    chain: Arc<dyn Chain>,
    log: Arc<dyn EventLog>,
    board: Board,
    backlog_batches_max: u64,
    last: Arc<Mutex<Option<(Instant, Report)>>>,
}

impl Readiness {
    /// A keeper is not ready when `backlog_batches_max` batches wait to be counted. What its shards
    /// do is on `board`.
    pub fn new(
        store: Pool,
        chain: Arc<dyn Chain>,
        log: Arc<dyn EventLog>,
        board: Board,
        backlog_batches_max: u64,
    ) -> Self {
        Self { store, chain, log, board, backlog_batches_max, last: Arc::default() }
    }

    /// What there is to say at present. Who asks at the same time gets the same answer.
    pub async fn report(&self) -> Report {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < REPORT_LASTS
        {
            return report.clone();
        }
        let (database, log, chain, counter, backlog) = tokio::join!(
            in_time(self.database()),
            in_time(self.log()),
            in_time(self.chain()),
            in_time(self.counter()),
            in_time(self.backlog()),
        );
        let parts = BTreeMap::from([
            ("database", database),
            ("log", log),
            ("chain", chain),
            ("counter", counter),
            ("backlog", backlog),
        ]);
        let statuses = self.board.statuses().into_iter();
        let blocked_shards: Vec<_> = statuses.filter_map(BlockedShard::of).collect();
        let report = Report {
            ready: parts.values().all(|part| part.ready),
            degraded: !blocked_shards.is_empty(),
            parts,
            blocked_shards,
        };
        *last = Some((Instant::now(), report.clone()));
        report
    }

    async fn database(&self) -> Part {
        let ask = async || {
            let mut connection = self.store.get().await.map_err(StoreError::from)?;
            sql_query("SELECT 1").execute(&mut connection).await.map_err(StoreError::from)
        };
        Part::of(ask().await, |_| Part::ready("answers"))
    }

    async fn log(&self) -> Part {
        // Any batch will do, also one that is not there.
        let answer = self.log.batch(Partition(0), Position(1)).await;
        Part::of(answer, |_| Part::ready("answers"))
    }

    /// An endpoint that is too far behind gives an error here.
    async fn chain(&self) -> Part {
        let answer = self.chain.time().await;
        Part::of(answer, |time| Part::ready(format!("is at slot {}", time.slot)))
    }

    async fn counter(&self) -> Part {
        Part::of(figures::counters(&self.store).await, |counted| match counted {
            0 => Part::not_ready("no keeper counts any partition of the log"),
            1 => Part::ready("1 partition of the log is counted"),
            _ => Part::ready(format!("{counted} partitions of the log are counted")),
        })
    }

    async fn backlog(&self) -> Part {
        let max = self.backlog_batches_max;
        Part::of(figures::backlog(&self.store, &*self.log).await, |backlog| {
            let waiting: u64 = backlog.iter().map(|(_, batches)| batches).sum();
            if waiting < max {
                Part::ready(format!("{waiting} batches wait to be counted"))
            } else {
                Part::not_ready(format!(
                    "{waiting} batches wait to be counted, and ingest.backlog_batches_max is {max}"
                ))
            }
        })
    }
}

async fn in_time(ask: impl Future<Output = Part>) -> Part {
    timeout(ANSWER_MAX, ask).await.unwrap_or_else(|_| {
        Part::not_ready(format!("has not answered within {} seconds", ANSWER_MAX.as_secs()))
    })
}
