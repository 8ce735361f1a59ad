//! What is known about a source.

use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// A source that was imported. Times count from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// SHA-256 of the file: its name from here on.
    pub hash: Hash,
    /// Bytes of the file.
    pub bytes: u64,
    /// Demuxers of the file, as ffprobe names them.
    pub format: String,
    /// Length, microseconds.
    pub duration_us: u64,
    pub video: VideoStream,
    /// Sound, in the order of the file.
    pub audio: Vec<AudioStream>,
    /// Subtitle streams; they are not converted, only counted.
    pub subtitle_streams: u32,
    pub index: PacketIndex,
}

impl Source {
    /// Bits of an average frame; those of the whole file where the stream states none.
    pub fn bits_of_frame(&self) -> u64 {
        let rate = &self.video.rate;
        let bits = match self.video.bit_rate {
            0 => u128::from(self.bytes) * 8_000_000 / u128::from(self.duration_us.max(1)),
            bits => u128::from(bits),
        };
        let bits = bits * u128::from(rate.den) / u128::from(rate.num);
        u64::try_from(bits).unwrap_or(u64::MAX)
    }
}

/// The video stream that is used: the first that is no picture of a cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoStream {
    /// Number of the stream in the file.
    pub index: u32,
    pub codec: String,
    pub profile: String,
    /// As stored, pixels.
    pub coded_width: u32,
    pub coded_height: u32,
    /// As shown: after rotation, with square pixels.
    pub width: u32,
    pub height: u32,
    /// Clockwise turn for showing, degrees.
    pub rotation: u16,
    pub square_pixels: bool,
    pub pixel_format: String,
    /// Bits of a sample.
    pub depth: u8,
    pub interlaced: bool,
    /// Rate of the output. Sources of a variable rate are brought to it.
    pub rate: Rate,
    /// Bits per second, 0 where not stated.
    pub bit_rate: u64,
}

impl VideoStream {
    /// Pixels of a frame as stored.
    pub fn coded_pixels(&self) -> u128 {
        u128::from(self.coded_width) * u128::from(self.coded_height)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Number of the stream in the file.
    pub index: u32,
    pub codec: String,
    pub profile: String,
    pub channels: u16,
    /// Samples per second.
    pub sample_rate: u32,
    /// As the file states it, else `und`.
    pub language: String,
    pub title: String,
    /// When its first and last packets are heard, microseconds; a little before 0 where an encoder
    /// needed to warm up.
    pub first_us: i64,
    pub last_us: i64,
}

impl AudioStream {
    /// Its length from the start of the file, microseconds, but for the last packet.
    pub fn duration_us(&self) -> u64 {
        u64::try_from(self.last_us).unwrap_or(0)
    }
}

/// What reading the packets of the video tells, without decoding any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketIndex {
    /// Video packets.
    pub packets: u64,
    /// Time of the first frame shown, microseconds.
    pub first_us: i64,
    /// Whether each frame is shown when `VideoStream::rate` says.
    pub constant_rate: bool,
    pub keyframes: Vec<Keyframe>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyframe {
    /// When it is shown, microseconds.
    pub at_us: i64,
    /// Whether no later packet is shown before it: a decoder can start here and miss nothing.
    pub closed: bool,
}

/// Frames per second, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub num: u32,
    pub den: u32,
}

impl Rate {
    /// Where `frame` starts, microseconds, rounded to the nearest.
    pub fn at_us(self, frame: u32) -> u64 {
        let num = u128::from(self.num);
        let us = (u128::from(frame) * u128::from(self.den) * 1_000_000 + num / 2) / num;
        u64::try_from(us).unwrap_or(u64::MAX)
    }

    /// The frame whose start is nearest to `at_us`.
    pub fn frame_near(self, at_us: i64) -> i64 {
        let unit = i128::from(self.den) * 1_000_000;
        let scaled = i128::from(at_us) * i128::from(self.num);
        i64::try_from((scaled + unit / 2).div_euclid(unit)).unwrap_or(i64::MAX)
    }

    /// Number of frames in `ms` milliseconds, rounded down, at least 1.
    pub fn frames_in_ms(self, ms: u32) -> u32 {
        let frames = u64::from(ms) * u64::from(self.num) / (u64::from(self.den) * 1_000);
        u32::try_from(frames).unwrap_or(u32::MAX).max(1)
    }

    /// As a filter takes it.
    pub fn text(self) -> String {
        format!("{}/{}", self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_times_agree() {
        let film = Rate { num: 24_000, den: 1_001 };
        for frame in [0, 1, 23, 24, 100_000, u32::MAX] {
            let at = i64::try_from(film.at_us(frame)).unwrap();
            assert_eq!(film.frame_near(at), i64::from(frame));
        }
        assert_eq!(film.frames_in_ms(1_000), 23);
        assert_eq!(film.frame_near(-41_708), -1);
    }
}
