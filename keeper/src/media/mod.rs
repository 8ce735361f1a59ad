//! Upgrades of videos: sources of contents, plans with prices, and the jobs that carry them out.
//!
//! `pixr-media` does the work; this module says whose it is. Everything that has to survive is a row
//! or an object: a job is leased, its parts are files named after their bytes, and what a content has
//! changes in the transaction that ends the job.
//!
//! ```text
//! Media::import ─▶ Media::plan ─▶ jobs::enqueue ─▶ worker: lease, encode, finish ─▶ manifest
//! ```

pub mod backlog;
mod folder;
pub mod http;
#[cfg(test)]
mod http_tests;
mod intake;
pub mod jobs;
pub mod metrics;
pub mod outlook;
pub mod plans;
mod queue;
mod run;
mod sources;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod uploads;
pub mod worker;

use std::{path::PathBuf, sync::Arc};

use pixr_media::{Hash, Library, MediaError, encode, package::Manifest, score};

pub use self::{
    jobs::{FinishedJob, Job, JobId, JobState},
    plans::StoredPlan,
    run::{Ended, Seen},
    sources::ContentMedia,
};
use crate::{
    config::{Config, MediaConfig},
    objects,
    store::{Pool, StoreError, contents::Slot},
};

/// Why something about the media of a content was not done.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error("the object store: {0:#}")]
    Objects(anyhow::Error),
    #[error("content {0} has no source yet: see `pixr media import`")]
    NoSource(Slot),
    #[error(
        "content {slot} has another source, {known}; what was made from it would no longer be \
         offered: import with --replace to have this one instead"
    )]
    HasSource { slot: Slot, known: Hash },
    #[error("content {slot} has no plan {plan}: see `pixr media plan`")]
    NoPlan { slot: Slot, plan: Hash },
    #[error("the plan is of source {planned}, which content {slot} no longer has: plan again")]
    OtherSource { slot: Slot, planned: Hash },
    #[error("there is nothing to do: content {0} has all that was asked for")]
    Nothing(Slot),
    #[error("nothing was made for content {0} yet: see `pixr media upgrade`")]
    NoManifest(Slot),
    #[error("there is no job {0}: see `pixr media jobs`")]
    NoJob(JobId),
    #[error("job {id} is {state}, and only what is queued or running can be cancelled")]
    Ended { id: JobId, state: JobState },
}

impl UpgradeError {
    /// Whether another request is what it takes.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Store(_) | Self::Objects(_) => false,
            Self::Media(error) => matches!(
                error,
                MediaError::Refused(_)
                    | MediaError::Plan(_)
                    | MediaError::Subtitles(_)
                    | MediaError::Upload(_)
            ),
            _ => true,
        }
    }

    /// Whether the same can succeed later without anybody changing anything.
    pub fn may_pass_later(&self) -> bool {
        match self {
            Self::Store(StoreError::Connection(_) | StoreError::Query(_)) => true,
            Self::Media(error) => error.may_pass_later(),
            _ => false,
        }
    }
}

impl From<diesel::result::Error> for UpgradeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What all work with media needs.
#[derive(Clone)]
pub struct Media {
    pub pool: Pool,
    pub library: Library,
    pub config: Arc<MediaConfig>,
    /// Uploads, copies of sources and parts of renditions.
    pub folder: PathBuf,
}

impl Media {
    /// The media of a keeper: files are in the object store that has its batches, too.
    ///
    /// # Errors
    /// A folder cannot be made, or the object store cannot be used.
    pub fn open(config: &Config, pool: Pool) -> Result<Self, UpgradeError> {
        let data = &config.data.folder;
        let folder = config.media.folder(data);
        let limits = config.media.limits.clone();
        let library = if config.objects.s3_bucket.is_none() {
            Library::open_folder(data.join(objects::FOLDER), limits)?
        } else {
            let store = objects::open(&config.objects, data).map_err(UpgradeError::Objects)?;
            Library::open(store, folder.join("sources"), limits)
        };
        Ok(Self { pool, library, config: Arc::new(config.media.clone()), folder })
    }

    /// The manifest `hash` of `source`.
    ///
    /// # Errors
    /// It is not there.
    pub async fn manifest(&self, source: Hash, hash: Hash) -> Result<Manifest, UpgradeError> {
        let manifest = encode::manifest(&self.library, source, hash).await?;
        let missing = || MediaError::Malformed {
            what: format!("manifest {hash} of source {source}"),
            why: "it is not in the object store".into(),
        };
        Ok(manifest.ok_or_else(missing)?)
    }
}

/// The quality that delivery sets on the chain, basis points.
pub fn quality_bps(manifest: &Manifest) -> u16 {
    score::of(manifest)
}

/// A hash that was stored.
fn loaded_hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    let bytes: Result<[u8; 32], _> = bytes.try_into();
    bytes.map(Hash::from).map_err(|_| StoreError::Corrupt("a hash that has not 32 bytes".into()))
}

/// A quality that was stored.
fn loaded_bps(bps: i32) -> Result<u16, StoreError> {
    u16::try_from(bps).map_err(|_| StoreError::Corrupt(format!("a quality of {bps}")))
}
