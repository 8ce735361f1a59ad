//! Measurements that benchmarks report: each does real work on a clip and returns what it took.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use futures::{StreamExt, TryStreamExt};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use object_store::path::Path as Key;
use tokio_util::sync::CancellationToken;

use crate::{
    Hash, Library,
    analysis::{self, Analysis},
    encode::{self, Job, Outcome},
    error::{MediaError, Result, blocking},
    library::{Limits, Source, keys},
    package::{Manifest, playlist},
    plan::{self, Effort, Method, Plan, PriceList, SubtitleTarget, Target, VideoTarget},
    progress::{self, Progress},
};

/// Time of a piece of work, microseconds, and the bytes of video that came out.
///
/// The first is what operators feel; the second, of this process and all that it started, is stable
/// on a machine that does other things too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    pub wall_us: u64,
    pub cpu_us: u64,
    pub bytes: u64,
}

impl std::ops::Add for Took {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            wall_us: self.wall_us + other.wall_us,
            cpu_us: self.cpu_us + other.cpu_us,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// A piece of work that has begun.
struct Begun {
    at: Instant,
    cpu_us: u64,
}

impl Begun {
    fn now() -> Self {
        Self { at: Instant::now(), cpu_us: cpu_us() }
    }

    fn took(&self) -> Took {
        let wall_us = u64::try_from(self.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        Took { wall_us, cpu_us: cpu_us().saturating_sub(self.cpu_us), bytes: 0 }
    }
}

/// Processor time of this process and of its children that ended, microseconds.
fn cpu_us() -> u64 {
    let of = |usage: Usage| {
        let us = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
        u64::try_from(us(usage.user_time()) + us(usage.system_time())).unwrap_or(0)
    };
    let who = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN];
    who.into_iter().filter_map(|who| getrusage(who).ok()).map(of).sum()
}

/// Most memory that any child had, bytes.
pub fn memory_bytes_max() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN);
    // In KiB, says Linux.
    usage.map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0) << 10)
}

/// A clip in a library of its own, ready to be worked on.
pub struct Bench {
    folder: PathBuf,
    pub library: Library,
    pub source: Source,
    pub analysis: Analysis,
    /// Time of import and analysis.
    pub prepared: Took,
    effort: Effort,
    runs: std::cell::Cell<u32>,
}

impl Bench {
    /// Imports and analyses `clip` below `folder`, which must be empty.
    ///
    /// # Errors
    /// The clip is refused, or something fails.
    pub async fn new(folder: &Path, clip: &Path, limits: Limits, effort: Effort) -> Result<Self> {
        let begun = Begun::now();
        let library = Library::open_folder(folder.join("library"), limits)?;
        let never = CancellationToken::new();
        let source = library.import(clip, &never).await?;
        let analysis = analysis::ensure(&library, &source, &progress::silent(), &never).await?;
        let prepared = begun.took();
        let folder = folder.to_owned();
        Ok(Self { folder, library, source, analysis, prepared, effort, runs: 0.into() })
    }

    /// Deletes a rendition, as if it had never been made; all that was made where none is named.
    ///
    /// # Errors
    /// The store fails.
    pub async fn forget(&self, rendition: Option<Hash>) -> Result<()> {
        let name = rendition.map(|key| playlist::folder("v", key)).unwrap_or_default();
        let folder = keys::video(self.source.hash, &name);
        let store = self.library.store();
        let files: Vec<Key> =
            store.list(Some(&folder)).map_ok(|file| file.location).try_collect().await?;
        let files = futures::stream::iter(files).map(Ok).boxed();
        store.delete_stream(files).try_collect::<Vec<_>>().await?;
        Ok(())
    }

    /// A plan for these renditions with the sound.
    ///
    /// # Errors
    /// It cannot be planned.
    pub fn plan(
        &self,
        video: &[VideoTarget],
        subtitles: Vec<SubtitleTarget>,
        existing: Option<&Manifest>,
    ) -> Result<Plan> {
        let effort = self.effort;
        let target = Target { video: video.to_vec(), subtitles, effort, ..Target::default() };
        plan::plan(&self.source, &self.analysis, existing, &target, &PriceList::default())
    }

    /// Carries out a plan in a work folder of its own.
    ///
    /// # Errors
    /// The work fails.
    pub async fn run(&self, plan: &Plan, workers: usize) -> Result<(Outcome, Took)> {
        let (outcome, took) = self.attempt(plan, workers, u64::MAX).await?;
        let outcome = outcome.ok_or(MediaError::Cancelled)?;
        Ok((outcome, took))
    }

    /// Starts a plan, is stopped when `frames` frames are encoded, and carries it out from there.
    /// Returns what the second part took.
    ///
    /// # Errors
    /// The work fails.
    pub async fn resume(
        &self,
        plan: &Plan,
        workers: usize,
        frames: u64,
    ) -> Result<(Outcome, Took)> {
        self.attempt(plan, workers, frames).await?;
        self.runs.set(self.runs.get() - 1);
        self.run(plan, workers).await
    }

    async fn attempt(
        &self,
        plan: &Plan,
        workers: usize,
        frames: u64,
    ) -> Result<(Option<Outcome>, Took)> {
        self.runs.set(self.runs.get() + 1);
        let folder = self.folder.join(format!("work-{}", self.runs.get()));
        let mut job = Job { workers, ..Job::new(folder) };
        job.progress = stop_after(frames, &job.cancel);
        let begun = Begun::now();
        let outcome = encode::run(&self.library, plan, &job).await;
        let took = begun.took();
        match outcome {
            Ok(outcome) => {
                let made = outcome.frames_encoded.keys();
                let bytes = made.map(|key| video_bytes(&outcome.manifest, *key)).sum();
                Ok((Some(outcome), Took { bytes, ..took }))
            }
            Err(MediaError::Cancelled) if frames < u64::MAX => Ok((None, took)),
            Err(error) => Err(error),
        }
    }

    /// One ffmpeg over the whole of each rendition of `plan`, one after the other, with the same
    /// settings: what planning, chunks, checks and packaging are measured against. ffmpeg has as
    /// many threads as it likes.
    ///
    /// # Errors
    /// ffmpeg fails.
    pub async fn whole(&self, plan: &Plan) -> Result<Took> {
        let file = self.library.source_file(self.source.hash).await?;
        let begun = Begun::now();
        let mut bytes = 0;
        for step in plan.video.iter().filter(|step| step.method == Method::Encode) {
            let (library, file, step) = (self.library.clone(), file.clone(), *step);
            let (source, analysis, plan) =
                (self.source.clone(), self.analysis.clone(), plan.clone());
            let whole = blocking(move || {
                encode::whole(&library, &file, (&source, &analysis), &plan, &step.spec)
            });
            bytes += u64::try_from(whole.await?.bytes.len()).unwrap_or(u64::MAX);
        }
        Ok(Took { bytes, ..begun.took() })
    }
}

/// Bytes of the segments of a rendition.
fn video_bytes(manifest: &Manifest, key: Hash) -> u64 {
    let mut made = manifest.video.iter().filter(|made| made.key == key);
    made.next().map_or(0, |made| made.files.iter().skip(1).map(|file| file.bytes).sum())
}

/// Cancels when so many frames of all renditions together are encoded.
fn stop_after(frames: u64, cancel: &CancellationToken) -> progress::OnProgress {
    let cancel = cancel.clone();
    let seen = std::sync::Mutex::new(std::collections::BTreeMap::new());
    Arc::new(move |progress| {
        if let Progress::Encoded { rendition, frames: done, .. } = progress {
            let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            seen.insert(rendition, done);
            if seen.values().sum::<u64>() >= frames {
                cancel.cancel();
            }
        }
    })
}

/// How far a prediction is off, permille of what was measured.
pub fn error_permille(predicted_us: u64, measured_us: u64) -> u64 {
    predicted_us.abs_diff(measured_us).saturating_mul(1_000) / measured_us.max(1)
}
