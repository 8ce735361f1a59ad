//! Checks a manifest against the files, as anybody can.

use std::collections::BTreeSet;

use super::{Manifest, playlist};
use crate::{
    error::{MediaError, Result},
    hash::Hash,
    library::{Library, keys},
    score,
};

/// A manifest that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub manifest: Manifest,
    /// What is wrong. Empty for a delivery that is what its hash says.
    pub mismatches: Vec<Mismatch>,
    /// Files and bytes that were hashed.
    pub files: u64,
    pub bytes: u64,
}

/// Something that is not as the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The manifest has another hash.
    Manifest { expected: Hash, found: Hash },
    /// It is about another source.
    Source { expected: Hash, found: Hash },
    /// A file is not there.
    Missing { path: String },
    /// A file has other bytes.
    Changed { path: String, expected: Hash, found: Hash },
    /// A file is listed twice, or outside of the folder of the video.
    Path { path: String },
    /// The multivariant playlist is not the one that follows from the tracks.
    Playlist,
    /// The score is not the one that follows from the renditions.
    Quality { expected: u16, found: u16 },
}

/// Reads the manifest `hash` of `source` and everything it lists, and compares.
///
/// # Errors
/// The store fails, or the manifest is not there or cannot be read.
pub async fn verify(library: &Library, source: Hash, hash: Hash) -> Result<Verified> {
    let bytes = library.get(&keys::manifest(source, hash)).await?;
    let bytes = bytes.ok_or_else(|| MediaError::malformed("the manifest", "it is not there"))?;
    let manifest: Manifest = serde_json::from_slice(&bytes)?;
    let mut mismatches = Vec::new();
    let found = Hash::of(&bytes);
    if found != hash {
        mismatches.push(Mismatch::Manifest { expected: hash, found });
    }
    if manifest.source != source {
        mismatches.push(Mismatch::Source { expected: source, found: manifest.source });
    }
    let (mut files, mut total, mut seen) = (0, 0, BTreeSet::new());
    for file in manifest.files() {
        let path = file.path.clone();
        let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !inside || !seen.insert(path.clone()) {
            mismatches.push(Mismatch::Path { path });
            continue;
        }
        match library.get(&keys::video(source, &path)).await? {
            None => mismatches.push(Mismatch::Missing { path }),
            Some(bytes) => {
                let (expected, found) = (file.hash, Hash::of(&bytes));
                files += 1;
                total += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if expected != found {
                    mismatches.push(Mismatch::Changed { path, expected, found });
                }
            }
        }
    }
    let rate = manifest.timeline.rate;
    let index = playlist::multivariant(rate, &manifest.video, &manifest.audio, &manifest.text);
    if Hash::of(&index) != manifest.playlist.hash {
        mismatches.push(Mismatch::Playlist);
    }
    let (expected, found) = (score::of(&manifest), manifest.quality);
    if expected != found {
        mismatches.push(Mismatch::Quality { expected, found });
    }
    Ok(Verified { manifest, mismatches, files, bytes: total })
}
