//! Files of a video, for whoever serves or copies them.

use bytes::Bytes;

use super::FileEntry;
use crate::{
    error::{MediaError, Result},
    hash::Hash,
    library::{Library, keys},
};

/// Reads a file that a manifest of `source` lists.
///
/// # Errors
/// It is not there, or is not what the manifest says.
pub async fn read(library: &Library, source: Hash, file: &FileEntry) -> Result<Bytes> {
    let bytes = library.get(&keys::video(source, &file.path)).await?;
    let bytes = bytes.ok_or_else(|| MediaError::malformed(&file.path, "it is not there"))?;
    let found = Hash::of(&bytes);
    if found != file.hash {
        return Err(MediaError::Changed { what: file.path.clone(), expected: file.hash, found });
    }
    Ok(bytes)
}
