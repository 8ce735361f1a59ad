//! Brings batches into the log: all that wait go with one commit.

use std::{sync::Arc, time::Instant};

use metrics::{counter, gauge, histogram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::metrics::{APPEND_FAILURES, APPEND_SECONDS, QUEUE_BYTES};
use crate::{
    crash_point,
    log::{EventLog, LogError, Partition, Position, StoredBatch},
};

/// Requests that can wait; bytes bound them first unless they are tiny.
const REQUESTS_MAX: usize = 4_096;
/// Bytes that go with one commit, so that none takes long.
const COMMIT_BYTES_MAX: usize = 32 << 20;

/// Batches of one request, and where they go.
pub type Batches = Vec<(Partition, StoredBatch)>;

/// Why a request's batches are not known to be in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Sending the same events again can help.
    #[error("{0}")]
    Unavailable(String),
    /// The keeper is stopping.
    #[error("the keeper is stopping")]
    Stopping,
}

struct Request {
    batches: Batches,
    answer: oneshot::Sender<Result<Vec<Position>, AppendError>>,
    /// Its part of the queue.
    room: Room,
}

/// Bytes of the queue, until dropped.
pub struct Room(OwnedSemaphorePermit);

impl Drop for Room {
    fn drop(&mut self) {
        gauge!(QUEUE_BYTES).decrement(bytes(&self.0));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of bytes that fit 52 bits")]
fn bytes(permit: &OwnedSemaphorePermit) -> f64 {
    permit.num_permits() as f64
}

/// Takes batches, and says when they are in the log.
#[derive(Clone)]
pub struct Appender {
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
}

/// The other end: appends what comes in.
pub struct AppenderTask {
    log: Arc<dyn EventLog>,
    requests: mpsc::Receiver<Request>,
}

impl Appender {
    /// An appender whose queue holds `bytes_max` bytes of requests, and the task that empties it.
    pub fn new(log: Arc<dyn EventLog>, bytes_max: usize) -> (Self, AppenderTask) {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let room = Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS)));
        (Self { requests: sender, room }, AppenderTask { log, requests })
    }

    /// Room for a request of `bytes`; `None` while the queue is full.
    pub fn room(&self, bytes: usize) -> Option<Room> {
        let permits = u32::try_from(bytes).ok()?;
        let permit = Arc::clone(&self.room).try_acquire_many_owned(permits).ok()?;
        gauge!(QUEUE_BYTES).increment(self::bytes(&permit));
        Some(Room(permit))
    }

    /// Appends batches; returns their positions once they are durable.
    pub async fn append(&self, batches: Batches, room: Room) -> Result<Vec<Position>, AppendError> {
        let (answer, appended) = oneshot::channel();
        let request = Request { batches, answer, room };
        self.requests.send(request).await.map_err(|_| AppendError::Stopping)?;
        appended.await.map_err(|_| AppendError::Stopping)?
    }
}

impl AppenderTask {
    /// Appends until `stop`, and then what is still waiting.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut waiting = Vec::new();
        loop {
            let first = tokio::select! {
                biased;
                request = self.requests.recv() => request,
                () = stop.cancelled() => self.requests.try_recv().ok(),
            };
            let Some(first) = first else { return Ok(()) };
            let mut bytes = payload_bytes(&first);
            waiting.push(first);
            while bytes < COMMIT_BYTES_MAX
                && let Ok(next) = self.requests.try_recv()
            {
                bytes = bytes.saturating_add(payload_bytes(&next));
                waiting.push(next);
            }
            self.append(std::mem::take(&mut waiting)).await;
        }
    }

    async fn append(&self, requests: Vec<Request>) {
        let mut batches = Vec::new();
        let mut answers = Vec::with_capacity(requests.len());
        for Request { batches: some, answer, room } in requests {
            answers.push((some.len(), answer, room));
            batches.extend(some);
        }
        let start = Instant::now();
        let appended = self.log.append(batches).await;
        histogram!(APPEND_SECONDS).record(start.elapsed());
        match appended {
            Ok(positions) => {
                crash_point!("appended");
                let mut positions = positions.into_iter();
                for (count, answer, _room) in answers {
                    // Who has gone away does not wait for an answer.
                    let _ = answer.send(Ok(positions.by_ref().take(count).collect()));
                }
                crash_point!("answered");
            }
            Err(error) => {
                counter!(APPEND_FAILURES).increment(1);
                let refused = describe(&error);
                for (_, answer, _room) in answers {
                    let _ = answer.send(Err(refused.clone()));
                }
            }
        }
    }
}

/// What a source is told: not what the server said, which is for the log of this keeper.
fn describe(error: &LogError) -> AppendError {
    match error {
        LogError::Unavailable(_) => tracing::warn!(%error, "views not taken"),
        LogError::Refused(_) | LogError::Corrupt { .. } => {
            tracing::error!(%error, "views not taken");
        }
    }
    AppendError::Unavailable("the event log does not take events now; send them again".into())
}

fn payload_bytes(request: &Request) -> usize {
    request.batches.iter().map(|(_, batch)| batch.payload.len()).sum()
}
