//! What a source may be. Each limit is checked before anything is decoded.

use serde::{Deserialize, Serialize};

use crate::sandbox::Bounds;

/// What a source may be, and what looking at it may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Size of a source, bytes.
    pub source_bytes_max: u64,
    /// Length of a source, seconds.
    pub duration_seconds_max: u64,
    /// Streams of all kinds in a source.
    pub streams_max: u32,
    /// Longer side of a frame, pixels.
    pub side_pixels_max: u32,
    /// Pixels of a frame.
    pub frame_pixels_max: u64,
    /// Frames per second.
    pub frame_rate_max: u32,
    /// Time that probing may take, seconds.
    pub probe_seconds_max: u64,
    /// What one run of ffmpeg may take.
    pub bounds: Bounds,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_bytes_max: 64 << 30,
            duration_seconds_max: 6 * 3_600,
            streams_max: 32,
            side_pixels_max: 8_192,
            frame_pixels_max: 8_192 * 4_320,
            frame_rate_max: 120,
            probe_seconds_max: 120,
            bounds: Bounds::default(),
        }
    }
}

/// Why a source is not taken: the field, the limit and the fix.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("size: the file is empty; send one that holds a video")]
    Empty,
    #[error("size: {bytes} bytes, at most {limit} are taken; cut or compress the file")]
    TooLarge { bytes: u64, limit: u64 },
    #[error(
        "format: no container that is taken ({why}); send MP4, MOV, Matroska or WebM, whatever the \
         name ends with"
    )]
    Format { why: String },
    #[error("content: the file breaks off or is damaged ({why}); send it again in full")]
    Damaged { why: String },
    #[error("duration: not stated or zero; remux the file (ffmpeg -i in -c copy out.mp4)")]
    NoDuration,
    #[error("duration: {seconds} s, at most {limit} s are taken; cut the video")]
    TooLong { seconds: u64, limit: u64 },
    #[error("streams: {count}, at most {limit} are taken; drop some (ffmpeg -map)")]
    TooManyStreams { count: u64, limit: u32 },
    #[error("video: there is no video stream; send a file with one")]
    NoVideo,
    #[error("video codec: {codec} is not taken; re-encode to H.264, HEVC, AV1, VP9 or ProRes")]
    VideoCodec { codec: String },
    #[error(
        "frame size: {width}×{height}, at most {side} a side and {pixels} pixels in all are taken; \
         scale the video down"
    )]
    FrameSize { width: u64, height: u64, side: u32, pixels: u64 },
    #[error("frame rate: {rate} a second, at most {limit} are taken; lower the rate")]
    FrameRate { rate: u64, limit: u32 },
}
