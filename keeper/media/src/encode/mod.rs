//! The engine of a worker: does what a plan says, and goes on where it was stopped.
//!
//! Any number of processes can run the same plan on the same work folder at once; each takes the
//! next part that nobody is making. Whatever is killed, and whoever makes what, the bytes are the
//! same, because every part depends on its inputs alone.

mod codec;
mod engine;
mod make;
mod publish;
mod task;
mod work;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub(crate) use codec::picture;
pub use engine::Engine;
pub(crate) use engine::engine;

use self::{
    task::{Counts, Shared, Task},
    work::WorkFolder,
};
use crate::{
    analysis,
    error::{MediaError, Result, blocking},
    hash::Hash,
    library::{Library, keys},
    package::{AudioRendition, FileEntry, Manifest, VERSION, VideoRendition, playlist},
    plan::{AudioStep, Plan, VideoStep},
    progress::{self, OnProgress, Progress},
    score,
};

/// How long to wait before looking again at what others are making.
const OTHERS_INTERVAL: Duration = Duration::from_millis(100);

/// The parts of each track that is to be made.
type Parts = BTreeMap<Hash, Vec<Task>>;

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
    let mut open_tasks: Vec<Task> = Vec::new();
    let mut by_key = Parts::new();
    // Large ones first: what a crash near the end leaves is then quickly made and checked.
    let mut steps: Vec<_> = plan.video.iter().collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.cost.work_us));
    for step in steps {
        if publish::finished::<VideoRendition>(&shared, "v", step.key).await?.is_none() {
            let tasks = task::video(&shared, step)?;
            by_key.insert(step.key, tasks.clone());
            open_tasks.extend(tasks);
        }
    }
    for step in &plan.audio {
        if publish::finished::<AudioRendition>(&shared, "a", step.key).await?.is_none() {
            let made = task::audio(step)?;
            by_key.insert(step.key, vec![made.clone()]);
            open_tasks.push(made);
        }
    }
    shared.find(&open_tasks);
    let by_key = Arc::new(by_key);
    make_all(&shared, open_tasks, &by_key, job.workers).await?;
    let manifest = finish(&shared, &by_key).await?;
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
    let file = library.source_file(plan.source).await?;
    task::check_file(&file)?;
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
        counts: Counts::default(),
    })
}

/// Makes all of `tasks`, or waits for others to make them.
async fn make_all(
    shared: &Arc<Shared>,
    tasks: Vec<Task>,
    parts: &Arc<Parts>,
    workers: usize,
) -> Result<()> {
    let tasks = Arc::new(tasks);
    let mut running = tokio::task::JoinSet::new();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..workers.max(1) {
        running.spawn(worker(shared.clone(), tasks.clone(), parts.clone(), next.clone()));
    }
    let mut result = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(MediaError::Internal(error.to_string())));
        if let Err(error) = ended {
            shared.cancel.cancel();
            // The first is the cause; the others were cancelled.
            result = result.and(Err(error));
        }
    }
    result
}

async fn worker(
    shared: Arc<Shared>,
    tasks: Arc<Vec<Task>>,
    parts: Arc<Parts>,
    next: Arc<AtomicUsize>,
) -> Result<()> {
    let mut others: Vec<usize> = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= tasks.len() {
            break;
        }
        if !attempt(&shared, &tasks, &parts, number).await? {
            others.push(number);
        }
    }
    // What other processes were making is done soon, or free again if they were killed.
    while let Some(number) = others.pop() {
        if shared.cancel.is_cancelled() {
            return Err(MediaError::Cancelled);
        }
        if !attempt(&shared, &tasks, &parts, number).await? {
            others.push(number);
            tokio::time::sleep(OTHERS_INTERVAL).await;
        }
    }
    Ok(())
}

async fn attempt(
    shared: &Arc<Shared>,
    tasks: &[Task],
    parts: &Parts,
    number: usize,
) -> Result<bool> {
    let Some(task) = tasks.get(number).cloned() else { return Ok(true) };
    // Another process may have published it and dropped its parts.
    let kind = if matches!(task.kind, task::Kind::Audio(_)) { "a" } else { "v" };
    if shared.library.exists(&publish::record_key(shared, kind, task.key)).await? {
        return Ok(true);
    }
    let (of, part) = (shared.clone(), task.clone());
    if !blocking(move || of.attempt(&part)).await? {
        return Ok(false);
    }
    // Checked as soon as it is complete, so that a crash later on does not cost its check.
    if let task::Kind::Chunk { step, .. } | task::Kind::Remux(step) = task.kind
        && tasks_of(parts, task.key).iter().all(|part| shared.work.has(&part.name))
        && let Some(_lock) = shared.work.try_lock(&publish_lock(task.key))?
    {
        publish_video(shared, &step, parts).await?;
    }
    Ok(true)
}

/// Publishes everything and puts the manifest together.
async fn finish(shared: &Arc<Shared>, parts: &Parts) -> Result<Manifest> {
    let plan = &shared.plan;
    let previous = match plan.previous {
        None => None,
        Some(hash) => {
            let found = manifest(&shared.library, plan.source, hash).await?;
            Some(found.ok_or_else(|| MediaError::Plan(format!("manifest {hash} is missing")))?)
        }
    };
    let (mut video, mut audio, mut text) = match &previous {
        Some(old) => (old.video.clone(), old.audio.clone(), old.text.clone()),
        None => (Vec::new(), Vec::new(), Vec::new()),
    };
    audio.retain(|track| !plan.superseded.contains(&track.key));
    for step in &plan.video {
        video.push(published_video(shared, step, parts).await?);
    }
    for step in &plan.audio {
        audio.push(published_audio(shared, step, parts).await?);
    }
    for step in &plan.text {
        text.push(publish::text(shared, step).await?);
    }
    video.sort_by_key(|made| (made.spec.codec, made.spec.lines));
    audio.sort_by_key(|made| made.spec.stream);
    let index = playlist::multivariant(plan.timeline.rate, &video, &audio, &text);
    let hash = Hash::of(&index);
    let path = format!("{}/{}", playlist::folder("m", hash), playlist::NAME);
    shared.library.put(&keys::video(plan.source, &path), index.clone()).await?;
    let bytes = u64::try_from(index.len()).unwrap_or(u64::MAX);
    Ok(Manifest {
        version: VERSION,
        source: plan.source,
        analysis: plan.analysis,
        plan: plan.hash()?,
        previous: plan.previous,
        timeline: plan.timeline.clone(),
        quality: score::quality(score::rated(&video)),
        video,
        audio,
        text,
        playlist: FileEntry { path, bytes, hash },
    })
}

async fn published_video(
    shared: &Arc<Shared>,
    step: &VideoStep,
    parts: &Parts,
) -> Result<VideoRendition> {
    let _lock = lock(shared, step.key).await?;
    publish_video(shared, step, parts).await
}

/// The caller holds the lock for publishing it.
async fn publish_video(
    shared: &Arc<Shared>,
    step: &VideoStep,
    parts: &Parts,
) -> Result<VideoRendition> {
    let made = match publish::finished(shared, "v", step.key).await? {
        Some(made) => made,
        None => publish::video(shared, step, tasks_of(parts, step.key)).await?,
    };
    clear(shared, parts, step.key);
    Ok(made)
}

async fn published_audio(
    shared: &Arc<Shared>,
    step: &AudioStep,
    parts: &Parts,
) -> Result<AudioRendition> {
    let _lock = lock(shared, step.key).await?;
    let made = match (publish::finished(shared, "a", step.key).await?, tasks_of(parts, step.key)) {
        (Some(made), _) => made,
        (None, [task, ..]) => publish::audio(shared, step, task).await?,
        (None, []) => return Err(MediaError::Internal("a sound track has no part".into())),
    };
    clear(shared, parts, step.key);
    Ok(made)
}

fn tasks_of(parts: &Parts, key: Hash) -> &[Task] {
    parts.get(&key).map(Vec::as_slice).unwrap_or_default()
}

/// The right to publish a track: its checks are made once.
async fn lock(shared: &Shared, key: Hash) -> Result<work::Lock> {
    loop {
        if shared.cancel.is_cancelled() {
            return Err(MediaError::Cancelled);
        }
        if let Some(lock) = shared.work.try_lock(&publish_lock(key))? {
            return Ok(lock);
        }
        tokio::time::sleep(OTHERS_INTERVAL).await;
    }
}

fn publish_lock(key: Hash) -> String {
    format!("publish-{key}")
}

/// Drops the parts of a track that is published, and says so.
fn clear(shared: &Shared, parts: &Parts, key: Hash) {
    for task in tasks_of(parts, key) {
        shared.work.drop_part(&task.name);
    }
    (shared.progress)(Progress::Finished { rendition: key });
}

/// One ffmpeg over the whole of a rendition, with the settings of its chunks: what the chunks are
/// measured against. `threads` is for decoder and encoder each. Blocks.
///
/// # Errors
/// ffmpeg fails.
pub fn whole(
    library: &Library,
    file: &std::path::Path,
    of: (&crate::library::Source, &analysis::Analysis),
    plan: &Plan,
    spec: &crate::plan::VideoSpec,
    threads: u32,
) -> Result<Whole> {
    let cancel = CancellationToken::new();
    let kitchen = make::Kitchen {
        source: of.0,
        analysis: of.1,
        timeline: &plan.timeline,
        file,
        limits: library.limits(),
        cancel: &cancel,
    };
    let made = kitchen.range(spec, (0, plan.timeline.frames), threads, &mut |_| {})?;
    let bytes = u64::try_from(made.bytes.len()).unwrap_or(u64::MAX);
    Ok(Whole { bytes, frames: made.frames, cpu_us: made.cpu_us })
}

/// What one ffmpeg over the whole took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    pub bytes: u64,
    pub frames: u64,
    pub cpu_us: u64,
}
