//! The frames of the output. Analysis, encoding and checking all see the source through this, so
//! that frame `n` is the same picture in each.

use crate::library::Source;

/// Arguments before the input: its own times, from 0.
pub(crate) const TIMES: [&str; 3] = ["-copyts", "-start_at_zero", "-noaccurate_seek"];

/// Filters that make the frames of the output. `from_start`: whether decoding starts at the start,
/// where frames may be missing before the first.
pub(crate) fn filters(source: &Source, from_start: bool) -> String {
    let progressive = if source.video.interlaced { "bwdif=mode=send_frame," } else { "" };
    let start = if from_start { ":start_time=0" } else { "" };
    format!("{progressive}fps={}{start}", source.video.rate.text())
}

/// The time to seek to for frame `frame`, in seconds as text: the last keyframe that it can be
/// decoded from. None for the start of the file.
pub(crate) fn seek(keyframes: &[u32], source: &Source, frame: u32) -> Option<String> {
    let keyframe = keyframes.iter().rev().find(|keyframe| **keyframe <= frame)?;
    let rate = source.video.rate;
    // The stored time of the keyframe, not that of the frame: it may be a little earlier.
    let at =
        source.index.keyframes.iter().rev().find(|stored| {
            stored.closed && rate.frame_near(stored.at_us) <= i64::from(*keyframe)
        })?;
    // A microsecond later, because the container's units are coarser and it seeks backwards.
    let at_us = at.at_us.max(0) + 1;
    (*keyframe > 0).then(|| format!("{}.{:06}", at_us / 1_000_000, at_us % 1_000_000))
}
