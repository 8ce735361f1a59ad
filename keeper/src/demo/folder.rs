//! The demo's folder: made anew for every run, and never anybody else's.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::store::embedded;

/// Says that a folder is a demo's and may be deleted.
const MARKER: &str = ".pixr-demo";
const MARKER_TEXT: &str =
    "Made by `pixr demo`, which deletes everything in this folder when it runs again.\n";

/// Why there is no clean folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error(
        "--folder: {} has files and was not made by a demo; name an empty folder, or one that does \
         not exist",
        .0.display()
    )]
    NotADemo(PathBuf),
    #[error("--folder: another demo is running in {}; wait for it, or name another folder", .0.display())]
    Busy(PathBuf),
    #[error(
        "--folder: a keeper still works with the data in {}; stop it, or name another folder",
        .0.display()
    )]
    InUse(PathBuf),
    #[error("--folder: {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// A folder for one run. Another demo cannot have it until this is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, or empties that of an earlier demo.
    pub fn clean(path: &Path) -> Result<Self, FolderError> {
        let failed = |error| FolderError::Io { path: path.to_owned(), error };
        fs::create_dir_all(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let marker = path.join(MARKER);
        let empty = fs::read_dir(&path).map_err(failed)?.next().is_none();
        if !empty && !marker.is_file() {
            return Err(FolderError::NotADemo(path));
        }
        let mut lock = File::options().create(true).append(true).open(&marker).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::Busy(path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        if empty {
            lock.write_all(MARKER_TEXT.as_bytes()).map_err(failed)?;
        }
        let folder = Self { path, _lock: lock };
        folder.empty()?;
        Ok(folder)
    }

    fn empty(&self) -> Result<(), FolderError> {
        let failed = |error| FolderError::Io { path: self.path.clone(), error };
        let data = self.data();
        if data.is_dir() {
            if embedded::is_used(&data).map_err(failed)? {
                return Err(FolderError::InUse(self.path.clone()));
            }
            embedded::remove(&data).map_err(failed)?;
        }
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name() == MARKER {
                continue;
            }
            let removed = match entry.file_type().map_err(failed)?.is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            };
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The keeper's data.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// A file of the demo.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_starts_clean() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/demo");
        let folder = Folder::clean(&path).unwrap();
        fs::create_dir_all(folder.data().join("objects")).unwrap();
        fs::write(folder.file("report.html"), "old").unwrap();
        assert!(matches!(Folder::clean(&path), Err(FolderError::Busy(_))));
        drop(folder);
        let folder = Folder::clean(&path).unwrap();
        assert!(!folder.data().exists() && !folder.file("report.html").exists());
        assert!(path.join(MARKER).is_file());
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.tex"), "ten years").unwrap();
        let refused = Folder::clean(home.path()).unwrap_err();
        assert!(matches!(refused, FolderError::NotADemo(_)), "{refused}");
        assert!(home.path().join("thesis.tex").is_file());
        assert!(!home.path().join(MARKER).exists());
    }

    #[test]
    fn what_a_link_leads_to_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let (path, other) = (home.path().join("demo"), home.path().join("other"));
        drop(Folder::clean(&path).unwrap());
        fs::create_dir(&other).unwrap();
        fs::write(other.join("kept"), "").unwrap();
        std::os::unix::fs::symlink(&other, path.join("link")).unwrap();
        drop(Folder::clean(&path).unwrap());
        assert!(other.join("kept").is_file() && !path.join("link").exists());
    }
}
