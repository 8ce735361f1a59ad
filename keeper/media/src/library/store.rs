//! The object store behind the library.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::StreamExt;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt, PutPayload, buffered::BufWriter,
    local::LocalFileSystem, path::Path as Key,
};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::{Limits, Refusal, Source, keys, probe};
use crate::{
    error::{IoContext, MediaError, Result, blocking},
    hash::{Hash, canonical},
};

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Sources, analyses, renditions and manifests in an object store.
#[derive(Clone, Debug)]
pub struct Library {
    store: Arc<dyn ObjectStore>,
    /// Where the store keeps its objects, if that is a folder here.
    folder: Option<PathBuf>,
    /// Copies of sources from a store that is elsewhere.
    cache: PathBuf,
    limits: Arc<Limits>,
}

impl Library {
    /// A library in any store. ffmpeg reads files, so sources are copied to `cache` when needed.
    pub fn open(store: Arc<dyn ObjectStore>, cache: impl Into<PathBuf>, limits: Limits) -> Self {
        Self { store, folder: None, cache: cache.into(), limits: Arc::new(limits) }
    }

    /// A library in a local folder, where no copies are needed.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open_folder(folder: impl Into<PathBuf>, limits: Limits) -> Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).at(&folder)?;
        let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        let cache = folder.join("cache");
        Ok(Self { store: Arc::new(store), folder: Some(folder), cache, limits: Arc::new(limits) })
    }

    /// What sources may be.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The store, for whoever serves the files.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Takes in the file at `path`. A file that was taken in before is only hashed.
    ///
    /// # Errors
    /// [`MediaError::Refused`] says which limit it breaks.
    pub async fn import(&self, path: &Path, cancel: &CancellationToken) -> Result<Source> {
        let (library, file, token) = (self.clone(), path.to_owned(), cancel.clone());
        let (hash, bytes) = blocking(move || library.hash(&file)).await?;
        if let Some(source) = self.source(hash).await? {
            return Ok(source);
        }
        let (limits, file) = (self.limits.clone(), path.to_owned());
        let source = blocking(move || probe::look(&file, hash, bytes, &limits, &token)).await?;
        self.put_file(&keys::source(hash), path, hash).await?;
        // Last: a source with a record is complete.
        self.put(&keys::source_record(hash), canonical(&source)?).await?;
        Ok(source)
    }

    fn hash(&self, path: &Path) -> Result<(Hash, u64)> {
        let mut file = File::open(path).at(path)?;
        let bytes = file.metadata().at(path)?.len();
        let limit = self.limits.source_bytes_max;
        match bytes {
            0 => return Err(Refusal::Empty.into()),
            _ if bytes > limit => return Err(Refusal::TooLarge { bytes, limit }.into()),
            _ => {}
        }
        Hash::of_reader(&mut file).at(path)
    }

    /// What is known about a source that was imported.
    pub async fn source(&self, hash: Hash) -> Result<Option<Source>> {
        self.get_json(&keys::source_record(hash)).await
    }

    /// The file of a source on this machine.
    ///
    /// # Errors
    /// The source is unknown, or a copy is not what its hash says.
    pub async fn source_file(&self, source: Hash) -> Result<PathBuf> {
        if let Some(folder) = &self.folder {
            return Ok(folder.join("sources").join(source.to_string()));
        }
        let path = self.cache.join(source.to_string());
        if tokio::fs::try_exists(&path).await.at(&path)? {
            return Ok(path);
        }
        tokio::fs::create_dir_all(&self.cache).await.at(&self.cache)?;
        let part = tempfile::NamedTempFile::new_in(&self.cache).at(&self.cache)?;
        let mut to = tokio::fs::File::from_std(part.reopen().at(&path)?);
        let mut from = self.store.get(&keys::source(source)).await?.into_stream();
        let mut hasher = Sha256::new();
        while let Some(bytes) = from.next().await {
            let bytes = bytes?;
            hasher.update(&bytes);
            to.write_all(&bytes).await.at(&path)?;
        }
        to.sync_all().await.at(&path)?;
        let found = Hash::from_hasher(hasher);
        if found != source {
            let what = format!("source {source}");
            return Err(MediaError::Changed { what, expected: source, found });
        }
        part.persist(&path).map_err(|error| error.error).at(&path)?;
        Ok(path)
    }

    /// The file of a source on this machine, with its bytes hashed once more. A copy that was damaged
    /// is made anew.
    ///
    /// # Errors
    /// As for [`Library::source_file`], and the stored bytes are not what their hash says.
    pub(crate) async fn intact_source_file(&self, source: Hash) -> Result<PathBuf> {
        let path = self.source_file(source).await?;
        let file = path.clone();
        let hash = move || Hash::of_reader(&mut File::open(&file).at(&file)?).at(&file);
        let (found, _) = blocking(hash).await?;
        if found == source {
            return Ok(path);
        }
        if self.folder.is_none() {
            tokio::fs::remove_file(&path).await.at(&path)?;
            return self.source_file(source).await;
        }
        Err(MediaError::Changed { what: format!("source {source}"), expected: source, found })
    }

    /// Copies a file into the store under `key`, and checks on the way that it is still the same.
    pub(crate) async fn put_file(&self, key: &Key, path: &Path, expected: Hash) -> Result<()> {
        let mut from = tokio::fs::File::open(path).await.at(path)?;
        let mut to = BufWriter::new(self.store.clone(), key.clone());
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let count = from.read(&mut buffer).await.at(path)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            to.write_all(&buffer[..count]).await.at(path)?;
        }
        let found = Hash::from_hasher(hasher);
        if found != expected {
            to.abort().await?;
            let what = path.display().to_string();
            return Err(MediaError::Changed { what, expected, found });
        }
        to.shutdown().await.at(path)
    }

    /// Writes an object; what was there is replaced.
    pub(crate) async fn put(&self, key: &Key, bytes: impl Into<Bytes>) -> Result<()> {
        self.store.put(key, PutPayload::from(bytes.into())).await?;
        Ok(())
    }

    /// Reads an object, if it is there.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        match self.store.get(key).await {
            Ok(object) => Ok(Some(object.bytes().await?)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn get_json<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        let Some(bytes) = self.get(key).await? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes);
        value.map(Some).map_err(|error| MediaError::malformed(key.to_string(), error))
    }

    pub(crate) async fn exists(&self, key: &Key) -> Result<bool> {
        match self.store.head(key).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
