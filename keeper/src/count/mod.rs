//! From logged events to counted views: judges each event once, in the order of the log, and stores
//! what counts as windows of views per shard.
//!
//! One counter works on a partition at a time, under a lease. It has three stages that work at once:
//! one batch of work is read from the log while the one before is judged and the one before that is
//! committed. A commit that fails is tried again as it is until it succeeds or the lease is lost: so
//! what was judged since stays right, and the memory of a counter is always that of the log up to a
//! position.

mod commit;
mod counter;
pub mod expiring;
pub mod findings;
mod janitor;
mod judge;
pub mod metrics;
mod rebuild;
mod refused;
mod registry;
mod tally;
mod worker;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

pub use self::{
    counter::run,
    janitor::run as run_janitor,
    judge::Judge,
    refused::Mark,
    registry::{Look, Registry, Slot},
};
use crate::{
    config::{Config, ConfigError, CountingConfig, LogConfig, Millis},
    log::{EventLog, LogError, Partition, Position},
    store::{Pool, StoreError},
};

/// Longest time between two commits of counts.
const COMMIT_INTERVAL_MAX: Duration = Duration::from_millis(250);

/// What counting works with.
#[derive(Clone)]
pub struct Context {
    pub pool: Pool,
    pub log: Arc<dyn EventLog>,
    pub registry: Arc<Registry>,
    pub config: CountingConfig,
    /// How often counts are committed while events come in.
    pub commit_interval: Duration,
    /// This process, among all that share the database: new for every start.
    pub owner: String,
    /// Changes whenever there are new windows.
    pub counted: watch::Sender<()>,
}

/// Why counting stopped.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("a stage of the counter stopped: {0}")]
    Stopped(#[source] tokio::task::JoinError),
}

impl CountError {
    /// Whether starting again can help.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Store(StoreError::Corrupt(_)) | Self::Log(LogError::Corrupt { .. }) => false,
            Self::Store(_) | Self::Log(_) => true,
            Self::Stopped(_) => false,
        }
    }
}

/// How often counts are committed: four times in the interval at which a shard is looked at, since
/// what is counted waits for that on average anyway.
pub fn commit_interval(batch_interval: Millis) -> Duration {
    (batch_interval.duration() / 4).min(COMMIT_INTERVAL_MAX)
}

/// Makes sure that counting can work as configured.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    let counting = &config.counting;
    let positive = [
        ("id_seconds", counting.id_seconds.0),
        ("view_window_seconds", counting.view_window_seconds.0),
        ("age_max_seconds", counting.age_max_seconds.0),
        ("viewer_views_max", counting.viewer_views_max.into()),
        ("viewer_window_seconds", counting.viewer_window_seconds.0),
    ];
    for (key, value) in positive {
        if value == 0 {
            let key = format!("counting.{key}");
            return Err(ConfigError { key, problem: "0, expected 1 or more".into() });
        }
    }
    check_retention(&config.log, counting)
}

/// The log must go back as far as a counter that starts again has to remember.
fn check_retention(log: &LogConfig, counting: &CountingConfig) -> Result<(), ConfigError> {
    let needed = Judge::memory(counting) + Duration::from_secs(3_600);
    if log.retention_seconds.duration() >= needed {
        return Ok(());
    }
    Err(ConfigError {
        key: "log.retention_seconds".into(),
        problem: format!(
            "{}, expected {} or more: an hour longer than events are remembered to count once",
            log.retention_seconds.0,
            needed.as_secs()
        ),
    })
}

fn corrupt(partition: Partition, position: Position, error: impl ToString) -> CountError {
    LogError::Corrupt { partition, position, reason: error.to_string() }.into()
}

#[cfg(test)]
pub mod tests;
