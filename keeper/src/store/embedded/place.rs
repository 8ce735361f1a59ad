//! Where the private server lives and as whom it runs.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use nix::unistd::{User, geteuid};
use sha2::{Digest, Sha256};

use super::EmbeddedError;

/// Home of servers whose data folder is out of reach for the user they run as.
const ELSEWHERE: &str = "/var/lib/pixr";
/// The server's folder, or the link to it, in the data folder.
const NAME: &str = "postgres";
/// Shared by all who use the server.
pub(super) const USERS_LOCK: &str = "users.lock";
/// Who runs PostgreSQL where the keeper is root, the first that exists.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A folder, and who owns it where that is not this process's user.
pub(super) struct Place {
    pub folder: PathBuf,
    pub user: Option<User>,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> EmbeddedError {
    move |error| EmbeddedError::Folder { path: path.to_owned(), error }
}

/// Makes the folder of the server that belongs to the data folder `data`.
pub(super) fn prepare(data: &Path) -> Result<Place, EmbeddedError> {
    fs::create_dir_all(data).map_err(failed(data))?;
    let data = data.canonicalize().map_err(failed(data))?;
    let link = data.join(NAME);
    if !geteuid().is_root() {
        return own(link, None);
    }
    let user = USERS
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .ok_or(EmbeddedError::NoUser)?;
    let reachable = reaches(&user, &data).map_err(failed(&data))?;
    match fs::symlink_metadata(&link) {
        Ok(metadata) if metadata.is_symlink() => {
            own(fs::canonicalize(&link).map_err(failed(&link))?, Some(user))
        }
        Ok(_) if !reachable => Err(EmbeddedError::Unreachable { path: link, user: user.name }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !reachable => {
            let folder = elsewhere(&data).map_err(failed(Path::new(ELSEWHERE)))?;
            let place = own(folder, Some(user))?;
            symlink(&place.folder, &link).map_err(failed(&link))?;
            Ok(place)
        }
        _ => own(link, Some(user)),
    }
}

/// Makes `folder` if it is not there, for its owner alone.
fn own(folder: PathBuf, user: Option<User>) -> Result<Place, EmbeddedError> {
    let make = || {
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        match &user {
            Some(user) => chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())),
            None => Ok(()),
        }
    };
    make().map_err(failed(&folder))?;
    Ok(Place { folder, user })
}

/// A fresh folder for a data folder that is out of reach, named after its path.
///
/// One that is there already belonged to a data folder that was deleted: it is put aside, so that
/// nothing of it comes back.
fn elsewhere(data: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(ELSEWHERE)?;
    let name = hex::encode(&Sha256::digest(data.as_os_str().as_encoded_bytes())[..8]);
    let folder = Path::new(ELSEWHERE).join(&name);
    if folder.exists() {
        let aside = (1..)
            .map(|number: u32| folder.with_file_name(format!("{name}.old-{number}")))
            .find(|path| !path.exists());
        if let Some(aside) = aside {
            fs::rename(&folder, aside)?;
        }
    }
    Ok(folder)
}

/// Whether `user` alone, without further groups, may pass through `folder` and all above it.
fn reaches(user: &User, folder: &Path) -> io::Result<bool> {
    for folder in folder.ancestors() {
        let metadata = fs::metadata(folder)?;
        let pass = if metadata.uid() == user.uid.as_raw() {
            0o100
        } else if metadata.gid() == user.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        if metadata.mode() & pass == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the data folder `data` has a server, running or not.
pub fn exists(data: &Path) -> bool {
    fs::symlink_metadata(data.join(NAME)).is_ok()
}

/// Whether somebody uses the server of the data folder `data`.
pub fn is_used(data: &Path) -> io::Result<bool> {
    let lock = match fs::File::open(data.join(NAME).join(USERS_LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        lock => lock?,
    };
    match lock.try_lock() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Deletes the stopped server of the data folder `data` with all it holds, wherever it lives.
pub fn remove(data: &Path) -> io::Result<()> {
    let link = data.join(NAME);
    match fs::symlink_metadata(&link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_symlink() => {
            let folder = fs::read_link(&link)?;
            if folder.starts_with(ELSEWHERE) && folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            fs::remove_file(link)
        }
        Ok(_) => fs::remove_dir_all(link),
    }
}
