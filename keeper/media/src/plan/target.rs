//! What a video should have.

use serde::{Deserialize, Serialize};

use super::{Codec, Effort, Segmenting};

/// What a video should have when the work is done. What it has already is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    pub video: Vec<VideoTarget>,
    /// Sound, for each audio stream of the source; none for no sound.
    pub audio: Option<AudioTarget>,
    pub subtitles: Vec<SubtitleTarget>,
    /// Whether renditions may be larger than the source. They are marked and count nothing.
    pub upscale: bool,
    pub effort: Effort,
    /// Used for the first renditions of a video; later ones are cut like these.
    pub segmenting: Segmenting,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            video: Vec::new(),
            audio: Some(AudioTarget::default()),
            subtitles: Vec::new(),
            upscale: false,
            effort: Effort::Standard,
            segmenting: Segmenting::default(),
        }
    }
}

/// One rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoTarget {
    /// Rung of the ladder.
    pub lines: u16,
    pub codec: Codec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioTarget {
    /// Bit rate, kbit/s.
    pub kbps: u32,
    /// Loudness to bring the sound to, hundredths of LUFS; none leaves it as it is.
    pub loudness_centi: Option<i32>,
}

impl Default for AudioTarget {
    fn default() -> Self {
        Self { kbps: 128, loudness_centi: None }
    }
}

/// A text track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubtitleTarget {
    /// BCP 47, for example `en` or `pt-BR`.
    pub language: String,
    /// What viewers choose by.
    pub label: String,
    #[serde(default)]
    pub kind: TextKind,
    /// The file, WebVTT or SRT.
    pub text: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// What is said, in the language of the sound.
    #[default]
    Subtitles,
    /// What is said and heard, for those who do not hear.
    Captions,
    /// What is said, in another language.
    Translation,
}
