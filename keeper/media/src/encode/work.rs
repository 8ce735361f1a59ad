//! The folder of the work: finished parts, and locks on those that are being made.
//!
//! A part is a file whose name is the hash of everything that decides its bytes. It gets that name
//! only when it is complete and on disk, so a part that is there is right, whoever made it and
//! whatever was killed in between. Locks end with the process that holds them.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{codec::SETTINGS_VERSION, engine::Engine};
use crate::{
    error::{IoContext, MediaError, Result},
    hash::Hash,
};

#[derive(Clone, Debug)]
pub(super) struct WorkFolder {
    folder: PathBuf,
    bytes_max: u64,
}

/// A lock that somebody holds until it is dropped.
pub(super) struct Lock {
    _file: File,
}

/// What the name of a part is the hash of.
#[derive(Serialize)]
struct Named<'a> {
    settings: u32,
    engine: &'a str,
    key: Hash,
    part: usize,
}

/// The name of part `part` of what `key` stands for.
pub(super) fn name(engine: &Engine, key: Hash, part: usize) -> Result<String> {
    let named = Named { settings: SETTINGS_VERSION, engine: &engine.build, key, part };
    Ok(format!("{}.mp4", Hash::of_json(&named)?))
}

impl WorkFolder {
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self> {
        std::fs::create_dir_all(folder).at(folder)?;
        Ok(Self { folder: folder.to_owned(), bytes_max })
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub fn has(&self, name: &str) -> bool {
        self.folder.join(name).is_file()
    }

    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        std::fs::read(&path).at(&path)
    }

    /// The lock on `name`, unless somebody holds it.
    pub fn try_lock(&self, name: &str) -> Result<Option<Lock>> {
        let path = self.folder.join(format!("{name}.lock"));
        let file = OpenOptions::new().create(true).append(true).open(&path).at(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).at(&path),
        }
    }

    /// Stores a part durably under its name. The caller holds its lock.
    pub fn store(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let part = self.folder.join(format!("{name}.part"));
        let path = self.folder.join(name);
        let mut file = File::create(&part).at(&part)?;
        file.write_all(bytes).at(&part)?;
        file.sync_all().at(&part)?;
        std::fs::rename(&part, &path).at(&path)?;
        // The name itself must survive too.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).at(&self.folder)
    }

    /// Refuses more work when the folder is full.
    pub fn check_room(&self) -> Result<()> {
        let mut bytes = 0_u64;
        for entry in std::fs::read_dir(&self.folder).at(&self.folder)? {
            // A file may go while we look.
            let size = entry.and_then(|entry| entry.metadata()).map_or(0, |meta| meta.len());
            bytes = bytes.saturating_add(size);
        }
        if bytes > self.bytes_max {
            return Err(MediaError::WorkFolderLimit { bytes, limit_bytes: self.bytes_max });
        }
        Ok(())
    }

    /// Drops a part that is published, with what is left of making it.
    pub fn drop_part(&self, name: &str) {
        for suffix in ["", ".part", ".lock"] {
            // What stays is in nobody's way.
            let _ = std::fs::remove_file(self.folder.join(format!("{name}{suffix}")));
        }
    }
}
