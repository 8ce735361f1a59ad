//! Which frames are looked at.

use crate::plan::Timeline;

/// Part of all frames that is looked at, permille, and the least number of them.
const SAMPLE_PERMILLE: u32 = 50;
const SAMPLE_FRAMES_MIN: u32 = 24;
/// Frames that are looked at in one go.
const WINDOW_FRAMES: u32 = 24;

/// Frames `start..end` of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub segment: usize,
    pub start: u32,
    pub end: u32,
}

/// Stretches spread evenly over the video, each within a segment: the same for all renditions, so
/// that their scores can be compared.
pub(crate) fn windows(timeline: &Timeline) -> Vec<Window> {
    let sample = u64::from(timeline.frames) * u64::from(SAMPLE_PERMILLE) / 1_000;
    let sample = u32::try_from(sample).unwrap_or(u32::MAX).max(SAMPLE_FRAMES_MIN);
    let count = sample.div_ceil(WINDOW_FRAMES).max(1) as usize;
    let segments = timeline.segments.len();
    let count = count.min(segments);
    let window = |number: usize| {
        // The middle of each of `count` equal parts.
        let segment = (segments * (2 * number + 1)) / (2 * count);
        let (first, after) = timeline.segment(segment);
        let room = (after - first).saturating_sub(WINDOW_FRAMES);
        // Not at the keyframe, which is better than the rest, nor far from it: all up to the
        // window has to be decoded.
        let start = first + room / 4;
        Window { segment, start, end: (start + WINDOW_FRAMES).min(after) }
    };
    (0..count).map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Rate;

    #[test]
    fn windows_are_spread_and_inside() {
        let segments: Vec<u32> = (0..30).map(|number| number * 100).collect();
        let timeline = Timeline {
            rate: Rate { num: 25, den: 1 },
            frames: 3_000,
            segments,
            chunks: vec![0],
            on_keyframes: false,
        };
        let windows = windows(&timeline);
        assert_eq!(windows.len(), 7);
        assert!(windows.iter().all(|window| window.end - window.start == 24));
        assert!(windows.iter().all(|window| window.end <= timeline.segment(window.segment).1));
        assert!(windows.is_sorted_by_key(|window| window.start));
        let short = Timeline { frames: 10, segments: vec![0], ..timeline };
        assert_eq!(super::windows(&short), [Window { segment: 0, start: 0, end: 10 }]);
    }
}
