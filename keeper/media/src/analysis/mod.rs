//! What is found out about a source once and kept: an upgrade reads it and never changes it.

pub mod artefacts;
pub(crate) mod grid;
mod model;
mod parse;
mod pass;

use std::path::Path;

use tokio_util::sync::CancellationToken;

pub use model::{Analysis, Loudness, Scene, Span, Sprite, Thumbnail, VERSION};

use crate::{
    error::{Result, blocking},
    hash::{Hash, canonical},
    library::{Library, Refusal, Source, keys},
    progress::{OnProgress, Progress},
};

/// Name of the analysis among its files.
const RECORD: &str = "analysis.json";
/// Shortest scene, milliseconds: flashes are no scenes.
const SCENE_MS_MIN: u32 = 500;
/// Frames that thumbnails are chosen from, and how many are kept.
const STILLS: u32 = 9;
const THUMBNAILS: usize = 3;

/// Reads the analysis of a source, or makes it.
///
/// # Errors
/// The source cannot be decoded, or a limit was reached.
pub async fn ensure(
    library: &Library,
    source: &Source,
    progress: &OnProgress,
    cancel: &CancellationToken,
) -> Result<Analysis> {
    if let Some(analysis) = get(library, source.hash).await? {
        return Ok(analysis);
    }
    let file = library.source_file(source.hash).await?;
    let (of, limits) = (source.clone(), library.limits().clone());
    let (token, report) = (cancel.clone(), progress.clone());
    let made = blocking(move || make(&of, &file, &limits, &token, &report)).await?;
    for (name, bytes) in made.files {
        library.put(&keys::analysis(source.hash, VERSION, &name), bytes).await?;
    }
    // Last: an analysis with a record is complete.
    let record = canonical(&made.analysis)?;
    library.put(&keys::analysis(source.hash, VERSION, RECORD), record).await?;
    Ok(made.analysis)
}

/// The stored analysis of a source.
///
/// # Errors
/// The store fails, or what it holds cannot be read.
pub async fn get(library: &Library, source: Hash) -> Result<Option<Analysis>> {
    library.get_json(&keys::analysis(source, VERSION, RECORD)).await
}

/// A file of an analysis: its sprite, or one of its thumbnails.
///
/// # Errors
/// The store fails.
pub async fn file(library: &Library, source: Hash, name: &str) -> Result<Option<bytes::Bytes>> {
    library.get(&keys::analysis(source, VERSION, name)).await
}

struct Made {
    analysis: Analysis,
    files: Vec<(String, Vec<u8>)>,
}

fn make(
    source: &Source,
    file: &Path,
    limits: &crate::library::Limits,
    cancel: &CancellationToken,
    progress: &OnProgress,
) -> Result<Made> {
    let rate = source.video.rate;
    let duration_us = i64::try_from(source.duration_us).unwrap_or(i64::MAX);
    let estimate = u32::try_from(rate.frame_near(duration_us)).unwrap_or(u32::MAX).max(1);
    let stills = still_frames(estimate);
    let layout = pass::Layout::new(source, estimate);
    let mut on_frame = |done| progress(Progress::Analysed { frames: done, of: estimate.into() });
    let passed = pass::decode(source, file, (&layout, &stills), limits, cancel, &mut on_frame)?;
    let measured = passed.frames.finish(&passed.sizes, |frame| rate.at_us(frame));
    let frames = u32::try_from(measured.frames.len()).unwrap_or(u32::MAX);
    if frames == 0 {
        return Err(Refusal::Damaged { why: "no frame can be decoded".into() }.into());
    }
    let silent = Loudness { integrated_centi: -7_000, range_centi: 0, peak_centi: None };
    let heard = |number| parse::loudness(&passed.log, number).unwrap_or(silent);
    let (thumbnails, mut files) = thumbnails(&measured, &passed.stills, &stills, rate);
    let sprite = Sprite {
        file: "sprite.jpg".into(),
        hash: Hash::of(&passed.sprite),
        columns: layout.columns,
        rows: layout.rows,
        pictures: frames.div_ceil(layout.every_frames).min(layout.columns * layout.rows),
        width: layout.width,
        height: layout.height,
        every_frames: layout.every_frames,
    };
    files.push((sprite.file.clone(), passed.sprite));
    let analysis = Analysis {
        version: VERSION,
        source: source.hash,
        rate,
        frames,
        keyframes: keyframes(source, frames),
        scenes: parse::scenes(&measured, rate.frames_in_ms(SCENE_MS_MIN)),
        black: measured.black,
        frozen: measured.frozen,
        loudness: (0..source.audio.len()).map(heard).collect(),
        thumbnails,
        sprite,
    };
    Ok(Made { analysis, files })
}

/// Frames spread over the video, none at its very ends.
fn still_frames(frames: u32) -> Vec<u32> {
    let at = |number: u32| u64::from(frames) * u64::from(number * 2 + 1) / u64::from(STILLS * 2);
    let mut stills: Vec<u32> = (0..STILLS).filter_map(|n| u32::try_from(at(n)).ok()).collect();
    stills.dedup();
    stills
}

/// Closed keyframes as frames of the output. Frame 0 is one: decoding starts there anyway.
fn keyframes(source: &Source, frames: u32) -> Vec<u32> {
    let rate = source.video.rate;
    let closed = source.index.keyframes.iter().filter(|keyframe| keyframe.closed);
    let numbers = closed.map(|keyframe| rate.frame_near(keyframe.at_us));
    let mut keyframes: Vec<u32> = numbers
        .filter_map(|number| u32::try_from(number).ok())
        .filter(|number| *number < frames)
        .collect();
    keyframes.push(0);
    keyframes.sort_unstable();
    keyframes.dedup();
    keyframes
}

/// The stills with the most in them, in the order of time.
fn thumbnails<'a>(
    measured: &parse::Measured,
    jpegs: &'a [u8],
    stills: &[u32],
    rate: crate::library::Rate,
) -> (Vec<Thumbnail>, Vec<(String, Vec<u8>)>) {
    let pictures: Vec<(u32, u32, &[u8])> = stills
        .iter()
        .zip(parse::jpegs(jpegs))
        .filter_map(|(frame, jpeg)| {
            let measure = measured.frames.get(usize::try_from(*frame).ok()?)?;
            Some((measure.spatial_milli, *frame, jpeg))
        })
        .collect();
    // The one with the most in it of each part of the video.
    let part = pictures.len().div_ceil(THUMBNAILS).max(1);
    let best = |part: &[(u32, u32, &'a [u8])]| {
        part.iter().max_by_key(|(detail, frame, _)| (*detail, std::cmp::Reverse(*frame))).copied()
    };
    let pictures: Vec<(u32, u32, &[u8])> = pictures.chunks(part).filter_map(best).collect();
    let name = |number: usize| format!("thumbnail-{number}.jpg");
    let thumbnail = |(number, (_, frame, jpeg)): (usize, &(u32, u32, &[u8]))| Thumbnail {
        file: name(number),
        at_us: rate.at_us(*frame),
        hash: Hash::of(jpeg),
    };
    let records = pictures.iter().enumerate().map(thumbnail).collect();
    let file = |(number, (_, _, jpeg)): (usize, &(u32, u32, &[u8]))| (name(number), jpeg.to_vec());
    (records, pictures.iter().enumerate().map(file).collect())
}
