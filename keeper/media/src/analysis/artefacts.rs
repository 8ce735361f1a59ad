//! What others supply about a source: a transcript, an embedding, captions. Opaque, and never
//! changed: an artefact that is to differ gets another name.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{Error as StoreError, ObjectStore, PutMode, PutPayload};

use crate::{
    error::{MediaError, Result},
    hash::Hash,
    library::{Library, keys},
};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 64;

/// Stores an artefact. Storing the same bytes again does nothing.
///
/// # Errors
/// The name is not one, or stands for other bytes.
pub async fn put(
    library: &Library,
    source: Hash,
    name: &str,
    bytes: impl Into<Bytes>,
) -> Result<()> {
    check_name(name)?;
    let bytes: Bytes = bytes.into();
    let key = keys::artefact(source, name);
    let payload = PutPayload::from(bytes.clone());
    match library.store().put_opts(&key, payload, PutMode::Create.into()).await {
        Err(StoreError::AlreadyExists { .. }) => {
            let stored = library.get(&key).await?.unwrap_or_default();
            if stored == bytes {
                return Ok(());
            }
            Err(MediaError::Changed {
                what: format!("artefact {name}, which exists,"),
                expected: Hash::of(&stored),
                found: Hash::of(&bytes),
            })
        }
        result => Ok(result.map(|_| ())?),
    }
}

/// Reads an artefact.
///
/// # Errors
/// The store fails.
pub async fn get(library: &Library, source: Hash, name: &str) -> Result<Option<Bytes>> {
    check_name(name)?;
    library.get(&keys::artefact(source, name)).await
}

/// The names of all artefacts of a source, sorted.
///
/// # Errors
/// The store fails.
pub async fn list(library: &Library, source: Hash) -> Result<Vec<String>> {
    let folder = keys::artefact(source, "");
    let objects: Vec<_> = library.store().list(Some(&folder)).try_collect().await?;
    let mut names: Vec<String> =
        objects.iter().filter_map(|object| object.location.filename()).map(String::from).collect();
    names.sort();
    Ok(names)
}

fn check_name(name: &str) -> Result<()> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    if name.is_empty()
        || name.len() > NAME_CHARS_MAX
        || name.starts_with('.')
        || !name.chars().all(plain)
    {
        let why = "use up to 64 letters, digits, dots, dashes and underscores";
        return Err(MediaError::malformed(format!("the artefact name {name:?}"), why));
    }
    Ok(())
}
