//! Where segments and chunks begin: the same for all renditions of a video, for good.

use serde::{Deserialize, Serialize};

use crate::{
    analysis::Analysis,
    library::{Rate, Source},
};

/// How long segments and chunks are, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Segmenting {
    /// Shortest segment but for the last.
    pub segment_ms_min: u32,
    /// What segments should have.
    pub segment_ms: u32,
    /// Longest segment.
    pub segment_ms_max: u32,
    /// What chunks should have: the part of a rendition that one worker makes in one go.
    pub chunk_ms: u32,
}

impl Default for Segmenting {
    fn default() -> Self {
        Self { segment_ms_min: 2_000, segment_ms: 4_000, segment_ms_max: 8_000, chunk_ms: 6_000 }
    }
}

/// Where segments and chunks begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    pub rate: Rate,
    /// Frames of the video.
    pub frames: u32,
    /// First frame of each segment.
    pub segments: Vec<u32>,
    /// First segment of each chunk.
    pub chunks: Vec<u32>,
    /// Whether each segment begins at a closed keyframe of the source.
    pub on_keyframes: bool,
}

impl Timeline {
    /// Segments at cuts and keyframes of the source where they are about as long as they should.
    pub(crate) fn new(source: &Source, analysis: &Analysis, settings: &Segmenting) -> Self {
        let rate = source.video.rate;
        let frames = analysis.frames;
        let [min, aim, max] =
            [settings.segment_ms_min, settings.segment_ms, settings.segment_ms_max]
                .map(|ms| rate.frames_in_ms(ms));
        let on_keyframes = widest_gap(&analysis.keyframes, frames) <= max;
        let cuts: Vec<u32> = analysis.scenes.iter().map(|scene| scene.start).collect();
        let candidates = Candidates { keyframes: &analysis.keyframes, cuts: &cuts, on_keyframes };
        let mut segments = vec![0];
        let mut start = 0;
        while frames - start > max.max(min + aim / 2) {
            let Some(next) = candidates.best(start, [min, aim, max], frames) else { break };
            segments.push(next);
            start = next;
        }
        let chunks = chunks(&segments, frames, rate.frames_in_ms(settings.chunk_ms));
        Self { rate, frames, segments, chunks, on_keyframes }
    }

    /// Frames from the first of segment `number` to the first after it.
    pub fn segment(&self, number: usize) -> (u32, u32) {
        let start = self.segments.get(number).copied().unwrap_or(self.frames);
        (start, self.segments.get(number + 1).copied().unwrap_or(self.frames))
    }

    /// Segments of chunk `number`.
    pub fn chunk_segments(&self, number: usize) -> std::ops::Range<usize> {
        let at = |number: usize| self.chunks.get(number).map(|segment| *segment as usize);
        let start = at(number).unwrap_or(self.segments.len());
        start..at(number + 1).unwrap_or(self.segments.len())
    }

    /// Frames of chunk `number`.
    pub fn chunk(&self, number: usize) -> (u32, u32) {
        let segments = self.chunk_segments(number);
        (self.segment(segments.start).0, self.segment(segments.end).0)
    }

    /// Whole length, microseconds.
    pub fn duration_us(&self) -> u64 {
        self.rate.at_us(self.frames)
    }
}

struct Candidates<'a> {
    keyframes: &'a [u32],
    cuts: &'a [u32],
    on_keyframes: bool,
}

impl Candidates<'_> {
    /// The best beginning for the segment after the one at `start`.
    fn best(&self, start: u32, [min, aim, max]: [u32; 3], frames: u32) -> Option<u32> {
        // What remains for the last segment must not be too short.
        let last = frames.checked_sub(min)?;
        let window = start + min..=(start + max).min(last);
        let wish = start + aim;
        let within = |list: &[u32]| {
            list.iter().copied().filter(|frame| window.contains(frame)).collect::<Vec<_>>()
        };
        let keyframes = within(self.keyframes);
        let cuts = if self.on_keyframes { Vec::new() } else { within(self.cuts) };
        let plain = (!self.on_keyframes && window.contains(&wish)).then_some(wish);
        // Off by half of what is wished for is as bad as not being both a cut and a keyframe.
        let badness = |frame: &u32| {
            let both = self.cuts.contains(frame) && self.keyframes.contains(frame);
            let either = self.cuts.contains(frame) || self.keyframes.contains(frame);
            let penalty = if both { 0 } else { aim / 2 } + if either { 0 } else { aim / 2 };
            frame.abs_diff(wish).saturating_add(penalty)
        };
        let all = keyframes.into_iter().chain(cuts).chain(plain);
        let best = all.min_by_key(|frame| (badness(frame), *frame));
        // A keyframe later than wished for is better than none.
        best.or_else(|| {
            let later = self.keyframes.iter().copied().find(|frame| *frame > start + max);
            later.filter(|frame| self.on_keyframes && *frame <= last)
        })
    }
}

/// Longest distance between keyframes, the end of the video included.
fn widest_gap(keyframes: &[u32], frames: u32) -> u32 {
    let ends = keyframes.iter().skip(1).copied().chain([frames]);
    keyframes
        .iter()
        .zip(ends)
        .map(|(start, end)| end.saturating_sub(*start))
        .max()
        .unwrap_or(frames)
}

fn chunks(segments: &[u32], frames: u32, aim: u32) -> Vec<u32> {
    let mut chunks = vec![0];
    let mut start = 0;
    for (number, segment) in segments.iter().enumerate().skip(1) {
        // A short rest stays with the chunk before.
        if segment - start >= aim && frames - segment > aim / 2 {
            chunks.push(u32::try_from(number).unwrap_or(u32::MAX));
            start = *segment;
        }
    }
    chunks
}
