//! Who this keeper is among all that share a database.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use nix::fcntl::{Flock, FlockArg};

/// A name that stays the same over restarts, held by one process at a time: a keeper that was killed
/// takes its leases up again without waiting for their end.
pub struct Identity {
    pub name: String,
    /// Held for as long as this lives, whatever ends the process.
    _held: Flock<File>,
}

/// Why a keeper has no name.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(
        "{folder}: another keeper works with this data folder, and counts and settles by itself; \
         stop it first, or name another folder in data.folder"
    )]
    Taken { folder: String },
    #[error("{folder}: {error}")]
    Io { folder: String, error: io::Error },
}

impl Identity {
    /// The name of the keeper whose data is in `folder`; made when there is none.
    pub fn take(folder: &Path) -> Result<Self, IdentityError> {
        let shown = || folder.display().to_string();
        let failed = |error| IdentityError::Io { folder: shown(), error };
        fs::create_dir_all(folder).map_err(failed)?;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("keeper.lock"))
            .map_err(failed)?;
        let held = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| IdentityError::Taken { folder: shown() })?;
        Ok(Self { name: name(folder).map_err(failed)?, _held: held })
    }
}

fn name(folder: &Path) -> io::Result<String> {
    let path = folder.join("keeper.id");
    match fs::read_to_string(&path) {
        Ok(name) if !name.trim().is_empty() => return Ok(name.trim().into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let name = uuid::Uuid::new_v4().to_string();
    // Half a name is no harm: it is as good as any, and the lock is held.
    fs::write(&path, &name)?;
    Ok(name)
}
