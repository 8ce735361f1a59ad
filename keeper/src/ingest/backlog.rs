//! How many batches wait to be counted: above a bound, sources are told to wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    log::EventLog,
    observe::figures::{self, FigureError},
    store::Pool,
};

/// How often it is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The number as it was looked at last.
#[derive(Clone, Default)]
pub struct Backlog(Arc<AtomicU64>);

impl Backlog {
    /// Batches that wait.
    pub fn batches(&self) -> u64 {
        AtomicU64::load(&self.0, Ordering::Relaxed)
    }

    /// Looks again and again until `stop`. While it cannot be looked at, the last number counts.
    pub async fn watch(
        self,
        pool: Pool,
        log: Arc<dyn EventLog>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut failing = false;
        loop {
            match look(&pool, &*log).await {
                Ok(batches) => {
                    self.0.as_ref().store(batches, Ordering::Relaxed);
                    failing = false;
                }
                Err(error) if !failing => {
                    tracing::warn!(%error, "the backlog is not known");
                    failing = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }
}

async fn look(pool: &Pool, log: &dyn EventLog) -> Result<u64, FigureError> {
    let waiting = figures::backlog(pool, log).await?;
    Ok(waiting.iter().map(|(_, batches)| batches).sum())
}
