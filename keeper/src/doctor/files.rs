//! Files: the data folder, the secrets in it, and what is published.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::{Checked, Finding, Trouble, parts::Parts};
use crate::{
    config::{Config, Secret},
    keys,
};

/// Free space below which a keeper will soon stop, and below which somebody should look, in bytes.
const FREE_FAIL: u64 = 1 << 30;
const FREE_WARN: u64 = 10 << 30;
/// The same for files.
const FILES_WARN: u64 = 100_000;

/// Space and rights in the data folder.
pub async fn folder(parts: &Parts) -> Checked {
    let folder = parts.config.data.folder.clone();
    let look = tokio::task::spawn_blocking(move || look(&folder)).await;
    look.map_err(|error| Trouble::Failed {
        found: error.to_string(),
        advice: "look at this machine's disks",
    })
}

fn look(folder: &Path) -> Vec<Finding> {
    let name = "data folder";
    let shown = folder.display();
    if !folder.is_dir() {
        let found = format!("there is no {shown} yet");
        let advice =
            "the first start makes it; with existing data, correct data.folder (PIXR_DATA)";
        return vec![Finding::warn(name, found, advice)];
    }
    let mut findings = vec![match writable(folder) {
        Ok(()) => Finding::ok(name, format!("{shown} can be written to")),
        Err(error) => Finding::fail(
            name,
            format!("{shown} cannot be written to: {error}"),
            "give it to the user that the keeper runs as (chown), or correct data.folder",
        ),
    }];
    // The private database may be on another disk.
    let database = folder.join("postgres");
    let places = [Some(folder.to_owned()), database.is_symlink().then_some(database)];
    findings.extend(places.iter().flatten().map(|place| space(place)));
    findings
}

/// Whether a file can be made in `folder`.
pub(super) fn writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!("doctor.{}", uuid::Uuid::new_v4()));
    fs::OpenOptions::new().write(true).create_new(true).open(&probe)?;
    fs::remove_file(&probe)
}

/// What is free where `place` is.
pub(super) fn space(place: &Path) -> Finding {
    let name = "disk space";
    let shown = place.display();
    match statvfs(place) {
        Err(error) => {
            Finding::fail(name, format!("{shown}: {error}"), "look at this machine's disks")
        }
        Ok(disk) => {
            let free = disk.blocks_available().saturating_mul(disk.fragment_size());
            // Some file systems have no fixed number of files.
            let files = if disk.files() == 0 { u64::MAX } else { disk.files_available() };
            judge_space(&shown.to_string(), free, files)
        }
    }
}

fn judge_space(shown: &str, free: u64, files: u64) -> Finding {
    let name = "disk space";
    let found = format!("{} MiB are free for {shown}", free >> 20);
    let advice = "free some space, or move data.folder to a larger disk";
    if free < FREE_FAIL {
        Finding::fail(name, found, advice)
    } else if files < FILES_WARN {
        Finding::warn(name, format!("{files} files more can be made in {shown}"), advice)
    } else if free < FREE_WARN {
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

/// Whether files with secrets are their owner's alone.
pub fn secrets(config: &Config) -> Vec<Finding> {
    let named = |secret: &Option<Secret>| {
        secret.as_ref().map(|secret| PathBuf::from(secret.reveal().trim()))
    };
    let keys = &config.keys;
    let mut files = vec![config.data.folder.join(keys::SEED_FILE)];
    files.extend(
        [&keys.admin, &keys.guardian, &keys.keeper, &keys.treasury].into_iter().filter_map(named),
    );
    let name = "secrets";
    let open: Vec<_> = files
        .iter()
        .filter(|file| file.is_file())
        .filter_map(|file| Some((file, file.metadata().ok()?.permissions().mode() & 0o777)))
        .filter(|(_, mode)| mode & 0o077 != 0)
        .map(|(file, mode)| {
            Finding::fail(
                name,
                format!("others on this machine can get at {} (mode {mode:o})", file.display()),
                format!("chmod 600 {}, and think about who may have read it", file.display()),
            )
        })
        .collect();
    if open.is_empty() {
        return vec![Finding::ok(name, "files with keys are their owner's alone")];
    }
    open
}

/// Whether what is published can be written, read and removed.
pub async fn objects(parts: &Parts) -> Checked {
    // What is wrong with one that is not there was found when it was to be opened.
    let Ok(objects) = parts.objects() else { return Ok(Vec::new()) };
    let name = "object store";
    Ok(vec![match probe(objects).await {
        Ok(()) => Finding::ok(name, "a probe was written, read and removed"),
        Err(error) => Finding::fail(
            name,
            format!("a probe cannot be written, read and removed: {error}"),
            "check objects.s3_bucket, its region and rights, or those of the folder objects in \
             data.folder",
        ),
    }])
}

async fn probe(objects: &dyn ObjectStore) -> Result<(), object_store::Error> {
    let place = object_store::path::Path::from(format!("probe-{}", uuid::Uuid::new_v4()));
    let written = PutPayload::from_static(b"pixr doctor");
    objects.put(&place, written.clone()).await?;
    let read = objects.get(&place).await?.bytes().await;
    objects.delete(&place).await?;
    if read? == bytes::Bytes::from(written) {
        return Ok(());
    }
    let source = "what is read is not what was written".into();
    Err(object_store::Error::Generic { store: "probe", source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn space_is_judged_by_bytes_and_files() {
        let severity = |free, files| judge_space("/data", free, files).severity;
        assert_eq!(severity(FREE_WARN, FILES_WARN), Severity::Ok);
        assert_eq!(severity(FREE_WARN - 1, FILES_WARN), Severity::Warn);
        assert_eq!(severity(FREE_WARN, FILES_WARN - 1), Severity::Warn);
        assert_eq!(severity(FREE_FAIL - 1, FILES_WARN), Severity::Fail);
    }

    #[test]
    fn secrets_that_others_can_read_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let (seed, key) = (folder.path().join(keys::SEED_FILE), folder.path().join("keeper.json"));
        let mut config = Config::default();
        config.data.folder = folder.path().to_owned();
        config.keys.keeper = Some(Secret::new(key.display().to_string()));
        config.keys.treasury = Some(Secret::new("the text of a key, not a file".into()));
        for file in [&seed, &key] {
            fs::write(file, "").unwrap();
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        assert_eq!(secrets(&config)[0].severity, Severity::Ok);
        fs::set_permissions(&seed, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let found = secrets(&config);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|finding| finding.severity == Severity::Fail));
        assert!(found[0].found.contains("mode 644") && found[1].found.contains("mode 640"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap().path().join("none");
        assert_eq!(look(&folder)[0].severity, Severity::Warn);
        assert!(!folder.exists());
    }
}
