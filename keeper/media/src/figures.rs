//! Measurements that benchmarks report: each does real work on a clip and returns what it took.
//!
//! Times are taken on the wall and on the processor: the first are what operators feel, the second
//! are stable on a machine that does other things too.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use tokio_util::sync::CancellationToken;

use crate::{
    Library,
    analysis::{self, Analysis},
    encode::{self, Job, Outcome},
    error::{MediaError, Result, blocking},
    library::{Limits, Source},
    package::Manifest,
    plan::{self, Effort, Method, Plan, PriceList, SubtitleTarget, Target, VideoTarget},
    progress::{self, Progress},
};

/// Time of a piece of work, microseconds, and the bytes that came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    pub wall_us: u64,
    pub cpu_us: u64,
    pub bytes: u64,
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

fn wall_us(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Bench {
    /// Imports and analyses `clip` below `folder`, which must be empty.
    ///
    /// # Errors
    /// The clip is refused, or something fails.
    pub async fn new(folder: &Path, clip: &Path, limits: Limits, effort: Effort) -> Result<Self> {
        let since = Instant::now();
        let library = Library::open_folder(folder.join("library"), limits)?;
        let never = CancellationToken::new();
        let source = library.import(clip, &never).await?;
        let analysis = analysis::ensure(&library, &source, &progress::silent(), &never).await?;
        let prepared = Took { wall_us: wall_us(since), ..Took::default() };
        let folder = folder.to_owned();
        Ok(Self { folder, library, source, analysis, prepared, effort, runs: 0.into() })
    }

    /// A copy of this without any rendition, below `folder`.
    ///
    /// # Errors
    /// As for [`Bench::new`].
    pub async fn fresh(&self, folder: &Path) -> Result<Self> {
        let file = self.library.source_file(self.source.hash).await?;
        Self::new(folder, &file, self.library.limits().clone(), self.effort).await
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
        let since = Instant::now();
        let outcome = encode::run(&self.library, plan, &job).await;
        let wall_us = wall_us(since);
        match outcome {
            Ok(outcome) => {
                let cpu_us = outcome.cpu_us + outcome.check_cpu_us;
                let made = outcome.frames_encoded.keys();
                let bytes = made.map(|key| video_bytes(&outcome.manifest, *key)).sum();
                Ok((Some(outcome), Took { wall_us, cpu_us, bytes }))
            }
            Err(MediaError::Cancelled) if frames < u64::MAX => {
                Ok((None, Took { wall_us, ..Took::default() }))
            }
            Err(error) => Err(error),
        }
    }

    /// One ffmpeg over the whole of each rendition of `plan`, one after the other, with the same
    /// settings: what planning, chunks, checks and packaging are measured against.
    ///
    /// # Errors
    /// ffmpeg fails.
    pub async fn whole(&self, plan: &Plan, threads: u32) -> Result<Took> {
        let file = self.library.source_file(self.source.hash).await?;
        let mut all = Took::default();
        for step in plan.video.iter().filter(|step| step.method == Method::Encode) {
            let (library, file, step) = (self.library.clone(), file.clone(), *step);
            let (source, analysis, plan) =
                (self.source.clone(), self.analysis.clone(), plan.clone());
            let since = Instant::now();
            let whole = blocking(move || {
                let of = (&source, &analysis);
                encode::whole(&library, &file, of, &plan, &step.spec, threads)
            });
            let whole = whole.await?;
            all.wall_us += wall_us(since);
            all.cpu_us += whole.cpu_us;
            all.bytes += whole.bytes;
        }
        Ok(all)
    }
}

/// Bytes of the segments of a rendition.
fn video_bytes(manifest: &Manifest, key: crate::Hash) -> u64 {
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
