//! The steps of a plan.

use serde::{Deserialize, Serialize};

use super::{Cost, TextKind, Timeline, VideoSpec};
use crate::hash::Hash;

/// Version of the form of plans.
pub const VERSION: u32 = 1;

/// What the key of a track is the hash of.
#[derive(Serialize)]
struct Keyed<'a, T> {
    kind: &'static str,
    source: Hash,
    timeline: &'a Timeline,
    method: Method,
    spec: T,
}

/// The smallest set of work that leads from what exists to a target.
///
/// Equal inputs give equal plans, and [`Plan::hash`] names one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub version: u32,
    pub source: Hash,
    /// Version of the analysis it rests on.
    pub analysis: u32,
    /// The manifest that it adds to.
    pub previous: Option<Hash>,
    pub timeline: Timeline,
    pub video: Vec<VideoStep>,
    pub audio: Vec<AudioStep>,
    pub text: Vec<TextStep>,
    /// What exists and is kept.
    pub reused: Vec<Reused>,
    /// Sound that the new one takes the place of: it stays stored, but is offered no more.
    pub superseded: Vec<Hash>,
    /// Of all steps.
    pub cost: Cost,
    /// What the reused parts would cost.
    pub saved: Cost,
}

impl Plan {
    /// What names this plan, on the chain too.
    ///
    /// # Errors
    /// Never, with plans made here.
    pub fn hash(&self) -> Result<Hash, serde_json::Error> {
        Hash::of_json(self)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.video.is_empty() && self.audio.is_empty() && self.text.is_empty()
    }

    /// What is made where `step` missed the floor of its rung: the same rendition at a better
    /// setting. None for a copy, which cannot be better.
    pub(crate) fn better(&self, step: &VideoStep) -> Result<Option<VideoStep>, serde_json::Error> {
        if step.method == Method::Remux {
            return Ok(None);
        }
        let spec = step.spec.better();
        let key = self.key("video", step.method, spec)?;
        Ok(Some(VideoStep { key, spec, ..*step }))
    }

    /// The name of a track of this plan: what its bytes depend on.
    pub(super) fn key<T: Serialize>(
        &self,
        kind: &'static str,
        method: Method,
        spec: T,
    ) -> Result<Hash, serde_json::Error> {
        let (source, timeline) = (self.source, &self.timeline);
        Hash::of_json(&Keyed { kind, source, timeline, method, spec })
    }

    /// Frames that will be encoded.
    pub fn frames(&self) -> u64 {
        let encoded = self.video.iter().filter(|step| step.method == Method::Encode);
        encoded.map(|_| u64::from(self.timeline.frames)).sum()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Decode, filter, encode.
    Encode,
    /// The stream of the source fits as it is and is only packaged.
    Remux,
}

/// A video rendition to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoStep {
    /// Names its files: the hash of source, timeline and specification. A rendition that had to be
    /// made better has the key of its better specification.
    pub key: Hash,
    pub method: Method,
    pub spec: VideoSpec,
    pub cost: Cost,
}

/// Everything that decides the bits of a sound track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioSpec {
    /// Place of the stream in `Source::audio`.
    pub stream: u32,
    /// Bit rate, kbit/s; 0 for a copy.
    pub kbps: u32,
    /// What the sound is changed by, hundredths of dB; none where it is left as it is.
    pub gain_centi: Option<i32>,
    /// Length of a segment, milliseconds.
    pub segment_ms: u32,
}

/// A sound track to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioStep {
    pub key: Hash,
    pub method: Method,
    pub spec: AudioSpec,
    pub language: String,
    pub label: String,
    pub cost: Cost,
}

/// A text track to add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextStep {
    pub key: Hash,
    pub language: String,
    pub label: String,
    pub kind: TextKind,
    /// The track as WebVTT.
    pub webvtt: String,
    pub cost: Cost,
}

/// A part that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reused {
    pub key: Hash,
    /// For people: `720p h264`.
    pub what: String,
    /// What making it would cost.
    pub saved: Cost,
}
