//! Uploads that go on where they stopped.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::Limits;
use crate::{
    error::{IoContext, Result},
    hash::Hash,
};

/// What is being uploaded: the sender says it before the first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// SHA-256 of the whole file.
    pub hash: Hash,
    /// Size of the whole file, bytes.
    pub bytes: u64,
}

/// Why an upload does not go on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error("upload size: {bytes} bytes, from 1 to {limit} are taken; cut or compress the file")]
    Size { bytes: u64, limit: u64 },
    #[error("upload offset: {offset}, but {have} bytes are here; send what follows those")]
    Offset { offset: u64, have: u64 },
    #[error("upload size: {end} bytes with these, but {bytes} were announced; send no more")]
    TooMuch { end: u64, bytes: u64 },
    #[error("upload: {have} of {bytes} bytes are here; send the rest first")]
    Incomplete { have: u64, bytes: u64 },
    #[error("upload: the bytes do not have the announced hash and were dropped; start again")]
    Hash,
    #[error("upload: another request is writing this file; wait for its end")]
    Busy,
}

/// A folder of uploads. The length of a file there says how far its upload is: nothing else has to
/// survive a crash.
#[derive(Clone, Debug)]
pub struct Uploads {
    folder: PathBuf,
    bytes_max: u64,
}

impl Uploads {
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>, limits: &Limits) -> Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).at(&folder)?;
        Ok(Self { folder, bytes_max: limits.source_bytes_max })
    }

    fn path(&self, upload: &Upload) -> PathBuf {
        self.folder.join(format!("{}-{}", upload.hash, upload.bytes))
    }

    /// How many bytes are here: where the sender goes on.
    ///
    /// # Errors
    /// The announced size is not taken.
    pub fn offset(&self, upload: &Upload) -> Result<u64> {
        let limit = self.bytes_max;
        if upload.bytes == 0 || upload.bytes > limit {
            return Err(UploadError::Size { bytes: upload.bytes, limit }.into());
        }
        match std::fs::metadata(self.path(upload)) {
            Ok(meta) => Ok(meta.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).at(self.path(upload)),
        }
    }

    /// Appends `data`, which starts at `offset`, durably. Returns where to go on. Blocks.
    ///
    /// # Errors
    /// Another offset is next, the file would be longer than announced, or somebody else writes it.
    pub fn append(&self, upload: &Upload, offset: u64, data: &[u8]) -> Result<u64> {
        self.offset(upload)?;
        let path = self.path(upload);
        let mut file = OpenOptions::new().create(true).append(true).open(&path).at(&path)?;
        lock(&file)?;
        let have = file.metadata().at(&path)?.len();
        if offset != have {
            return Err(UploadError::Offset { offset, have }.into());
        }
        let end = have.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if end > upload.bytes {
            return Err(UploadError::TooMuch { end, bytes: upload.bytes }.into());
        }
        file.write_all(data).at(&path)?;
        file.sync_data().at(&path)?;
        Ok(end)
    }

    /// The complete file, to be imported and then dropped with [`Uploads::discard`]. Blocks.
    ///
    /// # Errors
    /// Bytes are missing, or they are not the announced ones: then they are dropped.
    pub fn finish(&self, upload: &Upload) -> Result<PathBuf> {
        let have = self.offset(upload)?;
        if have < upload.bytes {
            return Err(UploadError::Incomplete { have, bytes: upload.bytes }.into());
        }
        let path = self.path(upload);
        let mut file = File::open(&path).at(&path)?;
        lock(&file)?;
        let (found, _) = Hash::of_reader(&mut file).at(&path)?;
        if found != upload.hash {
            std::fs::remove_file(&path).at(&path)?;
            return Err(UploadError::Hash.into());
        }
        Ok(path)
    }

    /// Forgets an upload.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn discard(&self, upload: &Upload) -> Result<()> {
        let path = self.path(upload);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at(path),
            _ => Ok(()),
        }
    }
}

fn lock(file: &File) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(UploadError::Busy.into()),
        Err(TryLockError::Error(error)) => Err(error).at("the lock of an upload"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::MediaError;

    fn refused(result: Result<impl std::fmt::Debug>) -> UploadError {
        match result.unwrap_err() {
            MediaError::Upload(error) => error,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn uploads_go_on_where_they_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        let upload = Upload { hash: Hash::of(b"0123456789"), bytes: 10 };
        let uploads = Uploads::open(folder.path(), &limits).unwrap();
        assert_eq!(uploads.append(&upload, 0, b"01234").unwrap(), 5);
        let incomplete = UploadError::Incomplete { have: 5, bytes: 10 };
        assert_eq!(refused(uploads.finish(&upload)), incomplete);

        // As after a kill: everything is opened again.
        let uploads = Uploads::open(folder.path(), &limits).unwrap();
        assert_eq!(uploads.offset(&upload).unwrap(), 5);
        let lost = UploadError::Offset { offset: 3, have: 5 };
        assert_eq!(refused(uploads.append(&upload, 3, b"345")), lost);
        let much = UploadError::TooMuch { end: 11, bytes: 10 };
        assert_eq!(refused(uploads.append(&upload, 5, b"567890")), much);
        assert_eq!(uploads.append(&upload, 5, b"56789").unwrap(), 10);
        let path = uploads.finish(&upload).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"0123456789");
        uploads.discard(&upload).unwrap();
        assert_eq!(uploads.offset(&upload).unwrap(), 0);
    }

    #[test]
    fn wrong_bytes_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(folder.path(), &Limits::default()).unwrap();
        let upload = Upload { hash: Hash::of(b"right"), bytes: 5 };
        uploads.append(&upload, 0, b"wrong").unwrap();
        assert_eq!(refused(uploads.finish(&upload)), UploadError::Hash);
        assert_eq!(uploads.offset(&upload).unwrap(), 0);
        let huge = Upload { hash: upload.hash, bytes: u64::MAX };
        assert!(matches!(refused(uploads.offset(&huge)), UploadError::Size { .. }));
    }
}
