//! What work takes, predicted. Integers only, as money is reckoned from it.

use serde::{Deserialize, Serialize};

use super::{Codec, Effort, Method, Timeline, VideoSpec};
use crate::{
    analysis::{Analysis, Scene},
    check::windows,
    library::Source,
};

/// Processor time of the parts of an encoding, fitted to the renditions of the clips that
/// `scripts/bench media` makes and of some with more noise, one by one, on one thread of an AMD EPYC.
/// What starting takes is fitted to whole plans, since only those have all processes in them; that of
/// `hevc_fast` and `av1_standard`, which the benchmark does not measure, is taken from their siblings.
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
///
/// Complexity is the one that the analysis measured in a small picture. That averages noise away
/// which a larger picture has and which takes time; the bits of the source tell of it:
///
/// ```text
/// noise      = min(bits / shown, 1) - measured, where that is more than 0
/// complexity = measured + noise × 3/4 × min(out / shown, 1)
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkModel {
    /// Starting ffmpeg, which loads many libraries, microseconds.
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
    /// Starting and ending it, microseconds.
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
fn root_milli(complexity_milli: u128) -> u128 {
    (complexity_milli * 1_000).isqrt()
}

/// Bits a pixel, thousandths, above which a source's bits tell of its codec and not of noise.
const NOISY_MILLI_MAX: u128 = 1_000;
/// What of the noise counts, percent: encoders leave some of it out.
const NOISE_PERCENT: u128 = 75;

/// Complexity of a scene in a picture of `out` pixels, thousandths of a bit a pixel.
fn complexity_milli(source: &Source, analysis: &Analysis, scene: &Scene, out: u128) -> u128 {
    let measured = u128::from(scene.complexity_milli);
    // Where every frame is a keyframe, bits are many whether there is noise or not.
    if usize::try_from(analysis.frames).is_ok_and(|frames| analysis.keyframes.len() >= frames) {
        return measured;
    }
    let shown = source.video.coded_pixels().max(1);
    let taken = u128::from(source.bits_of_frame()) * 1_000 / shown;
    with_noise(measured, taken, out, shown)
}

/// A complexity with the noise that bits `taken` tell of, all in thousandths of a bit a pixel.
fn with_noise(measured: u128, taken: u128, out: u128, shown: u128) -> u128 {
    let noise = taken.min(NOISY_MILLI_MAX).saturating_sub(measured);
    measured + noise * NOISE_PERCENT * out.min(shown) / shown / 100
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
            start_us: 85_000,
            decode_ps: 280,
            decode_bit_ps: 10_000,
            scale_ps: 850,
            h264_fast: encoder(136_000, 2_670, 20_900, 100),
            h264_standard: encoder(55_000, 2_000, 60_100, 100),
            hevc_fast: encoder(180_000, 7_680, 22_400, 100),
            hevc_standard: encoder(280_000, 12_500, 72_000, 100),
            av1_fast: encoder(330_000, 4_890, 41_600, 64),
            av1_standard: encoder(320_000, 18_000, 135_200, 67),
            audio_second_us: 18_000,
            copy_mib_us: 3_000,
            compare_ps: 4_500,
            compare_slope_ps: 4_540,
        }
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
        let shown = video.coded_pixels();
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
        let encode = |scene: &Scene| {
            let root = root_milli(complexity_milli(source, analysis, scene, out));
            let slope = u128::from(encoder.slope_ps) * root / 1_000;
            out * (u128::from(encoder.base_ps) + slope) * percent / 100
        };
        let ps: u128 = analysis
            .scenes
            .iter()
            .map(|scene| u128::from(scene.frames()) * (see + encode(scene)))
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
                let milli = scene.map_or(0, |scene| complexity_milli(source, analysis, scene, out));
                let root = root_milli(milli);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_counts_by_how_much_of_it_is_seen() {
        // 240 measured where the source took 840: 600 of noise, of which 450 count.
        assert_eq!(with_noise(240, 840, 1_000, 1_000), 690);
        assert_eq!(with_noise(240, 840, 250, 1_000), 352);
        // Upscaling adds none.
        assert_eq!(with_noise(240, 840, 4_000, 1_000), 690);
        // Few bits take nothing away, and many are no noise.
        assert_eq!(with_noise(240, 100, 1_000, 1_000), 240);
        assert_eq!(with_noise(240, 9_000, 1_000, 1_000), with_noise(240, 1_000, 1_000, 1_000));
    }

    #[test]
    fn roots() {
        assert_eq!((root_milli(1_000), root_milli(250), root_milli(0)), (1_000, 500, 0));
    }
}
