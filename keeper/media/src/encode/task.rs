//! What there is to do, and doing it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::{
    make::{Kitchen, Made},
    work::WorkFolder,
};
use crate::{
    analysis::Analysis,
    error::{MediaError, Result},
    hash::Hash,
    library::{Library, Source},
    plan::{AudioStep, Method, Plan, VideoStep},
    progress::{OnProgress, Progress},
};

/// One part that one worker makes in one go.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Of the rendition.
    pub key: Hash,
    /// Of the file in the work folder.
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Chunk { step: VideoStep, chunk: usize },
    Remux(VideoStep),
    Audio(AudioStep),
}

/// All that workers share.
pub(super) struct Shared {
    pub library: Library,
    pub plan: Plan,
    pub source: Source,
    pub analysis: Analysis,
    /// The source on this machine; empty where no step reads it.
    pub file: PathBuf,
    pub work: WorkFolder,
    pub progress: OnProgress,
    pub cancel: CancellationToken,
    /// Parts that are made at a time.
    pub workers: usize,
    /// A permit for each of them. Whoever finds one free may use the core.
    pub cores: Semaphore,
    pub counts: Counts,
}

/// What this run did itself, renditions and sound together.
#[derive(Default)]
pub(super) struct Counts {
    pub frames: Mutex<BTreeMap<Hash, u64>>,
    pub made: AtomicU64,
    pub found: AtomicU64,
    pub cpu_us: AtomicU64,
    pub check_cpu_us: AtomicU64,
    /// Frames so far, by rendition and chunk, for progress.
    seen: Mutex<BTreeMap<(Hash, usize), u64>>,
}

impl Shared {
    /// Waits for a core.
    pub async fn core(&self) -> Result<SemaphorePermit<'_>> {
        let core = self.cores.acquire().await;
        core.map_err(|error| MediaError::Internal(error.to_string()))
    }

    /// Makes a part, unless it is there. False when somebody else is at it. Blocks.
    pub fn attempt(&self, task: &Task) -> Result<bool> {
        if self.work.has(&task.name) {
            return Ok(true);
        }
        let Some(_lock) = self.work.try_lock(&task.name)? else { return Ok(false) };
        // Between the look and the lock somebody may have finished it.
        if self.work.has(&task.name) {
            return Ok(true);
        }
        self.work.check_room()?;
        let made = self.make(task)?;
        self.work.store(&task.name, &made.bytes)?;
        self.counts.made.fetch_add(1, Ordering::Relaxed);
        self.counts.cpu_us.fetch_add(made.cpu_us, Ordering::Relaxed);
        let mut frames = self.counts.frames.lock().unwrap_or_else(PoisonError::into_inner);
        *frames.entry(task.key).or_default() += made.frames;
        Ok(true)
    }

    fn make(&self, task: &Task) -> Result<Made> {
        let kitchen = Kitchen {
            source: &self.source,
            analysis: &self.analysis,
            timeline: &self.plan.timeline,
            file: &self.file,
            limits: self.library.limits(),
            cancel: &self.cancel,
        };
        match &task.kind {
            Kind::Chunk { step, chunk } => {
                let mut report = |frames| self.report(task.key, *chunk, frames);
                kitchen.chunk(&step.spec, *chunk, &mut report)
            }
            Kind::Remux(_) => kitchen.remux(),
            Kind::Audio(step) => kitchen.audio(&step.spec, step.method),
        }
    }

    /// Tells the caller how far a rendition is.
    pub fn report(&self, key: Hash, chunk: usize, frames: u64) {
        let mut seen = self.counts.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((key, chunk), frames);
        let all = seen.range((key, 0)..=(key, usize::MAX)).map(|(_, frames)| frames).sum();
        drop(seen);
        let of = u64::from(self.plan.timeline.frames);
        (self.progress)(Progress::Encoded { rendition: key, frames: all, of });
    }

    /// Notes the parts that are there from before.
    pub fn find(&self, tasks: &[Task]) {
        for task in tasks.iter().filter(|task| self.work.has(&task.name)) {
            self.counts.found.fetch_add(1, Ordering::Relaxed);
            if let Kind::Chunk { chunk, .. } = task.kind {
                let (start, end) = self.plan.timeline.chunk(chunk);
                self.report(task.key, chunk, u64::from(end - start));
            }
        }
    }
}

/// The parts of a video rendition.
pub(super) fn video(shared: &Shared, step: &VideoStep) -> Result<Vec<Task>> {
    let engine = super::engine()?;
    let task = |part: usize, kind: Kind| {
        Ok(Task { key: step.key, name: super::work::name(engine, step.key, part)?, kind })
    };
    match step.method {
        Method::Remux => Ok(vec![task(0, Kind::Remux(*step))?]),
        Method::Encode => (0..shared.plan.timeline.chunks.len())
            .map(|chunk| task(chunk, Kind::Chunk { step: *step, chunk }))
            .collect(),
    }
}

/// The only part of a sound track.
pub(super) fn audio(step: &AudioStep) -> Result<Task> {
    let name = super::work::name(super::engine()?, step.key, 0)?;
    Ok(Task { key: step.key, name, kind: Kind::Audio(step.clone()) })
}

/// Parts of `tasks`, read from the work folder.
pub(super) fn read(shared: &Shared, tasks: &[Task]) -> Result<Vec<Vec<u8>>> {
    tasks.iter().map(|task| shared.work.read(&task.name)).collect()
}
