//! Whether a stream of the source fits as it is.

use super::{Codec, Timeline, VideoSpec};
use crate::{
    analysis::Analysis,
    library::{AudioStream, Source},
};

/// Bits of a source that is packaged as it is, percent of the cap: cutting them would cost quality.
const KBPS_PERCENT_MAX: u64 = 200;

/// Whether the video of `source` is a rendition of `spec` already, cut where the timeline is.
pub(super) fn video(
    source: &Source,
    analysis: &Analysis,
    timeline: &Timeline,
    spec: &VideoSpec,
) -> bool {
    let video = &source.video;
    let picture = video.codec == spec.codec.name()
        && (video.coded_width, video.coded_height) == (spec.width, spec.height)
        && video.rotation == 0
        && video.square_pixels
        && !video.interlaced
        && matches!(
            (spec.codec, video.pixel_format.as_str()),
            (_, "yuv420p") | (Codec::Hevc | Codec::Av1, "yuv420p10le")
        );
    let starts =
        source.index.keyframes.first().is_some_and(|keyframe| {
            keyframe.closed && timeline.rate.frame_near(keyframe.at_us) == 0
        });
    let time = source.index.constant_rate
        && starts
        && timeline.rate.frame_near(source.index.first_us) == 0
        && source.index.packets == u64::from(analysis.frames)
        && timeline.segments.iter().all(|frame| analysis.keyframes.binary_search(frame).is_ok());
    let kbps = video.bit_rate / 1_000;
    // Where the stream states no rate, that of the file is the most it can be.
    let kbps = match kbps {
        0 => source.bytes.saturating_mul(8_000) / source.duration_us.max(1),
        kbps => kbps,
    };
    picture && time && kbps <= u64::from(spec.kbps_max) * KBPS_PERCENT_MAX / 100
}

/// Latest beginning of sound that is packaged as it is, microseconds. Encoding fills what is missing.
const SOUND_START_US_MAX: u64 = 40_000;

/// Whether every player takes this sound.
pub(super) fn audio(stream: &AudioStream) -> bool {
    stream.codec == "aac"
        && stream.profile == "LC"
        && stream.channels <= 2
        && matches!(stream.sample_rate, 44_100 | 48_000)
        && stream.first_us.unsigned_abs() <= SOUND_START_US_MAX
}
