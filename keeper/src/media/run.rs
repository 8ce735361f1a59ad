//! Carrying out a job: the work beside the heartbeat.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use pixr_media::{
    Hash, MediaError,
    encode::{self, Job as Work},
    plan::Plan,
    progress::{self, OnProgress, Progress},
};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    Media, UpgradeError, folder, metrics,
    plans::StoredPlan,
    quality_bps,
    queue::{End, Lease, Made},
};
use crate::crash_point;

/// How often progress is written, at most.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// How long to wait before the second attempt, and at most before any.
const WAIT_MIN: Duration = Duration::from_secs(5);
const WAIT_MAX: Duration = Duration::from_secs(600);

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Frames by rendition.
    frames: BTreeMap<Hash, u64>,
    /// All frames that are to be encoded.
    total: u64,
    begun: bool,
}

impl Seen {
    /// Frames that are encoded, those of earlier attempts included.
    pub fn frames_done(&self) -> u64 {
        self.frames.values().sum()
    }

    /// What is being done, in a word.
    pub fn stage(&self) -> &'static str {
        match self.begun {
            false => "preparing",
            true if self.frames_done() < self.total => "encoding",
            true => "finishing",
        }
    }

    fn note(&mut self, progress: &Progress) {
        self.begun = true;
        if let Progress::Encoded { rendition, frames, .. } = progress {
            self.frames.insert(*rendition, *frames);
        }
    }
}

/// Progress that the threads of the work write and the heartbeat reads.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Seen>>);

impl Shared {
    fn get(&self) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn starts(&self, total: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total = total;
    }

    fn listener(&self) -> OnProgress {
        let shared = self.0.clone();
        Arc::new(move |progress| {
            shared.lock().unwrap_or_else(PoisonError::into_inner).note(&progress);
        })
    }
}

/// How our part in a job ended.
#[derive(Debug)]
pub enum Ended {
    Done {
        manifest: Hash,
        quality_bps: u16,
        /// Frames that were encoded in this attempt.
        frames: u64,
    },
    /// It will be tried again.
    Again(UpgradeError),
    Failed(UpgradeError),
    /// Another worker has it, or it was cancelled.
    Lost,
    /// We were asked to stop; another worker goes on.
    Released,
}

impl Media {
    /// Carries out a leased job until it ends, is lost, or `stop` is cancelled; `watch` sees how far
    /// it is.
    pub(super) async fn carry_out(
        &self,
        lease: &Lease,
        stop: &CancellationToken,
        mut watch: impl FnMut(&Seen),
    ) -> Result<Ended, UpgradeError> {
        crash_point!("leased");
        let shared = Shared::default();
        let cancel = stop.child_token();
        let work = self.work(&lease.plan, &shared, &cancel);
        tokio::pin!(work);
        let mut ticks = interval(REPORT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beat_every = self.config.lease_seconds.duration() / 3;
        let (mut told, mut beaten_at, mut lost) = (Seen::default(), Instant::now(), false);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                _ = ticks.tick(), if !lost => {}
            }
            let seen = shared.get();
            watch(&seen);
            if seen == told && beaten_at.elapsed() < beat_every {
                continue;
            }
            match self.beat(lease, &seen).await {
                Ok(true) => (told, beaten_at) = (seen, Instant::now()),
                Ok(false) => {
                    lost = true;
                    // What ffmpeg has under way ends, and then the work does.
                    cancel.cancel();
                }
                // While the database does not answer the work goes on: only its end decides.
                Err(error) => tracing::warn!(job = lease.id, %error, "no heartbeat"),
            }
        };
        watch(&shared.get());
        crash_point!("made");
        if lost {
            return Ok(Ended::Lost);
        }
        let ended = match result {
            Ok(made) => self.hand_in(lease, &made).await?,
            Err(_) if stop.is_cancelled() => self.give_back(lease).await?,
            Err(error) => self.fail(lease, error).await?,
        };
        crash_point!("finished");
        Ok(ended)
    }

    /// The work itself: what is missing of the plan now.
    async fn work(
        &self,
        plan: &StoredPlan,
        shared: &Shared,
        cancel: &CancellationToken,
    ) -> Result<Made, UpgradeError> {
        let plan = self.current(plan).await?;
        shared.starts(plan.frames());
        let (source, previous) = (plan.source, plan.previous);
        if let (true, Some(manifest)) = (plan.is_empty(), previous) {
            let quality_bps = quality_bps(&self.manifest(source, manifest).await?);
            return Ok(Made { source, previous, manifest, quality_bps, frames: 0 });
        }
        let outcome = self.encode(&plan, shared.listener(), cancel).await?;
        let quality_bps = quality_bps(&outcome.manifest);
        let (manifest, frames) = (outcome.hash, outcome.frames());
        Ok(Made { source, previous, manifest, quality_bps, frames })
    }

    async fn encode(
        &self,
        plan: &Plan,
        progress: OnProgress,
        cancel: &CancellationToken,
    ) -> Result<encode::Outcome, MediaError> {
        let config = &self.config;
        let all = Work::new(folder::parts(&self.folder));
        let workers = if config.workers == 0 { all.workers } else { config.workers };
        let folder_bytes_max = config.folder_bytes_max;
        let work = Work { workers, folder_bytes_max, progress, cancel: cancel.clone(), ..all };
        let outcome = encode::run(&self.library, plan, &work).await?;
        let cpu_us = outcome.cpu_us.saturating_add(outcome.check_cpu_us);
        metrics::made(outcome.frames(), outcome.parts_made, cpu_us);
        Ok(outcome)
    }

    /// Helps with the work of another worker whose folder this is, until that one is done with it.
    /// Returns the frames that were encoded.
    pub(super) async fn assist(
        &self,
        plan: &StoredPlan,
        cancel: &CancellationToken,
    ) -> Result<u64, UpgradeError> {
        let plan = self.current(plan).await?;
        Ok(self.encode(&plan, progress::silent(), cancel).await?.frames())
    }

    async fn hand_in(&self, lease: &Lease, made: &Made) -> Result<Ended, UpgradeError> {
        if self.finish(lease, made).await? {
            let Made { manifest, quality_bps, frames, .. } = *made;
            return Ok(Ended::Done { manifest, quality_bps, frames });
        }
        // Another source came in between, or the job is another worker's.
        self.give_back(lease).await
    }

    async fn give_back(&self, lease: &Lease) -> Result<Ended, UpgradeError> {
        let released = self.end(lease, End::Released).await?;
        Ok(if released { Ended::Released } else { Ended::Lost })
    }

    async fn fail(&self, lease: &Lease, error: UpgradeError) -> Result<Ended, UpgradeError> {
        let text = error.to_string();
        let again = error.may_pass_later() && lease.attempts < i32::from(self.config.attempts_max);
        let end = match again {
            true => End::Again { error: &text, wait: wait(lease.attempts) },
            false => End::Failed { error: &text },
        };
        match self.end(lease, end).await? {
            false => Ok(Ended::Lost),
            true if again => Ok(Ended::Again(error)),
            true => Ok(Ended::Failed(error)),
        }
    }
}

/// How long to wait after so many attempts: each time twice as long.
fn wait(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    WAIT_MIN.saturating_mul(2_u32.saturating_pow(doublings)).min(WAIT_MAX)
}
