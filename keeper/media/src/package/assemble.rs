//! From chunks to the files of a track.

use super::{boxes, playlist};
use crate::{
    error::{MediaError, Result},
    hash::Hash,
    library::Rate,
    plan::Timeline,
};

/// A file that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewFile {
    /// Relative to the folder of the video.
    pub path: String,
    pub bytes: Vec<u8>,
}

/// What the boxes of a segment say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// When its first sample is shown, microseconds.
    pub start_us: i64,
    pub duration_us: u64,
    pub samples: u32,
    pub bytes: u64,
}

/// A track made of chunks.
#[derive(Debug)]
pub(crate) struct Track {
    pub files: Vec<NewFile>,
    pub segments: Vec<Segment>,
    /// RFC 6381.
    pub codec: String,
    /// Bits per second of the largest segment, and on average.
    pub bandwidth: u64,
    pub average_bandwidth: u64,
}

impl Track {
    /// Samples of the whole track: frames, for video.
    pub fn samples(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.samples)).sum()
    }

    pub fn duration_us(&self) -> u64 {
        self.segments.iter().map(|segment| segment.duration_us).sum()
    }
}

/// Joins chunks, each an MP4 file of fragments, to a track with segments where `begins` says that a
/// fragment begins one. All chunks must have the same initialization.
pub(crate) fn track(
    kind: &str,
    key: Hash,
    chunks: &[Vec<u8>],
    begins: impl Fn(u64) -> bool,
) -> Result<Track> {
    let folder = playlist::folder(kind, key);
    let broken = |why: &str| MediaError::malformed(format!("chunks of {folder}"), why);
    let first = chunks.first().ok_or_else(|| broken("there are none"))?;
    let init = first[boxes::parts(first)?.init].to_vec();
    let timescale = u64::from(boxes::track_timescale(&init)?).max(1);
    let us = |units: u64| {
        let us =
            (u128::from(units) * 1_000_000 + u128::from(timescale) / 2) / u128::from(timescale);
        u64::try_from(us).unwrap_or(u64::MAX)
    };
    let mut segments: Vec<(Segment, Vec<u8>, u64)> = Vec::new();
    let (mut sequence, mut expected) = (0, None);
    for chunk in chunks {
        let parts = boxes::parts(chunk)?;
        if chunk[parts.init.clone()] != init {
            return Err(broken("they do not have the same initialization"));
        }
        for fragment in &parts.fragments {
            if expected.is_some_and(|expected| expected != fragment.decode_time) {
                return Err(broken("one does not begin where the one before ends"));
            }
            expected = Some(fragment.decode_time + fragment.duration);
            sequence += 1;
            let bytes = boxes::numbered(chunk, fragment, sequence);
            if segments.is_empty() || begins(fragment.decode_time) {
                let shown = u64::try_from(fragment.shown_time.max(0)).unwrap_or(0);
                let start_us = i64::try_from(us(shown)).unwrap_or(i64::MAX);
                let segment = Segment { start_us, duration_us: 0, samples: 0, bytes: 0 };
                segments.push((segment, Vec::new(), fragment.decode_time));
            }
            if let Some((segment, all, start)) = segments.last_mut() {
                segment.samples += fragment.samples;
                let end = fragment.decode_time + fragment.duration;
                segment.duration_us = us(end) - us(*start);
                all.extend_from_slice(&bytes);
                segment.bytes = u64::try_from(all.len()).unwrap_or(u64::MAX);
            }
        }
    }
    let codec = boxes::codec_name(&init)?;
    let names: Vec<(String, u64)> = segments
        .iter()
        .enumerate()
        .map(|(number, (segment, ..))| (format!("{number:05}.m4s"), segment.duration_us))
        .collect();
    let index = playlist::media(Some("init.mp4"), &names);
    let mut files = vec![
        NewFile { path: format!("{folder}/{}", playlist::NAME), bytes: index },
        NewFile { path: format!("{folder}/init.mp4"), bytes: init },
    ];
    let mut facts = Vec::new();
    for ((segment, bytes, _), (name, _)) in segments.into_iter().zip(&names) {
        facts.push(segment);
        files.push(NewFile { path: format!("{folder}/{name}"), bytes });
    }
    let rate = |bytes: u64, us: u64| {
        let bits = u128::from(bytes) * 8_000_000;
        u64::try_from(bits.div_ceil(u128::from(us.max(1)))).unwrap_or(u64::MAX)
    };
    let bytes = facts.iter().map(|segment| segment.bytes).sum();
    let length = facts.iter().map(|segment| segment.duration_us).sum();
    let peak = facts.iter().map(|segment| rate(segment.bytes, segment.duration_us)).max();
    Ok(Track {
        files,
        segments: facts,
        codec,
        bandwidth: peak.unwrap_or(0),
        average_bandwidth: rate(bytes, length),
    })
}

/// Whether a fragment of video that is decoded at `time` begins a segment of `timeline`.
pub(crate) fn begins(timeline: &Timeline, frame_units: u32) -> impl Fn(u64) -> bool {
    let units = u64::from(frame_units);
    move |time| {
        // Copies keep the times of their source, which may be a little off.
        let frame = time.saturating_add(units / 2) / units;
        let near = time.abs_diff(frame.saturating_mul(units)) <= units / 4;
        let frame = u32::try_from(frame).unwrap_or(u32::MAX);
        near && timeline.segments.binary_search(&frame).is_ok()
    }
}

/// The files of a text track: one segment with everything.
pub(crate) fn text(key: Hash, webvtt: &str, rate: Rate, frames: u32) -> Vec<NewFile> {
    let folder = playlist::folder("t", key);
    let index = playlist::media(None, &[("text.vtt".into(), rate.at_us(frames))]);
    vec![
        NewFile { path: format!("{folder}/{}", playlist::NAME), bytes: index },
        NewFile { path: format!("{folder}/text.vtt"), bytes: webvtt.into() },
    ]
}
