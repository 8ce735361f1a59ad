//! The disk of the data folder is full: of the embedded chain and of what is published.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
    path::PathBuf,
    process::Command,
};

use pixr_keeper::testing::TestPostgres;
use tempfile::TempDir;

use crate::{
    daemon::{Daemon, Place},
    trial::{Trial, times},
};

/// Batches that are sent while there is room, and while there is none.
const BATCHES: u64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_the_chain_a_keeper_says_so_and_goes_on_when_there_is_some() {
    let alarm = "the journal cannot be written: No space left on device";
    is_full("", async |keeper| {
        let report = keeper.report().await.unwrap_or_default();
        let blocked = &report["blocked_shards"][0];
        blocked["reason"].as_str().is_some_and(|reason| reason.contains(alarm))
            && blocked["advice"].as_str().is_some_and(|advice| advice.contains("data.folder"))
            && keeper.log().contains(alarm)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_to_publish_a_keeper_says_so_and_goes_on_when_there_is_some() {
    let alarm = "Unable to copy data to file: No space left on device";
    is_full("objects", async |keeper| keeper.log().contains(alarm)).await;
}

/// Fills the disk that has this part of the data folder until a keeper has raised the `alarm`, and
/// makes room again: while it runs, and after it was killed.
async fn is_full(part: &str, mut alarm: impl AsyncFnMut(&Daemon) -> bool) {
    let Some(disk) = Disk::mount() else {
        eprintln!("not tested: only root can mount a file system in memory");
        return;
    };
    let database = TestPostgres::start().await;
    let place = Place::new(&database.url, "");
    // Collected, it has no slash at its end.
    let link: PathBuf = place.data().join(part).components().collect();
    fs::create_dir_all(link.parent().expect("a folder around it")).expect("a folder");
    symlink(disk.folder.path(), link).expect("a link");
    let mut trial = Trial::at(database, place);
    for killed in [false, true].repeat(usize::try_from(times(1, 10)).expect("a few")) {
        let mut keeper = trial.serve().await;
        trial.send(&mut keeper, BATCHES).await;
        disk.fill();
        // The log is elsewhere: views are taken all the same.
        trial.send(&mut keeper, BATCHES).await;
        let sent = &mut trial.sent;
        let raised = async |keeper: &Daemon| {
            sent.send(keeper.listen()).await;
            alarm(keeper).await
        };
        keeper.until("says that there is no room", raised).await;
        if killed {
            keeper.kill();
            disk.free();
        } else {
            disk.free();
            trial.settle(&mut keeper).await;
            assert!(keeper.stop().success(), "SIGTERM ends it cleanly");
        }
    }
    let keeper = trial.serve().await;
    trial.finish(keeper).await;
}

/// A small disk.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A file system in memory, where that is allowed.
    fn mount() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("pixr-disk-").tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=32m", "pixr-test"]).arg(folder.path());
        let mounted = mount.status().is_ok_and(|status| status.success());
        mounted.then_some(Self { folder })
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a file");
        while filler.write_all(&[0; 4_096]).is_ok() {}
    }

    /// Makes room again.
    fn free(&self) {
        fs::remove_file(self.filler()).expect("a file to remove");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also while somebody still has a file open there.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}
