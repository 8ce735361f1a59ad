//! The arguments of the encoders. Every one here is part of what a chunk's name is the hash of, by
//! way of [`SETTINGS_VERSION`].

use crate::{
    library::Rate,
    plan::{Codec, Effort, Timeline, VideoSpec},
};

/// Raised when arguments change, so that chunks from before are not mixed with new ones.
pub(super) const SETTINGS_VERSION: u32 = 1;
/// Least number of units a second in the timestamps of video.
const TIMESCALE_MIN: u32 = 10_000;
/// No names, dates or versions in the output.
pub(super) const ANONYMOUS: [&str; 8] =
    ["-flags", "+bitexact", "-fflags", "+bitexact", "-map_metadata", "-1", "-map_chapters", "-1"];
/// Fragments that begin at keyframes, with the times of the whole video and without edit lists, so
/// that the fragments of chunks can simply follow each other.
pub(super) const VIDEO_FRAGMENTS: [&str; 5] =
    ["-movflags", "+cmaf+frag_keyframe+frag_discont+negative_cts_offsets", "-f", "mp4", "pipe:1"];

/// Units a second of a video's timestamps, and units of a frame.
pub(crate) fn timescale(rate: Rate) -> (u32, u32) {
    let factor = TIMESCALE_MIN.div_ceil(rate.num);
    (rate.num * factor, rate.den * factor)
}

/// Filters that make the picture of `spec` from a frame of the output.
pub(crate) fn picture(spec: &VideoSpec) -> String {
    let format = if spec.depth > 8 { "yuv420p10le" } else { "yuv420p" };
    format!(
        "scale={}:{}:flags=bicubic+accurate_rnd+bitexact,setsar=1,format={format}",
        spec.width, spec.height
    )
}

/// Arguments of the encoder. Chunks have one thread: bits depend on the number of threads, and
/// several chunks at a time use all cores anyway. With 0 the encoder chooses.
pub(super) fn encoder(spec: &VideoSpec, threads: u32) -> Vec<String> {
    let pools = match threads {
        1 => "pools=none:wpp=0:",
        _ => "",
    };
    let threads = threads.to_string();
    // Looking for screen contents takes up to twice the time on pictures that it takes for such, and
    // saved nothing on moving text.
    let lp = format!("lp={threads}:scd=0:scm=0");
    let hevc = format!(
        "{pools}frame-threads=1:scenecut=0:keyint=-1:min-keyint=1:open-gop=0:info=0:log-level=error"
    );
    let quality = spec.quality.to_string();
    let (max, buffer) = (format!("{}k", spec.kbps_max), format!("{}k", spec.kbps_max * 2));
    let bounded = ["-maxrate", &max, "-bufsize", &buffer, "-threads", &threads, "-forced-idr", "1"];
    let fast = spec.effort == Effort::Fast;
    let (name, preset, bounded, own): (_, _, &[&str], &[&str]) = match spec.codec {
        Codec::H264 => (
            "libx264",
            if fast { "veryfast" } else { "medium" },
            &bounded,
            &[
                "-profile:v",
                "high",
                "-x264-params",
                "scenecut=0:keyint=infinite:open-gop=0",
                // The encoder's name and settings.
                "-bsf:v",
                "filter_units=remove_types=6",
            ],
        ),
        Codec::Hevc => (
            "libx265",
            if fast { "ultrafast" } else { "fast" },
            &bounded,
            &["-tag:v", "hvc1", "-x265-params", &hevc],
        ),
        Codec::Av1 => (
            "libsvtav1",
            if fast { "11" } else { "8" },
            &[],
            &["-g", "100000", "-svtav1-params", &lp],
        ),
    };
    let common = ["-c:v", name, "-preset", preset, "-crf", &quality];
    common.iter().chain(bounded).chain(own).copied().map(String::from).collect()
}

/// Frame ranges that are encoded one by one in a chunk. This AV1 encoder cannot place keyframes, so
/// each of its segments is an encoding of its own.
pub(super) fn ranges(timeline: &Timeline, codec: Codec, chunk: usize) -> Vec<(u32, u32)> {
    match codec {
        Codec::Av1 => timeline.chunk_segments(chunk).map(|n| timeline.segment(n)).collect(),
        _ => vec![timeline.chunk(chunk)],
    }
}

/// Asks for keyframes where segments begin between `start` and `end`.
pub(super) fn keyframes(timeline: &Timeline, start: u32, end: u32) -> Vec<String> {
    let inside = timeline.segments.iter().filter(|frame| start < **frame && **frame < end);
    let terms: Vec<String> = inside.map(|frame| format!("eq(n,{})", frame - start)).collect();
    if terms.is_empty() {
        return Vec::new();
    }
    vec!["-force_key_frames".into(), format!("expr:{}", terms.join("+"))]
}
