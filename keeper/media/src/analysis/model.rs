//! What an analysis holds. Only integers, so that its bytes are the same everywhere.

use serde::{Deserialize, Serialize};

use crate::{hash::Hash, library::Rate};

/// Version of what is analysed and how. A new one is stored beside the old.
pub const VERSION: u32 = 1;

/// What is found out about a source once, and kept.
///
/// Frames are those of the output: of the constant rate `rate`, from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    pub version: u32,
    pub source: Hash,
    pub rate: Rate,
    /// Frames of the whole video.
    pub frames: u32,
    /// Frames that are keyframes of the source and can be decoded without anything before.
    pub keyframes: Vec<u32>,
    /// Stretches between cuts, without gaps from frame 0 to the end.
    pub scenes: Vec<Scene>,
    pub black: Vec<Span>,
    pub frozen: Vec<Span>,
    /// Of each audio stream, in the order of [`crate::library::Source::audio`].
    pub loudness: Vec<Loudness>,
    pub thumbnails: Vec<Thumbnail>,
    pub sprite: Sprite,
}

/// A stretch without a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// First frame; its cut's score says how sudden the change to it is.
    pub start: u32,
    /// First frame after it.
    pub end: u32,
    /// 0 to 10,000: how sure the cut at its start is.
    pub cut_score: u16,
    /// Spatial information (ITU-T P.910) of the average frame, thousandths.
    pub spatial_milli: u32,
    /// Temporal information (ITU-T P.910), thousandths.
    pub temporal_milli: u32,
    /// Thousandths of a bit a pixel that a small, quick encoding took: what work is predicted from.
    pub complexity_milli: u32,
}

impl Scene {
    /// Its frames.
    pub fn frames(&self) -> u32 {
        self.end.saturating_sub(self.start)
    }
}

/// A stretch of time, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start_us: u64,
    pub end_us: u64,
}

/// EBU R 128 measurements of a stream, hundredths of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated loudness, 0.01 LUFS; -7000 is silence.
    pub integrated_centi: i32,
    /// Loudness range, 0.01 LU.
    pub range_centi: i32,
    /// True peak, 0.01 dBFS; none for digital silence.
    pub peak_centi: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// Name of the JPEG file in the analysis.
    pub file: String,
    pub at_us: u64,
    pub hash: Hash,
}

/// Small pictures at regular times, in one JPEG, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sprite {
    pub file: String,
    pub hash: Hash,
    pub columns: u32,
    pub rows: u32,
    /// Pictures in it; cells after them are black.
    pub pictures: u32,
    /// Size of one, pixels.
    pub width: u32,
    pub height: u32,
    /// Frames from one picture to the next; the first is frame 0.
    pub every_frames: u32,
}
