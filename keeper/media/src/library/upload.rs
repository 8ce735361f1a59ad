//! Uploads that go on where they stopped.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
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
}

/// A folder of uploads. The length of a file there says how far its upload is: nothing else has to
/// survive a crash. Whoever writes a file has its lock until what was written is durable.
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

    /// How many bytes are here durably: where the sender goes on. Blocks.
    ///
    /// # Errors
    /// The announced size is not taken.
    pub fn offset(&self, upload: &Upload) -> Result<u64> {
        self.check(upload)?;
        let path = self.path(upload);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error).at(&path),
        };
        file.lock_shared().at(&path)?;
        Ok(file.metadata().at(&path)?.len())
    }

    fn check(&self, upload: &Upload) -> Result<()> {
        let limit = self.bytes_max;
        if upload.bytes == 0 || upload.bytes > limit {
            return Err(UploadError::Size { bytes: upload.bytes, limit }.into());
        }
        Ok(())
    }

    /// Appends `data`, which starts at `offset`, durably. Returns where to go on. Blocks.
    ///
    /// # Errors
    /// Another offset is next, or the file would be longer than announced.
    pub fn append(&self, upload: &Upload, offset: u64, data: &[u8]) -> Result<u64> {
        self.check(upload)?;
        let path = self.path(upload);
        let mut file = OpenOptions::new().create(true).append(true).open(&path).at(&path)?;
        file.lock().at(&path)?;
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
        file.lock_shared().at(&path)?;
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
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).at(path),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

    #[test]
    fn bytes_that_are_not_durable_yet_are_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(folder.path(), &Limits::default()).unwrap();
        let upload = Upload { hash: Hash::of(b"0123456789"), bytes: 10 };
        uploads.append(&upload, 0, b"012").unwrap();

        // Somebody who is in the middle of writing.
        let mut writer = OpenOptions::new().append(true).open(uploads.path(&upload)).unwrap();
        writer.lock().unwrap();
        writer.write_all(b"34").unwrap();
        let (told, asked) = std::sync::mpsc::channel();
        let others = [
            std::thread::spawn({
                let (uploads, told) = (uploads.clone(), told.clone());
                move || {
                    told.send(uploads.offset(&upload)).unwrap();
                }
            }),
            std::thread::spawn(move || {
                told.send(uploads.append(&upload, 5, b"567890")).unwrap();
            }),
        ];
        assert!(asked.recv_timeout(Duration::from_millis(100)).is_err(), "told before its end");
        writer.unlock().unwrap();
        for other in others {
            other.join().unwrap();
        }
        let told: Vec<_> = asked.iter().collect();
        assert_eq!(told.iter().filter(|told| matches!(told, Ok(5))).count(), 1);
        let refused: Vec<_> = told.into_iter().filter(Result::is_err).map(refused).collect();
        assert_eq!(refused, [UploadError::TooMuch { end: 11, bytes: 10 }]);
    }
}
