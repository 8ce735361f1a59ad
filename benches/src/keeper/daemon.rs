//! `pixr` as a process, with a database, a chain and a catalogue of its own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pixr_keeper::{demo::catalogue::Catalogue, testing::free_port};
use reqwest::Client;
use tempfile::TempDir;

/// How long a keeper may take to start and to stop.
const CHANGE_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Where one keeper has everything that is its own.
pub struct Place {
    folder: TempDir,
    pub database: String,
    listen: SocketAddr,
}

/// A running `pixr serve`, killed when dropped.
pub struct Daemon {
    child: Child,
    pub listen: SocketAddr,
}

/// A checkout's file.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

impl Place {
    /// A folder with a configuration; `more` is appended to it.
    pub fn new(database: String, more: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let config = format!(
            "[data]\nfolder = {:?}\n[chain]\nprogram = {:?}\n[database]\nurl = {database:?}\n\
             [ingest]\nlisten = \"{listen}\"\n{more}",
            folder.path().join("data"),
            file("target/deploy/pixr.so"),
        );
        fs::write(folder.path().join("pixr.toml"), config)?;
        Ok(Self { folder, database, listen })
    }

    /// A platform with these creators and contents, in one shard.
    pub fn set_up(&self, catalogue: &Catalogue) -> anyhow::Result<()> {
        use std::fmt::Write;

        let (creators, contents) = (catalogue.creators.len(), catalogue.contents.len());
        self.run(&[
            "init",
            &format!("--creators={creators}"),
            &format!("--contents={contents}"),
            "--lanes=1",
            "--budget=100000000",
        ])?;
        let mut lines = String::new();
        for content in &catalogue.contents {
            let (id, creator) = (content.id, content.creator);
            writeln!(lines, r#"{{"id":"{id}","creator":"@{creator}"}}"#)?;
        }
        let list = self.folder.path().join("catalogue.jsonl");
        fs::write(&list, lines)?;
        self.run(&["register", "file", list.to_str().context("a path in UTF-8")?])?;
        Ok(())
    }

    /// The command, ready to start.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(file("target/release/pixr"));
        let config = self.folder.path().join("pixr.toml");
        command.arg("--config").arg(config).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command that has to succeed.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let output = self.command(arguments).output().context("target/release/pixr")?;
        if !output.status.success() {
            bail!("pixr {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(output)
    }

    /// Starts `pixr serve`; returns it with the time that it took until it was ready.
    pub async fn serve(&self) -> anyhow::Result<(Daemon, Duration)> {
        let log = fs::File::create(self.folder.path().join("log"))?;
        let client = Client::builder().no_proxy().build()?;
        let ready = format!("http://{}/ready", self.listen);
        let started = Instant::now();
        let child = self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn()?;
        let mut daemon = Daemon { child, listen: self.listen };
        loop {
            let answer = client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok((daemon, started.elapsed()));
            }
            if daemon.child.try_wait()?.is_some() || started.elapsed() > CHANGE_MAX {
                bail!("no keeper: {}", fs::read_to_string(self.folder.path().join("log"))?);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Daemon {
    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the keeper stopped with {status}");
        Ok(())
    }

    /// Its largest memory so far, in bytes.
    pub fn memory_peak(&self) -> anyhow::Result<u64> {
        memory_peak(self.child.id()).context("the keeper has ended")
    }

    /// The sum of a metric's samples.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let client = Client::builder().no_proxy().build()?;
        let url = format!("http://{}/metrics", self.listen);
        let text = client.get(url).send().await?.text().await?;
        let samples = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        samples
            .map(|line| {
                Ok(line.rsplit_once(' ').context("a sample without a value")?.1.parse::<f64>()?)
            })
            .sum()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails when it has ended, which is as well.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A process's largest memory so far, in bytes; `None` when it has ended.
pub fn memory_peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
