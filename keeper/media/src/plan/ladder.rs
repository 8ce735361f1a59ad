//! The ladder of renditions: sizes, codecs, quality floors.

use serde::{Deserialize, Serialize};

use crate::library::VideoStream;

/// A rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its name: lines of a 16:9 frame.
    pub lines: u16,
    /// Lowest score against the source, basis points, for SSIM and for VMAF.
    pub ssim_floor: u16,
    pub vmaf_floor: u16,
    /// Highest bit rate of H.264 at 30 frames a second, kbit/s.
    pub kbps_max: u32,
}

/// All rungs, from small to large. Small pictures hide less, so their floor is lower.
pub const LADDER: [Rung; 7] = [
    Rung { lines: 240, ssim_floor: 8_500, vmaf_floor: 6_000, kbps_max: 700 },
    Rung { lines: 360, ssim_floor: 8_600, vmaf_floor: 6_500, kbps_max: 1_400 },
    Rung { lines: 480, ssim_floor: 8_700, vmaf_floor: 7_000, kbps_max: 2_500 },
    Rung { lines: 720, ssim_floor: 8_800, vmaf_floor: 7_500, kbps_max: 5_000 },
    Rung { lines: 1_080, ssim_floor: 8_900, vmaf_floor: 8_000, kbps_max: 9_000 },
    Rung { lines: 1_440, ssim_floor: 8_900, vmaf_floor: 8_000, kbps_max: 16_000 },
    Rung { lines: 2_160, ssim_floor: 8_900, vmaf_floor: 8_000, kbps_max: 32_000 },
];

/// The rung with this name.
pub fn rung(lines: u16) -> Option<&'static Rung> {
    LADDER.iter().find(|rung| rung.lines == lines)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    H264,
    Hevc,
    Av1,
}

impl Codec {
    /// As ffprobe names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
        }
    }

    /// Bits it needs for what H.264 does with 100.
    pub(super) fn bits_percent(self) -> u32 {
        match self {
            Self::H264 => 100,
            Self::Hevc => 70,
            Self::Av1 => 60,
        }
    }

    /// Constant quality that looks about the same in each.
    pub(super) fn quality(self) -> u8 {
        match self {
            Self::H264 => 21,
            Self::Hevc => 24,
            Self::Av1 => 32,
        }
    }
}

/// How much time an encoder takes for fewer bits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// For trials.
    Fast,
    #[default]
    Standard,
}

/// Everything that decides the pixels and bits of a video rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoSpec {
    pub codec: Codec,
    /// Rung of the ladder.
    pub lines: u16,
    /// Pixels, both even.
    pub width: u32,
    pub height: u32,
    /// Bits of a sample: 8 or 10.
    pub depth: u8,
    /// Constant quality, on the codec's own scale: lower is better.
    pub quality: u8,
    pub effort: Effort,
    /// Cap of the bit rate, kbit/s.
    pub kbps_max: u32,
    /// Larger than the source.
    pub upscaled: bool,
}

impl VideoSpec {
    /// The same picture with about twice the bits: that is what 6 steps of the quantizer take, of
    /// which a step of quality is one, or in AV1 half of one.
    pub(super) fn better(self) -> Self {
        let steps = if self.codec == Codec::Av1 { 12 } else { 6 };
        let quality = self.quality.saturating_sub(steps);
        Self { quality, kbps_max: self.kbps_max.saturating_mul(2), ..self }
    }
}

/// The specification of a rendition of `video` on `rung`.
pub(super) fn spec(video: &VideoStream, rung: &Rung, codec: Codec, effort: Effort) -> VideoSpec {
    let (width, height, upscaled) = size(video.width, video.height, rung.lines);
    let frames = u64::from(video.rate.num) / u64::from(video.rate.den);
    // Twice the frames need half as many bits again, since they differ less.
    let rate_percent = if frames > 35 { 150 } else { 100 };
    VideoSpec {
        codec,
        lines: rung.lines,
        width,
        height,
        depth: if codec == Codec::H264 || video.depth == 8 { 8 } else { 10 },
        quality: codec.quality(),
        effort,
        kbps_max: rung.kbps_max * codec.bits_percent() / 100 * rate_percent / 100,
        upscaled,
    }
}

/// Fits a frame into the 16:9 box of a rung, upright or not, and says whether that enlarges it.
/// On the lowest rung a smaller source keeps its size.
pub(super) fn size(width: u32, height: u32, lines: u16) -> (u32, u32, bool) {
    let (long, short) = (u64::from(width.max(height)), u64::from(width.min(height)).max(1));
    let (box_long, box_short) = (u64::from(lines) * 16 / 9, u64::from(lines));
    // The side that reaches its end of the box first gives the factor.
    let by_long = box_long * short <= box_short * long;
    let (num, den) = if by_long { (box_long, long) } else { (box_short, short) };
    let enlarges = num > den;
    let lowest = LADDER.first().is_some_and(|rung| rung.lines == lines);
    let (num, den) = if enlarges && lowest { (1, 1) } else { (num, den) };
    let even = |side: u32| {
        let scaled = u64::from(side) * num / den;
        let even = if num == den { scaled & !1 } else { (scaled + 1) & !1 };
        u32::try_from(even.max(2)).unwrap_or(u32::MAX - 1)
    };
    (even(width), even(height), enlarges && !lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_fit_the_box() {
        assert_eq!(size(1_280, 720, 720), (1_280, 720, false));
        assert_eq!(size(1_280, 720, 240), (426, 240, false));
        assert_eq!(size(720, 1_280, 360), (360, 640, false));
        assert_eq!(size(1_920, 800, 1_080), (1_920, 800, false));
        assert_eq!(size(640, 480, 480), (640, 480, false));
        assert_eq!(size(1_280, 720, 1_080), (1_920, 1_080, true));
        assert_eq!(size(321, 179, 240), (320, 178, false));
        assert_eq!(size(160, 90, 240), (160, 90, false));
    }
}
