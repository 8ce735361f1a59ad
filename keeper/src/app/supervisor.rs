//! Starts tasks, reports the first that fails, and stops them in reverse order.

#[cfg(test)]
mod tests;

use std::{any::Any, future::Future, time::Duration};

use futures::future::select_all;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

/// Why a keeper stopped that nobody had asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{name} failed: {error:#}")]
    Failed { name: String, error: anyhow::Error },
    #[error("{name} panicked: {message}")]
    Panicked { name: String, message: String },
    #[error("{name} ended by itself")]
    Ended { name: String },
    #[error("stopped at once, before everything was written down")]
    AtOnce,
}

struct Task {
    name: String,
    stop: CancellationToken,
    stop_within: Duration,
    handle: JoinHandle<anyhow::Result<()>>,
}

/// Tasks that run until they are told to stop; one that ends before has failed.
#[derive(Default)]
pub struct Supervisor {
    tasks: Vec<Task>,
}

impl Supervisor {
    /// Starts a task. When its token is cancelled it has `stop_within` to end, and is dropped then.
    pub fn start<F>(
        &mut self,
        name: impl Into<String>,
        stop_within: Duration,
        task: impl FnOnce(CancellationToken) -> F,
    ) where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let name = name.into();
        let stop = CancellationToken::new();
        tracing::debug!(task = name, "starts");
        let handle = tokio::spawn(task(stop.clone()));
        self.tasks.push(Task { name, stop, stop_within, handle });
    }

    /// Runs until `asked` or until a task fails, then stops every task, the latest first. Yields of
    /// `at_once` end the stopping where it is.
    pub async fn run(
        mut self,
        asked: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let failed = tokio::select! {
            biased;
            failure = first_end(&mut self.tasks) => Some(failure),
            () = asked => None,
        };
        match &failed {
            Some(failure) => tracing::error!("{failure}; stopping"),
            None => tracing::info!("stopping"),
        }
        let stopped = tokio::select! {
            stopped = stop(std::mem::take(&mut self.tasks)) => stopped,
            () = at_once => Some(Failure::AtOnce),
        };
        match failed.or(stopped) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

/// Tasks whose supervisor is gone end too.
impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// The first task that ends, whatever its outcome.
async fn first_end(tasks: &mut Vec<Task>) -> Failure {
    if tasks.is_empty() {
        return std::future::pending().await;
    }
    let handles = tasks.iter_mut().map(|task| &mut task.handle);
    let (outcome, index, _) = select_all(handles).await;
    let name = tasks.remove(index).name.clone();
    failure(&name, outcome).unwrap_or(Failure::Ended { name })
}

/// Stops tasks from the last to the first; returns the first failure on the way.
async fn stop(mut tasks: Vec<Task>) -> Option<Failure> {
    let mut first = None;
    while let Some(mut task) = tasks.pop() {
        task.stop.cancel();
        let failure = match tokio::time::timeout(task.stop_within, &mut task.handle).await {
            Ok(outcome) => failure(&task.name, outcome),
            Err(_) => Some(Failure::Failed {
                name: task.name.clone(),
                error: anyhow::anyhow!(
                    "has not stopped within {} seconds",
                    task.stop_within.as_secs_f32()
                ),
            }),
        };
        match failure {
            None => tracing::debug!(task = task.name, "stopped"),
            Some(failure) => {
                tracing::error!("{failure}");
                first.get_or_insert(failure);
            }
        }
    }
    first
}

fn failure(name: &str, outcome: Result<anyhow::Result<()>, JoinError>) -> Option<Failure> {
    let name = name.to_owned();
    match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Failure::Failed { name, error }),
        Err(error) => Some(match error.try_into_panic() {
            Ok(panic) => Failure::Panicked { name, message: message(&*panic) },
            Err(error) => Failure::Failed { name, error: error.into() },
        }),
    }
}

/// What a panic said, where it said something.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no message)".into())
}
