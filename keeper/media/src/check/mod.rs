//! What every rendition has to pass before anybody sees it.

mod perceptual;
mod windows;

use serde::{Deserialize, Serialize};

pub(crate) use perceptual::{Subject, score};
pub(crate) use windows::windows;

use crate::{
    library::AudioStream,
    package::assemble::Track,
    plan::{Rung, Timeline},
};

/// Difference between sound and picture that nobody notices (EBU R 37), microseconds.
const SYNC_US_MAX: u64 = 40_000;
/// Difference between the lengths of a sound track and its source, microseconds: encoders fill the
/// last frame, and containers round.
const SOUND_LENGTH_US_MAX: u64 = 150_000;

/// How likeness to the source is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Structural similarity, all planes, × 10,000.
    Ssim,
    /// Netflix's VMAF, × 100. Used where this ffmpeg has it.
    Vmaf,
}

/// What was measured of a video rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub frames: u32,
    pub duration_us: u64,
    pub metric: Metric,
    /// Mean likeness to the source of the frames looked at, basis points.
    pub score: u16,
    /// The worst stretch looked at, basis points.
    pub worst: u16,
    /// Frames looked at.
    pub sampled: u32,
}

/// What a rendition lacks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckFailure {
    #[error("{what}: {found} frames, not {expected}; the rendition is dropped")]
    Frames { what: String, found: u64, expected: u64 },
    #[error("{what}: {found} segments, not {expected}; the rendition is dropped")]
    Segments { what: String, found: usize, expected: usize },
    #[error("{what}: {found_us} µs long, not {expected_us}; the rendition is dropped")]
    Duration { what: String, found_us: u64, expected_us: u64 },
    #[error("{what}: segment {segment} begins at {found_us} µs, not {expected_us}")]
    Sync { what: String, segment: usize, found_us: i64, expected_us: u64 },
    #[error(
        "{what}: a {metric:?} score of {score} against the source is below the floor of {floor} \
         basis points; plan it with more effort"
    )]
    Floor { what: String, metric: Metric, score: u16, floor: u16 },
}

/// Frames, segments and times of a video track against the timeline.
pub(crate) fn video(what: &str, track: &Track, timeline: &Timeline) -> Result<(), CheckFailure> {
    let what = || what.to_owned();
    let expected = u64::from(timeline.frames);
    let found = track.samples();
    if found != expected {
        return Err(CheckFailure::Frames { what: what(), found, expected });
    }
    let (found, expected) = (track.segments.len(), timeline.segments.len());
    if found != expected {
        return Err(CheckFailure::Segments { what: what(), found, expected });
    }
    let frame_us = timeline.rate.at_us(1);
    let (found_us, expected_us) = (track.duration_us(), timeline.duration_us());
    if found_us.abs_diff(expected_us) > frame_us {
        return Err(CheckFailure::Duration { what: what(), found_us, expected_us });
    }
    for (segment, (facts, start)) in track.segments.iter().zip(&timeline.segments).enumerate() {
        let expected_us = timeline.rate.at_us(*start);
        let off = i128::from(facts.start_us).abs_diff(i128::from(expected_us));
        if off > u128::from(SYNC_US_MAX.min(frame_us / 2)) {
            let found_us = facts.start_us;
            return Err(CheckFailure::Sync { what: what(), segment, found_us, expected_us });
        }
    }
    Ok(())
}

/// Beginning and length of a sound track against its stream in the source.
pub(crate) fn audio(what: &str, track: &Track, stream: &AudioStream) -> Result<(), CheckFailure> {
    let what = || what.to_owned();
    let start_us = track.segments.first().map_or(0, |segment| segment.start_us);
    if start_us.unsigned_abs() > SYNC_US_MAX {
        let (segment, expected_us) = (0, 0);
        return Err(CheckFailure::Sync { what: what(), segment, found_us: start_us, expected_us });
    }
    let (found_us, expected_us) = (track.duration_us(), stream.duration_us());
    if found_us.abs_diff(expected_us) > SOUND_LENGTH_US_MAX {
        return Err(CheckFailure::Duration { what: what(), found_us, expected_us });
    }
    Ok(())
}

/// Likeness against the floor of the ladder.
pub(crate) fn floor(what: &str, rung: &Rung, checked: &Checked) -> Result<(), CheckFailure> {
    let floor = match checked.metric {
        Metric::Ssim => rung.ssim_floor,
        Metric::Vmaf => rung.vmaf_floor,
    };
    if checked.score < floor {
        let (metric, score) = (checked.metric, checked.score);
        return Err(CheckFailure::Floor { what: what.to_owned(), metric, score, floor });
    }
    Ok(())
}
