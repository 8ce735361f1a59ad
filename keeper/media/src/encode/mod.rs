//! The engine of a worker: does what a plan says, and goes on where it was stopped.
//!
//! Any number of processes can run the same plan on the same work folder at once; each takes the
//! next part that nobody is making. Whatever is killed, and whoever makes what, the bytes are the
//! same, because every part depends on its inputs alone.

mod codec;
mod engine;
mod finish;
mod make;
mod publish;
mod schedule;
mod task;
mod whole;
mod work;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use codec::picture;
pub use engine::Engine;
pub(crate) use engine::engine;
pub(crate) use whole::whole;

use self::{
    schedule::Todo,
    task::{Counts, Shared},
    work::WorkFolder,
};
use crate::{
    analysis,
    error::{MediaError, Result, blocking},
    hash::Hash,
    library::{Library, keys},
    package::Manifest,
    plan::Plan,
    progress::{self, OnProgress},
};

/// How long to wait before looking again at what others are making.
const OTHERS_INTERVAL: Duration = Duration::from_millis(100);

/// How a plan is carried out.
#[derive(Clone)]
pub struct Job {
    /// Where parts are kept until they are published. Workers that share it share the work.
    pub folder: PathBuf,
    /// Bytes that the folder may hold.
    pub folder_bytes_max: u64,
    /// Parts that are made at a time by this process; each uses one core.
    pub workers: usize,
    pub progress: OnProgress,
    pub cancel: CancellationToken,
}

impl Job {
    /// In `folder`, on all cores, telling nobody.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            folder_bytes_max: 64 << 30,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            progress: progress::silent(),
            cancel: CancellationToken::new(),
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub manifest: Manifest,
    /// What names the manifest: this goes to the chain.
    pub hash: Hash,
    /// Frames that encoders of this run counted, by the key of the rendition. What is not here
    /// was not touched.
    pub frames_encoded: BTreeMap<Hash, u64>,
    /// Parts that this run made, and parts that were there from before.
    pub parts_made: u64,
    pub parts_found: u64,
    /// Processor time of making parts, and of comparing them with the source, microseconds.
    pub cpu_us: u64,
    pub check_cpu_us: u64,
}

impl Outcome {
    /// Frames that encoders of this run counted.
    pub fn frames(&self) -> u64 {
        self.frames_encoded.values().sum()
    }
}

/// Carries out `plan` and stores the manifest that results.
///
/// # Errors
/// Something failed, was cancelled or reached a limit. What was finished before stays finished.
pub async fn run(library: &Library, plan: &Plan, job: &Job) -> Result<Outcome> {
    let shared = Arc::new(open(library, plan, job).await?);
    blocking(|| engine().map(|_| ())).await?;
    let todo = Arc::new(Todo::of_plan(&shared).await?);
    schedule::make(&shared, &todo).await?;
    let manifest = finish::manifest(&shared, &todo).await?;
    let bytes = manifest.bytes()?;
    let hash = Hash::of(&bytes);
    library.put(&keys::manifest(plan.source, hash), bytes).await?;
    let counts = &shared.counts;
    let frames = counts.frames.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome {
        manifest,
        hash,
        frames_encoded: frames.iter().filter(|(_, n)| **n > 0).map(|(k, n)| (*k, *n)).collect(),
        parts_made: counts.made.load(Ordering::Relaxed),
        parts_found: counts.found.load(Ordering::Relaxed),
        cpu_us: counts.cpu_us.load(Ordering::Relaxed),
        check_cpu_us: counts.check_cpu_us.load(Ordering::Relaxed),
    })
}

/// A manifest that was stored.
///
/// # Errors
/// The store fails, or what it holds cannot be read.
pub async fn manifest(library: &Library, source: Hash, hash: Hash) -> Result<Option<Manifest>> {
    library.get_json(&keys::manifest(source, hash)).await
}

async fn open(library: &Library, plan: &Plan, job: &Job) -> Result<Shared> {
    let missing = |what: &str| MediaError::Plan(format!("{what} of the source is missing"));
    let source = library.source(plan.source).await?.ok_or_else(|| missing("the record"))?;
    let analysis = analysis::get(library, plan.source).await?;
    let analysis = analysis.ok_or_else(|| missing("the analysis"))?;
    // Text alone needs no source.
    let file = match plan.video.is_empty() && plan.audio.is_empty() {
        true => PathBuf::new(),
        false => library.intact_source_file(plan.source).await?,
    };
    let workers = job.workers.max(1);
    Ok(Shared {
        library: library.clone(),
        plan: plan.clone(),
        source,
        analysis,
        file,
        work: WorkFolder::open(&job.folder, job.folder_bytes_max)?,
        progress: job.progress.clone(),
        // A failure of one worker stops the others, but not the caller.
        cancel: job.cancel.child_token(),
        workers,
        cores: Semaphore::new(workers),
        counts: Counts::default(),
    })
}
