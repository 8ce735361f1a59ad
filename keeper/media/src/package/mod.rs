//! What viewers get: CMAF segments, HLS playlists, and the manifest that lists them.

pub(crate) mod assemble;
pub(crate) mod boxes;
mod manifest;
pub(crate) mod playlist;
mod read;
mod verify;
pub mod webvtt;

pub use manifest::{AudioRendition, FileEntry, Manifest, TextRendition, VERSION, VideoRendition};
pub use read::read;
pub use verify::{Mismatch, Verified, verify};
