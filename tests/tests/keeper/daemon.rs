//! A keeper in a process of its own, with a database, a chain and a catalogue of its own.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use pixr_keeper::{
    config::{self, Config},
    testing::{Reply, request},
};
use pixr_tests::artifacts;
use tempfile::TempDir;

/// The binary with fail points.
const BINARY: &str = env!("CARGO_BIN_EXE_pixr-under-test");
/// How long a keeper may take until it is ready, and until it has stopped.
const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// Log lines that are kept to be shown when a test fails.
const LOG_LINES_MAX: usize = 200;

/// Where one keeper has everything that is its own.
pub struct Place {
    folder: TempDir,
    listen: SocketAddr,
}

impl Place {
    /// A new folder with a configuration for `database`; `more` is appended to it.
    pub fn new(database: &str, more: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("pixr-keeper-").tempdir().expect("a folder");
        let listen = free_address();
        let program = artifacts::path("pixr");
        let config = format!(
            "[data]\nfolder = {data:?}\n\
             [chain]\nprogram = {program:?}\n\
             [database]\nurl = {database:?}\n\
             [ingest]\nlisten = \"{listen}\"\n\
             {more}\n",
            data = folder.path().join("data"),
        );
        fs::write(folder.path().join("pixr.toml"), config).expect("a configuration");
        Self { folder, listen }
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The configuration that its processes read.
    pub fn config(&self) -> Config {
        let file = self.folder.path().join("pixr.toml");
        config::load(Some(&file), &BTreeMap::new()).expect("a configuration")
    }

    /// A file beside the data folder.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("a file");
        path
    }

    /// The API's address.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .arg("--config")
            .arg(self.folder.path().join("pixr.toml"))
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("a process that starts")
    }

    /// Runs a command that has to succeed; returns what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?} failed with {}\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// Starts `pixr serve`, which dies at `crash` (a point and a count) if given.
    pub fn serve(&self, crash: Option<(&str, u64)>) -> Daemon {
        let mut command = self.command(&["serve"]);
        if let Some((point, count)) = crash {
            command.env("PIXR_CRASH_AT", format!("{point}:{count}"));
        }
        Daemon::start(command, self.listen)
    }
}

/// A running `pixr serve`. Killed when dropped.
pub struct Daemon {
    child: Child,
    listen: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    fn start(mut command: Command, listen: SocketAddr) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process that starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut kept = kept.lock().expect("no panic while it is held");
                if kept.len() == LOG_LINES_MAX {
                    kept.remove(0);
                }
                kept.push(line);
            }
        });
        Self { child, listen, log }
    }

    /// Waits until it answers `/ready`. False when it ended before.
    pub async fn wait_ready(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < READY_TIME_MAX {
            if self.ended().is_some() {
                return false;
            }
            if try_request(self.listen, "GET", "/ready", &[])
                .await
                .is_some_and(|reply| reply.status == 200)
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not ready after {READY_TIME_MAX:?}:\n{}", self.log());
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(start.elapsed() < READY_TIME_MAX, "does not stop:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal to this process.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).expect("a child to signal");
    }

    /// Its last log lines.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic while it is held").join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails when it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the keeper's last lines:\n{}", self.log());
        }
    }
}

/// Sends a request to a keeper that may die in the middle of it: then there is no answer.
pub async fn try_request(to: SocketAddr, method: &str, path: &str, body: &[u8]) -> Option<Reply> {
    let method = method.to_owned();
    let (path, body) = (path.to_owned(), body.to_vec());
    let headers = [("content-type", "application/x-ndjson")];
    tokio::spawn(async move { request(to, &method, &path, &headers, &body).await }).await.ok()
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}
