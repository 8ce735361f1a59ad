//! The manifest: every file of a video with its hash. Its own hash goes to the chain.

use serde::{Deserialize, Serialize};

use crate::{
    check::Checked,
    hash::{Hash, canonical},
    plan::{AudioSpec, Method, TextKind, Timeline, VideoSpec},
};

/// Version of the form of manifests.
pub const VERSION: u32 = 1;

/// All that a video has after an upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u32,
    pub source: Hash,
    /// Version of the analysis that stays with the source.
    pub analysis: u32,
    /// The plan that led here, and the manifest before.
    pub plan: Hash,
    pub previous: Option<Hash>,
    pub timeline: Timeline,
    /// From small to large, by codec.
    pub video: Vec<VideoRendition>,
    pub audio: Vec<AudioRendition>,
    pub text: Vec<TextRendition>,
    /// The multivariant playlist.
    pub playlist: FileEntry,
    /// The score of [`crate::score::quality`], basis points.
    pub quality: u16,
}

impl Manifest {
    /// Its bytes: canonical JSON.
    ///
    /// # Errors
    /// Never, with manifests made here.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        canonical(self)
    }

    /// What names it: the SHA-256 of its bytes.
    ///
    /// # Errors
    /// Never, with manifests made here.
    pub fn hash(&self) -> Result<Hash, serde_json::Error> {
        Hash::of_json(self)
    }

    /// All files, without the manifest itself.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let video = self.video.iter().flat_map(|rendition| &rendition.files);
        let audio = self.audio.iter().flat_map(|rendition| &rendition.files);
        let text = self.text.iter().flat_map(|rendition| &rendition.files);
        video.chain(audio).chain(text).chain([&self.playlist])
    }
}

/// A file of a video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the folder of the video.
    pub path: String,
    pub bytes: u64,
    pub hash: Hash,
}

/// A video rendition and what was checked about it. It never changes once it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoRendition {
    pub key: Hash,
    pub method: Method,
    pub spec: VideoSpec,
    /// RFC 6381.
    pub codec: String,
    /// Bits per second of the largest segment, and on average.
    pub bandwidth: u64,
    pub average_bandwidth: u64,
    pub checked: Checked,
    /// The ffmpeg that made it.
    pub engine: String,
    /// Playlist, initialization, segments.
    pub files: Vec<FileEntry>,
}

/// A sound track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioRendition {
    pub key: Hash,
    pub method: Method,
    pub spec: AudioSpec,
    pub language: String,
    pub label: String,
    pub codec: String,
    pub bandwidth: u64,
    /// When it starts, and its length, microseconds.
    pub start_us: u64,
    pub duration_us: u64,
    pub engine: String,
    pub files: Vec<FileEntry>,
}

/// A text track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRendition {
    pub key: Hash,
    pub language: String,
    pub label: String,
    pub kind: TextKind,
    pub files: Vec<FileEntry>,
}
