//! Published files, read ahead.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde::de::DeserializeOwned;

use crate::index::files::{self, BatchFile, Digest, Place};

/// Files that are read, parsed and hashed before their turn.
const READ_AHEAD: usize = 64;

/// What is found where a file should be.
pub enum Found<T> {
    File(T, Digest),
    Missing,
    /// It is no such file, and why.
    Unreadable(String),
}

/// Reads one file.
pub async fn read<T: DeserializeOwned>(
    objects: &dyn ObjectStore,
    path: &Path,
) -> Result<Found<T>, object_store::Error> {
    let bytes = match objects.get(path).await {
        Ok(found) => found.bytes().await?,
        Err(object_store::Error::NotFound { .. }) => return Ok(Found::Missing),
        Err(error) => return Err(error),
    };
    Ok(match files::read(&bytes) {
        Ok(file) => Found::File(file, Digest::of(&bytes)),
        Err(problem) => Found::Unreadable(problem),
    })
}

/// The files of the batches with these sequences, in order. They are read and parsed by as many
/// tasks as are ahead, so that all cores take part.
pub fn batches(
    objects: &Arc<dyn ObjectStore>,
    place: &Place,
    sequences: std::ops::Range<u64>,
) -> impl Stream<Item = Result<Found<BatchFile>, object_store::Error>> + use<> {
    let (objects, place) = (Arc::clone(objects), place.clone());
    stream::iter(sequences)
        .map(move |sequence| {
            let (objects, path) = (Arc::clone(&objects), place.batch_path(sequence));
            tokio::spawn(async move { read(&*objects, &path).await })
        })
        .buffered(READ_AHEAD)
        .map(|task| task.unwrap_or_else(|error| Err(error.into())))
}
