//! The worker: takes jobs, and helps with those that others have in the same folder.

use std::{path::PathBuf, time::Duration};

use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{BigInt, Binary, Integer, Text},
};
use diesel_async::RunQueryDsl;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Ended, JobId, JobState, Media, Seen, UpgradeError, folder, jobs, loaded_hash, metrics, plans,
};
use crate::store::{StoreError, contents::Slot};

/// How often is looked for work.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often unused parts are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Somebody who carries out jobs.
pub struct Worker {
    media: Media,
    /// Another for every worker, so that a lease says whose it is.
    owner: String,
    /// Of the work folder.
    folder: String,
}

impl Worker {
    /// # Errors
    /// The work folder cannot be made.
    pub fn new(media: Media) -> Result<Self, UpgradeError> {
        let folder = folder::name(&media.folder)?;
        Ok(Self { media, owner: Uuid::new_v4().to_string(), folder })
    }

    /// Carries out jobs until `stop`. Where ffmpeg is missing this leaves them to others.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        if !has_ffmpeg().await {
            tracing::warn!("ffmpeg cannot be run here: no renditions are made");
            stop.cancelled().await;
            return Ok(());
        }
        let mut swept: Option<Instant> = None;
        while !stop.is_cancelled() {
            let busy = match self.turn(&stop).await {
                Ok(busy) => busy,
                Err(error) => {
                    tracing::warn!(%error, "no work on renditions now");
                    false
                }
            };
            if swept.is_none_or(|at| at.elapsed() > SWEEP_EVERY) {
                swept = Some(Instant::now());
                sweep(self.media.folder.clone()).await;
            }
            if !busy {
                stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
            }
        }
        Ok(())
    }

    /// Does what there is to do. False when there was nothing.
    async fn turn(&self, stop: &CancellationToken) -> Result<bool, UpgradeError> {
        if self.attempt(None, stop, |_| ()).await?.is_some() {
            return Ok(true);
        }
        self.help(stop).await?;
        Ok(false)
    }

    /// Carries out `only` this job, or the first that is due. None when there is none to take.
    pub async fn attempt(
        &self,
        only: Option<JobId>,
        stop: &CancellationToken,
        watch: impl FnMut(&Seen),
    ) -> Result<Option<Ended>, UpgradeError> {
        let Some(lease) = self.media.lease(&self.owner, &self.folder, only).await? else {
            return Ok(None);
        };
        let (job, content) = (lease.id, lease.plan.slot);
        tracing::info!(job, %content, attempt = lease.attempts, "starts an upgrade");
        let ended = self.media.carry_out(&lease, stop, watch).await?;
        metrics::ended(&ended);
        match &ended {
            Ended::Done { manifest, .. } => tracing::info!(job, %manifest, "upgrade done"),
            Ended::Again(error) => {
                tracing::warn!(job, %error, "upgrade failed, and is tried again")
            }
            Ended::Failed(error) => tracing::error!(job, %error, "upgrade failed"),
            Ended::Lost => tracing::warn!(job, "upgrade cancelled, or another worker's now"),
            Ended::Released => tracing::info!(job, "upgrade left to the next worker"),
        }
        Ok(Some(ended))
    }

    /// Carries out the job `id`, or waits while another worker does: until it has ended.
    ///
    /// # Errors
    /// The database does not answer. That the job failed is no error: the state says so.
    pub async fn see_through(
        &self,
        id: JobId,
        stop: &CancellationToken,
        mut watch: impl FnMut(u64),
    ) -> Result<jobs::Job, UpgradeError> {
        loop {
            let job = jobs::get(&self.media.pool, id).await?;
            watch(job.frames_done);
            if !job.state.is_live() || stop.is_cancelled() {
                return Ok(job);
            }
            let ours = self.attempt(Some(id), stop, |seen| watch(seen.frames_done())).await?;
            if ours.is_none() {
                stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
            }
        }
    }

    /// Makes parts for a job of another worker, where the folder is the same. Returns the frames that
    /// were encoded.
    pub(super) async fn help(&self, stop: &CancellationToken) -> Result<u64, UpgradeError> {
        const RUNNING: &str = "
            SELECT id, shard, content, plan FROM media_jobs
            WHERE state = 'running' AND stage = 'encoding' AND folder = $1 AND owner <> $2
                AND lease_expires_at > clock_timestamp()
            ORDER BY id LIMIT 1";

        let running: Option<Running> = sql_query(RUNNING)
            .bind::<Text, _>(&self.folder)
            .bind::<Text, _>(&self.owner)
            .get_result(&mut self.media.pool.get().await.map_err(StoreError::from)?)
            .await
            .optional()?;
        let Some(running) = running else { return Ok(0) };
        let slot = Slot::loaded((running.shard, running.content))?;
        let hash = loaded_hash(running.plan)?;
        let plan = plans::find(&self.media.pool, slot, hash).await?;
        let cancel = stop.child_token();
        let work = self.media.assist(&plan, &cancel);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    return Ok(done.unwrap_or_else(|error| {
                        // Its owner will find out too.
                        tracing::debug!(job = running.id, %error, "could not help");
                        0
                    }));
                }
                () = tokio::time::sleep(LOOK_EVERY), if !cancel.is_cancelled() => {}
            }
            let job = jobs::get(&self.media.pool, running.id).await;
            if job.is_ok_and(|job| job.state != JobState::Running) {
                cancel.cancel();
            }
        }
    }
}

#[derive(QueryableByName)]
struct Running {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Binary)]
    plan: Vec<u8>,
}

async fn sweep(folder: PathBuf) {
    let swept = tokio::task::spawn_blocking(move || folder::sweep(&folder)).await;
    match swept {
        Ok(Ok(0)) => {}
        Ok(Ok(parts)) => tracing::info!(parts, "dropped parts that nobody used"),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
        Ok(Err(error)) => tracing::warn!(%error, "the work folder cannot be swept"),
        Err(error) => tracing::warn!(%error, "the work folder was not swept"),
    }
}

async fn has_ffmpeg() -> bool {
    let mut command = tokio::process::Command::new("ffmpeg");
    let command = command.arg("-version").kill_on_drop(true);
    command.output().await.is_ok_and(|output| output.status.success())
}
