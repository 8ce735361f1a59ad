//! Who makes what, and when.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::task::JoinSet;

use super::{
    OTHERS_INTERVAL, finish, publish,
    task::{self, Kind, Shared, Task},
};
use crate::{
    check::CheckFailure,
    error::{MediaError, Result, blocking},
    hash::Hash,
    package::{AudioRendition, VideoRendition},
    plan::VideoStep,
};

/// What is to be made.
#[derive(Default)]
pub(super) struct Todo {
    /// In the order in which workers take them.
    tasks: Vec<Task>,
    /// The parts of each track, in the order of time.
    parts: BTreeMap<Hash, Vec<Task>>,
}

impl Todo {
    /// What is not finished of a plan.
    pub async fn of_plan(shared: &Shared) -> Result<Self> {
        let mut todo = Self::default();
        // Sound is made in one go, however long it is: last, it would keep one worker alone.
        for step in &shared.plan.audio {
            if publish::finished::<AudioRendition>(shared, "a", step.key).await?.is_none() {
                todo.push(step.key, vec![task::audio(step)?], |_| 0);
            }
        }
        // Large ones first: what a crash near the end leaves is then quickly made and checked.
        let mut steps: Vec<_> = shared.plan.video.iter().collect();
        steps.sort_by_key(|step| Reverse(step.cost.work_us));
        for step in steps {
            todo.add(shared, step).await?;
        }
        shared.find(&todo.tasks);
        Ok(todo)
    }

    /// One rendition, unless it is finished.
    pub async fn of_video(shared: &Shared, step: &VideoStep) -> Result<Self> {
        let mut todo = Self::default();
        todo.add(shared, step).await?;
        shared.find(&todo.tasks);
        Ok(todo)
    }

    async fn add(&mut self, shared: &Shared, step: &VideoStep) -> Result<()> {
        if publish::finished::<VideoRendition>(shared, "v", step.key).await?.is_none() {
            let timeline = &shared.plan.timeline;
            self.push(step.key, task::video(shared, step)?, |part| match part.kind {
                Kind::Chunk { chunk, .. } => timeline.chunk(chunk).1 - timeline.chunk(chunk).0,
                _ => 0,
            });
        }
        Ok(())
    }

    /// Long parts are taken first, so that all workers end at about the same time.
    fn push(&mut self, key: Hash, parts: Vec<Task>, frames: impl Fn(&Task) -> u32) {
        let first = self.tasks.len();
        self.tasks.extend_from_slice(&parts);
        self.tasks[first..].sort_by_key(|part| Reverse(frames(part)));
        self.parts.insert(key, parts);
    }

    /// The parts of a track in the order of time; none where it was finished before.
    pub fn parts(&self, key: Hash) -> &[Task] {
        self.parts.get(&key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Makes all of `todo`, or waits for others to make it.
pub(super) async fn make(shared: &Arc<Shared>, todo: &Arc<Todo>) -> Result<()> {
    let mut running = JoinSet::new();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..shared.workers {
        running.spawn(worker(shared.clone(), todo.clone(), next.clone()));
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

async fn worker(shared: Arc<Shared>, todo: Arc<Todo>, next: Arc<AtomicUsize>) -> Result<()> {
    let mut others: Vec<&Task> = Vec::new();
    while let Some(task) = todo.tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
        if !attempt(&shared, &todo, task).await? {
            others.push(task);
        }
    }
    // What other processes were making is done soon, or free again if they were killed.
    while let Some(task) = others.pop() {
        if shared.cancel.is_cancelled() {
            return Err(MediaError::Cancelled);
        }
        if !attempt(&shared, &todo, task).await? {
            others.push(task);
            tokio::time::sleep(OTHERS_INTERVAL).await;
        }
    }
    Ok(())
}

/// Makes a part. False when another process is at it.
async fn attempt(shared: &Arc<Shared>, todo: &Todo, task: &Task) -> Result<bool> {
    // Another process may have published it and dropped its parts.
    let kind = if matches!(task.kind, Kind::Audio(_)) { "a" } else { "v" };
    if shared.library.exists(&publish::record_key(shared, kind, task.key)).await? {
        return Ok(true);
    }
    let _core = shared.core().await?;
    let (of, part) = (shared.clone(), task.clone());
    if !blocking(move || of.attempt(&part)).await? {
        return Ok(false);
    }
    // Checked as soon as it is complete, so that a crash later on does not cost its check.
    if let Kind::Chunk { step, .. } | Kind::Remux(step) = task.kind
        && todo.parts(task.key).iter().all(|part| shared.work.has(&part.name))
        && let Some(_lock) = finish::try_lock(shared, task.key)?
    {
        match finish::publish(shared, todo, &step).await {
            // Made better once everything else is there.
            Err(MediaError::Check(CheckFailure::Floor { .. })) => {}
            published => drop(published?),
        }
    }
    Ok(true)
}
