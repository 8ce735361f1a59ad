//! The folder of the work: whose it is, and what is left in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use pixr_media::MediaError;
use uuid::Uuid;

/// File with the name that workers know a folder by.
const NAME: &str = "folder.id";
/// Folder of the parts of renditions.
const PARTS: &str = "parts";
/// Parts that nobody used for so long are dropped: their job has failed, or was cancelled.
const UNUSED_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Where parts of renditions are.
pub fn parts(folder: &Path) -> PathBuf {
    folder.join(PARTS)
}

/// The name of the work folder, made when it has none: workers that see the same one share it.
pub fn name(folder: &Path) -> Result<String, MediaError> {
    let path = folder.join(NAME);
    let failed = |source| MediaError::Io { what: path.display().to_string(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let name = Uuid::new_v4().to_string();
    let own = folder.join(&name);
    fs::write(&own, &name).map_err(failed)?;
    // Complete when it appears, and never one that takes the place of another.
    let linked = fs::hard_link(&own, &path);
    let _ = fs::remove_file(&own);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => fs::read_to_string(&path).map_err(failed),
    }
}

/// Drops parts that nobody used for long; returns how many. A part that is needed after all is made
/// anew.
pub fn sweep(folder: &Path) -> io::Result<usize> {
    let mut dropped = 0;
    for entry in fs::read_dir(parts(folder))? {
        let entry = entry?;
        let used = entry.metadata()?.modified()?;
        let unused = SystemTime::now().duration_since(used).unwrap_or_default();
        if unused > UNUSED_MAX && fs::remove_file(entry.path()).is_ok() {
            dropped += 1;
        }
    }
    Ok(dropped)
}
