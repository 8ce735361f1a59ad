//! From finished parts to checked tracks in the object store.

use std::sync::atomic::Ordering;

use object_store::path::Path as Key;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    codec,
    task::{self, Shared, Task},
};
use crate::{
    check,
    error::{MediaError, Result},
    hash::{Hash, canonical},
    library::keys,
    package::{
        AudioRendition, FileEntry, TextRendition, VideoRendition,
        assemble::{self, NewFile, Track},
        playlist,
    },
    plan::{AudioStep, TextStep, VideoStep, rung},
};

/// Where the record of a finished track is. It is written last, so a track with a record is
/// complete, and nothing of it is ever written again.
pub(super) fn record_key(shared: &Shared, kind: &str, key: Hash) -> Key {
    keys::video(shared.plan.source, &format!("{}/track.json", playlist::folder(kind, key)))
}

/// The record of a track that is finished.
pub(super) async fn finished<T: DeserializeOwned>(
    shared: &Shared,
    kind: &str,
    key: Hash,
) -> Result<Option<T>> {
    shared.library.get_json(&record_key(shared, kind, key)).await
}

async fn store(shared: &Shared, files: Vec<NewFile>) -> Result<()> {
    for file in files {
        shared.library.put(&keys::video(shared.plan.source, &file.path), file.bytes).await?;
    }
    Ok(())
}

/// Says that a track is finished.
pub(super) async fn record<T: Serialize>(
    shared: &Shared,
    kind: &str,
    key: Hash,
    track: &T,
) -> Result<()> {
    shared.library.put(&record_key(shared, kind, key), canonical(track)?).await
}

fn entries(files: &[NewFile]) -> Vec<FileEntry> {
    let entry = |file: &NewFile| FileEntry {
        path: file.path.clone(),
        bytes: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
        hash: Hash::of(&file.bytes),
    };
    files.iter().map(entry).collect()
}

/// Puts the parts of a video rendition together and checks them. Blocks.
fn build_video(
    shared: &Shared,
    step: &VideoStep,
    tasks: &[Task],
) -> Result<(VideoRendition, Track)> {
    let timeline = &shared.plan.timeline;
    let spec = &step.spec;
    let (_, units) = codec::timescale(timeline.rate);
    let parts = task::read(shared, tasks)?;
    let track = assemble::track("v", step.key, &parts, assemble::begins(timeline, units))?;
    let what = format!("{}p {}", spec.lines, spec.codec.name());
    check::video(&what, &track, timeline)?;
    let (checked, cpu_us) = check::score(&check::Subject {
        source: &shared.source,
        analysis: &shared.analysis,
        timeline,
        spec,
        track: &track,
        file: &shared.file,
        folder: shared.work.path(),
        limits: shared.library.limits(),
        cancel: &shared.cancel,
        cores: &shared.cores,
    })?;
    shared.counts.check_cpu_us.fetch_add(cpu_us, Ordering::Relaxed);
    let rung = rung(spec.lines).ok_or_else(|| MediaError::Plan("no such rung".into()))?;
    check::floor(&what, rung, &checked)?;
    let rendition = VideoRendition {
        key: step.key,
        method: step.method,
        spec: *spec,
        codec: track.codec.clone(),
        bandwidth: track.bandwidth,
        average_bandwidth: track.average_bandwidth,
        checked,
        engine: super::engine()?.name.clone(),
        files: entries(&track.files),
    };
    Ok((rendition, track))
}

/// Checks and stores a video rendition whose parts are all there.
pub(super) async fn video(
    shared: &std::sync::Arc<Shared>,
    step: &VideoStep,
    tasks: &[Task],
) -> Result<VideoRendition> {
    let (of, step, parts) = (shared.clone(), *step, tasks.to_vec());
    let (rendition, track) =
        crate::error::blocking(move || build_video(&of, &step, &parts)).await?;
    store(shared, track.files).await?;
    record(shared, "v", rendition.key, &rendition).await?;
    Ok(rendition)
}

/// Checks and stores a sound track whose part is there.
pub(super) async fn audio(
    shared: &std::sync::Arc<Shared>,
    step: &AudioStep,
    made: &Task,
) -> Result<AudioRendition> {
    let parts = vec![shared.work.read(&made.name)?];
    // Each fragment is a segment.
    let track = assemble::track("a", step.key, &parts, |_| true)?;
    let stream = usize::try_from(step.spec.stream).ok();
    let stream = stream.and_then(|number| shared.source.audio.get(number));
    let stream = stream.ok_or_else(|| MediaError::Plan("no such sound".into()))?;
    check::audio(&format!("sound {}", step.spec.stream), &track, stream)?;
    let start = track.segments.first().map_or(0, |segment| segment.start_us);
    let rendition = AudioRendition {
        key: step.key,
        method: step.method,
        spec: step.spec,
        language: step.language.clone(),
        label: step.label.clone(),
        codec: track.codec.clone(),
        bandwidth: track.bandwidth,
        start_us: u64::try_from(start).unwrap_or(0),
        duration_us: track.duration_us(),
        engine: super::engine()?.name.clone(),
        files: entries(&track.files),
    };
    store(shared, track.files).await?;
    record(shared, "a", step.key, &rendition).await?;
    Ok(rendition)
}

/// Stores a text track.
pub(super) async fn text(shared: &Shared, step: &TextStep) -> Result<TextRendition> {
    if let Some(made) = finished(shared, "t", step.key).await? {
        return Ok(made);
    }
    let timeline = &shared.plan.timeline;
    let files = assemble::text(step.key, &step.webvtt, timeline.rate, timeline.frames);
    let rendition = TextRendition {
        key: step.key,
        language: step.language.clone(),
        label: step.label.clone(),
        kind: step.kind,
        files: entries(&files),
    };
    store(shared, files).await?;
    record(shared, "t", step.key, &rendition).await?;
    Ok(rendition)
}
