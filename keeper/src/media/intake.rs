//! What becomes of uploads that are complete, and of those that nobody goes on with.

use std::time::Duration;

use metrics::counter;
use pixr_media::progress;
use tokio_util::sync::CancellationToken;

use super::{
    UpgradeError, metrics as figures,
    uploads::{IMPORTED, RECEIVED, RECEIVING, REFUSED, Upload, Uploads, blocking},
};

/// How often is looked for uploads to take in or to drop, unless one has just been completed.
const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Uploads {
    /// Takes in what is complete and drops what nobody goes on with, until `stop`.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            if let Err(error) = self.pass(&stop).await {
                tracing::warn!(%error, "uploads are not taken in now");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        Ok(())
    }

    async fn pass(&self, stop: &CancellationToken) -> Result<(), UpgradeError> {
        let now = chrono::Utc::now();
        // A keeper that was killed may not have noted the last byte.
        for upload in self.load(RECEIVING, now).await? {
            if self.offset(&upload).await? == upload.announced.bytes {
                self.set(upload.id, RECEIVING, RECEIVED, None).await?;
            }
        }
        for upload in self.load(RECEIVED, chrono::Utc::now()).await? {
            match self.take_in(&upload, stop).await {
                Ok(()) => self.end(&upload, IMPORTED, None).await?,
                Err(_) if stop.is_cancelled() => return Ok(()),
                Err(error) if error.may_pass_later() => {
                    tracing::warn!(upload = %upload.id, %error, "not taken in now; again soon");
                }
                Err(error) => self.end(&upload, REFUSED, Some(&error.to_string())).await?,
            }
        }
        let lasts = self.media().config.upload_seconds.duration();
        let before = now - lasts;
        for state in [RECEIVING, IMPORTED, REFUSED] {
            for upload in self.load(state, before).await? {
                self.discard(upload.id).await?;
            }
        }
        Ok(())
    }

    async fn take_in(&self, upload: &Upload, stop: &CancellationToken) -> Result<(), UpgradeError> {
        let (files, announced) = (self.files(upload.id)?, upload.announced);
        let file = blocking(move || files.finish(&announced)).await?;
        let told = (&progress::silent(), stop);
        self.media().import(upload.slot, &file, upload.replace, told).await?;
        Ok(())
    }

    async fn end(
        &self,
        upload: &Upload,
        state: &'static str,
        error: Option<&str>,
    ) -> Result<(), UpgradeError> {
        self.set(upload.id, RECEIVED, state, error).await?;
        self.remove_files(upload.id).await?;
        counter!(figures::UPLOADS, "outcome" => state).increment(1);
        tracing::info!(upload = %upload.id, content = %upload.slot, state, error, "upload complete");
        Ok(())
    }
}
