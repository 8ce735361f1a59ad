//! From finished parts to the manifest.

use std::sync::Arc;

use super::{
    OTHERS_INTERVAL, manifest as stored, publish, schedule, schedule::Todo, task::Shared, work,
};
use crate::{
    check::CheckFailure,
    error::{MediaError, Result},
    hash::Hash,
    library::keys,
    package::{AudioRendition, FileEntry, Manifest, VERSION, VideoRendition, playlist},
    plan::{AudioStep, VideoStep},
    progress::Progress,
    score,
};

/// Publishes everything and puts the manifest together.
pub(super) async fn manifest(shared: &Arc<Shared>, todo: &Todo) -> Result<Manifest> {
    let plan = &shared.plan;
    let previous = match plan.previous {
        None => None,
        Some(hash) => {
            let found = stored(&shared.library, plan.source, hash).await?;
            Some(found.ok_or_else(|| MediaError::Plan(format!("manifest {hash} is missing")))?)
        }
    };
    let (mut video, mut audio, mut text) = match previous {
        Some(old) => (old.video, old.audio, old.text),
        None => (Vec::new(), Vec::new(), Vec::new()),
    };
    audio.retain(|track| !plan.superseded.contains(&track.key));
    for step in &plan.video {
        video.push(finished_video(shared, todo, step).await?);
    }
    for step in &plan.audio {
        audio.push(finished_audio(shared, todo, step).await?);
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

/// Publishes a rendition. One that misses the floor of its rung is made once more, better; the
/// record of the step then names that one.
async fn finished_video(
    shared: &Arc<Shared>,
    todo: &Todo,
    step: &VideoStep,
) -> Result<VideoRendition> {
    let missed = match locked(shared, todo, step).await {
        Err(MediaError::Check(missed @ CheckFailure::Floor { .. })) => missed,
        published => return published,
    };
    let Some(better) = shared.plan.better(step)? else { return Err(missed.into()) };
    let again = Arc::new(Todo::of_video(shared, &better).await?);
    schedule::make(shared, &again).await?;
    let made = locked(shared, &again, &better).await?;
    let _lock = lock(shared, step.key).await?;
    publish::record(shared, "v", step.key, &made).await?;
    clear(shared, todo, step.key);
    Ok(made)
}

async fn locked(shared: &Arc<Shared>, todo: &Todo, step: &VideoStep) -> Result<VideoRendition> {
    let _lock = lock(shared, step.key).await?;
    let _core = shared.core().await?;
    publish(shared, todo, step).await
}

/// Publishes a rendition whose parts are all there. The caller holds the lock for it.
pub(super) async fn publish(
    shared: &Arc<Shared>,
    todo: &Todo,
    step: &VideoStep,
) -> Result<VideoRendition> {
    let made = match publish::finished(shared, "v", step.key).await? {
        Some(made) => made,
        None => publish::video(shared, step, todo.parts(step.key)).await?,
    };
    clear(shared, todo, step.key);
    Ok(made)
}

async fn finished_audio(
    shared: &Arc<Shared>,
    todo: &Todo,
    step: &AudioStep,
) -> Result<AudioRendition> {
    let _lock = lock(shared, step.key).await?;
    let made = match (publish::finished(shared, "a", step.key).await?, todo.parts(step.key)) {
        (Some(made), _) => made,
        (None, [task, ..]) => publish::audio(shared, step, task).await?,
        (None, []) => return Err(MediaError::Internal("a sound track has no part".into())),
    };
    clear(shared, todo, step.key);
    Ok(made)
}

/// The right to publish a track: its checks are made once.
async fn lock(shared: &Shared, key: Hash) -> Result<work::Lock> {
    loop {
        if shared.cancel.is_cancelled() {
            return Err(MediaError::Cancelled);
        }
        if let Some(lock) = try_lock(shared, key)? {
            return Ok(lock);
        }
        tokio::time::sleep(OTHERS_INTERVAL).await;
    }
}

/// The same, unless somebody has it.
pub(super) fn try_lock(shared: &Shared, key: Hash) -> Result<Option<work::Lock>> {
    shared.work.try_lock(&format!("publish-{key}"))
}

/// Drops the parts of a track that is published, and says so.
fn clear(shared: &Shared, todo: &Todo, key: Hash) {
    for task in todo.parts(key) {
        shared.work.drop_part(&task.name);
    }
    (shared.progress)(Progress::Finished { rendition: key });
}
