//! What work takes and costs. Integers only: the price is money.

use serde::{Deserialize, Serialize};

use super::{Codec, Effort, Method, Timeline, VideoSpec};
use crate::{analysis::Analysis, check::windows, library::Source};

/// What work takes on the machines that do it, and what is charged for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceList {
    /// Base units for an hour of processor time. With a token of 6 digits worth a dollar, the
    /// default is 6 cents.
    pub cpu_hour: u64,
    /// Base units for each step: storage and the hands of the operator.
    pub step: u64,
    /// Base units for a whole plan with any step, at least.
    pub minimum: u64,
    /// Speed of the machines, thousandths of the one the model was measured on.
    pub speed_permille: u32,
    pub work: WorkModel,
}

impl Default for PriceList {
    fn default() -> Self {
        Self {
            cpu_hour: 60_000,
            step: 1_000,
            minimum: 5_000,
            speed_permille: 1_000,
            work: WorkModel::default(),
        }
    }
}

/// Processor time of the parts of an encoding, fitted to the renditions of the clips that
/// `scripts/bench media` makes, one by one, on one thread of an AMD EPYC.
///
/// An encoding takes, for each frame, in pixels, bits and picoseconds,
///
/// ```text
/// see    = shown × decode + bits × decode_bit + shown × scale, where it is scaled
/// encode = out × (base + slope × √complexity)
/// check  = windows × start + seen × (see + out × compare slope × √complexity) + compared × out × compare
/// work   = chunks × (start + start of the encoder) + frames × (see + encode) + check
/// ```
///
/// with `bits` those of a frame of the source and complexity in bits a pixel: the more a codec can
/// skip, the less time it takes, though with twice the bits it does not take twice the time. The
/// root fits best among powers. A check sees a part of the frames once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkModel {
    /// Starting ffmpeg, microseconds.
    pub start_us: u64,
    /// Picoseconds for each pixel of the source.
    pub decode_ps: u64,
    /// Further picoseconds for each bit of the source.
    pub decode_bit_ps: u64,
    /// Picoseconds for each pixel of the source that is scaled.
    pub scale_ps: u64,
    pub h264_fast: Encoder,
    pub h264_standard: Encoder,
    pub hevc_fast: Encoder,
    pub hevc_standard: Encoder,
    pub av1_fast: Encoder,
    pub av1_standard: Encoder,
    /// Microseconds for each second of sound.
    pub audio_second_us: u64,
    /// Microseconds for each MiB of the source that is only copied.
    pub copy_mib_us: u64,
    /// Picoseconds for each pixel that is compared with the source.
    pub compare_ps: u64,
    /// Further picoseconds for each pixel of a rendition that is decoded for it, by the root of the
    /// complexity.
    pub compare_slope_ps: u64,
}

/// Time of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    /// Starting it, microseconds.
    pub start_us: u64,
    /// Picoseconds for each pixel that comes out.
    pub base_ps: u64,
    /// Further picoseconds for each pixel, by the root of the complexity.
    pub slope_ps: u64,
    /// What a pixel of 720p and above takes, percent of one below.
    pub large_percent: u64,
}

/// Lines from which on a rendition is large to an encoder.
const LARGE_LINES: u16 = 720;

/// The root of a complexity in thousandths of a bit a pixel, in thousandths.
fn root_milli(complexity_milli: u32) -> u128 {
    (u128::from(complexity_milli) * 1_000).isqrt()
}

impl Default for WorkModel {
    fn default() -> Self {
        let encoder = |start_us, base_ps, slope_ps, large_percent| Encoder {
            start_us,
            base_ps,
            slope_ps,
            large_percent,
        };
        Self {
            start_us: 5_000,
            decode_ps: 280,
            decode_bit_ps: 9_100,
            scale_ps: 850,
            h264_fast: encoder(20_000, 4_110, 22_300, 100),
            h264_standard: encoder(55_000, 3_070, 57_000, 100),
            hevc_fast: encoder(80_000, 8_190, 23_500, 100),
            hevc_standard: encoder(205_000, 11_300, 72_700, 100),
            av1_fast: encoder(126_000, 10_300, 29_300, 60),
            av1_standard: encoder(267_000, 10_400, 145_500, 65),
            audio_second_us: 18_000,
            copy_mib_us: 3_000,
            compare_ps: 4_500,
            compare_slope_ps: 4_540,
        }
    }
}

/// Work and its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Predicted processor time, microseconds.
    pub work_us: u64,
    /// Base units.
    pub price: u64,
}

impl Cost {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            work_us: self.work_us.saturating_add(other.work_us),
            price: self.price.saturating_add(other.price),
        }
    }
}

impl PriceList {
    /// Price of a step of `work_us`, rounded up.
    pub(super) fn cost(&self, work_us: u64) -> Cost {
        let speed = u128::from(self.speed_permille.max(1));
        let work_us = u128::from(work_us) * 1_000 / speed;
        let price = (work_us * u128::from(self.cpu_hour)).div_ceil(3_600_000_000);
        let narrow = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
        Cost { work_us: narrow(work_us), price: narrow(price).saturating_add(self.step) }
    }
}

impl WorkModel {
    pub fn encoder(&self, codec: Codec, effort: Effort) -> Encoder {
        match (codec, effort) {
            (Codec::H264, Effort::Fast) => self.h264_fast,
            (Codec::H264, Effort::Standard) => self.h264_standard,
            (Codec::Hevc, Effort::Fast) => self.hevc_fast,
            (Codec::Hevc, Effort::Standard) => self.hevc_standard,
            (Codec::Av1, Effort::Fast) => self.av1_fast,
            (Codec::Av1, Effort::Standard) => self.av1_standard,
        }
    }

    /// Picoseconds for getting a frame of the source in the size of `spec`.
    fn see_ps(&self, source: &Source, spec: &VideoSpec) -> u128 {
        let video = &source.video;
        let shown = u128::from(video.coded_width) * u128::from(video.coded_height);
        let is_scaled = (video.width, video.height) != (spec.width, spec.height);
        let scale = if is_scaled { self.scale_ps } else { 0 };
        shown * u128::from(self.decode_ps + scale)
            + u128::from(source.bits_of_frame()) * u128::from(self.decode_bit_ps)
    }

    /// Predicted microseconds for encoding a rendition, without its check.
    pub fn encode_us(
        &self,
        source: &Source,
        analysis: &Analysis,
        timeline: &Timeline,
        spec: &VideoSpec,
    ) -> u64 {
        let out = u128::from(spec.width) * u128::from(spec.height);
        let encoder = self.encoder(spec.codec, spec.effort);
        let large = spec.lines >= LARGE_LINES;
        let percent = u128::from(if large { encoder.large_percent } else { 100 });
        let see = self.see_ps(source, spec);
        let encode = |milli: u32| {
            let slope = u128::from(encoder.slope_ps) * root_milli(milli) / 1_000;
            out * (u128::from(encoder.base_ps) + slope) * percent / 100
        };
        let ps: u128 = analysis
            .scenes
            .iter()
            .map(|scene| u128::from(scene.frames()) * (see + encode(scene.complexity_milli)))
            .sum();
        // AV1 encoders are started anew for each segment.
        let starts = match spec.codec {
            Codec::Av1 => timeline.segments.len(),
            _ => timeline.chunks.len(),
        };
        let start = u128::from(self.start_us + encoder.start_us) * starts as u128;
        u64::try_from(ps / 1_000_000 + start).unwrap_or(u64::MAX)
    }

    /// Predicted microseconds for comparing a rendition with its source.
    pub fn check_us(
        &self,
        source: &Source,
        analysis: &Analysis,
        timeline: &Timeline,
        (spec, method): (&VideoSpec, Method),
    ) -> u64 {
        let out = u128::from(spec.width) * u128::from(spec.height);
        let see = self.see_ps(source, spec);
        let windows = windows(timeline);
        let ps: u128 = windows
            .iter()
            .map(|window| {
                let (first, _) = timeline.segment(window.segment);
                let (seen, compared) = (window.end - first, window.end - window.start);
                let compare = u128::from(compared) * out * u128::from(self.compare_ps);
                let scenes = &analysis.scenes;
                let scene = scenes.iter().rfind(|scene| scene.start <= window.start);
                let root = root_milli(scene.map_or(0, |scene| scene.complexity_milli));
                let decode = match method {
                    Method::Encode => out * u128::from(self.compare_slope_ps) * root / 1_000,
                    // The rendition is the source.
                    Method::Remux => see,
                };
                u128::from(seen) * (see + decode) + compare
            })
            .sum();
        let start = u128::from(self.start_us) * windows.len() as u128;
        u64::try_from(ps / 1_000_000 + start).unwrap_or(u64::MAX)
    }

    pub(super) fn copy_us(&self, bytes: u64) -> u64 {
        self.start_us.saturating_add((bytes >> 20).saturating_mul(self.copy_mib_us))
    }

    pub(super) fn audio_us(&self, duration_us: u64) -> u64 {
        let work = u128::from(duration_us) * u128::from(self.audio_second_us) / 1_000_000;
        self.start_us.saturating_add(u64::try_from(work).unwrap_or(u64::MAX))
    }
}
