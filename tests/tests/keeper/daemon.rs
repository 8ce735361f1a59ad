//! A keeper in a process of its own, with a database, a chain and a catalogue of its own.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use pixr_keeper::{
    config::{self, Config},
    keys::SEED_FILE,
    objects,
    testing::{Reply, request},
};
use pixr_tests::artifacts;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// The binary with fail points.
const BINARY: &str = env!("CARGO_BIN_EXE_pixr-under-test");
/// How long a keeper may take for whatever it is waited for.
const TIME_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Often settled, so that whatever happens finds every step at work.
const QUICK: &str = "settlement.batch_interval_ms = 40\n\
                     settlement.batch_size = 8\n\
                     settlement.age_max_seconds = 1\n";
/// Log lines that are kept to be shown when a test fails.
const LOG_LINES_MAX: usize = 200;

/// Where one keeper has everything that is its own.
pub struct Place {
    folder: TempDir,
    listen: SocketAddr,
    /// What its configuration has besides.
    settings: String,
}

impl Place {
    /// A new folder with a configuration for `database`; `more` is appended to it, a dotted key a
    /// line.
    pub fn new(database: &str, more: &str) -> Self {
        let program = artifacts::path("pixr");
        Self::with(format!(
            "chain.program = {program:?}\ndatabase.url = {database:?}\n{QUICK}{more}"
        ))
    }

    fn with(settings: String) -> Self {
        let folder = tempfile::Builder::new().prefix("pixr-keeper-").tempdir().expect("a folder");
        let listen = free_address();
        let data = folder.path().join("data");
        let config = format!("data.folder = {data:?}\ningest.listen = \"{listen}\"\n{settings}\n");
        fs::write(folder.path().join("pixr.toml"), config).expect("a configuration");
        Self { folder, listen, settings }
    }

    /// A place for another keeper of the same platform: it has the same seed and publishes to the
    /// same folder, as to a bucket, but has a name of its own.
    pub fn beside(&self) -> Self {
        let other = Self::with(self.settings.clone());
        fs::create_dir(other.data()).expect("a folder");
        symlink(self.data().join(objects::FOLDER), other.data().join(objects::FOLDER))
            .expect("a link");
        fs::copy(self.data().join(SEED_FILE), other.data().join(SEED_FILE)).expect("a seed");
        other
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

    /// The keeper's name among all that share its database, once it has been started.
    pub fn name(&self) -> String {
        fs::read_to_string(self.data().join("keeper.id")).expect("a name")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .arg("--config")
            .arg(self.folder.path().join("pixr.toml"))
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        // Whoever runs the tests may use a keeper too.
        for (variable, _) in config::VARIABLES {
            command.env_remove(variable);
        }
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

    /// The API's address.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Waits until something `holds`; it must not end meanwhile. `what` says what it should do.
    pub async fn until(&mut self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self).await {
            if let Some(status) = self.ended() {
                panic!("it {what}? it ended: {status}");
            }
            assert!(start.elapsed() < TIME_MAX, "it {what}? not in {TIME_MAX:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until it says that it is ready.
    pub async fn until_ready(&mut self) {
        let ready = async |keeper: &Self| {
            keeper.report().await.is_some_and(|report| report["ready"] == true)
        };
        self.until("becomes ready", ready).await;
    }

    /// Waits until it says that it is not ready since `part` is not, for a reason like this.
    pub async fn until_not_ready(&mut self, part: &str, reason: &str) {
        let not_ready = async |keeper: &Self| {
            let Some(report) = keeper.report().await else { return false };
            let part = &report["parts"][part];
            let alike = part["state"].as_str().is_some_and(|state| state.contains(reason));
            report["ready"] == false && part["ready"] == false && alike
        };
        self.until(&format!("says that {part} is not ready: {reason}"), not_ready).await;
    }

    /// What it says of itself, if it answers.
    pub async fn report(&self) -> Option<serde_json::Value> {
        let reply = try_request(self.listen, "GET", "/ready", &[]).await?;
        let report = reply.json();
        assert_eq!(reply.status == 200, report["ready"] == true, "{report}");
        Some(report)
    }

    /// Waits until one of its last log lines has this text.
    pub async fn until_says(&mut self, text: &str) {
        let said = async |keeper: &Self| keeper.log().contains(text);
        self.until(&format!("says {text:?}"), said).await;
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
            assert!(start.elapsed() < TIME_MAX, "does not stop:\n{}", self.log());
            thread::sleep(LOOK);
        }
    }

    /// Sends a signal to this process.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).expect("a child to signal");
    }

    /// Kills it without a warning, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("a child to kill");
        self.child.wait().expect("a child");
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
    // Before the request, which takes it for granted that somebody listens.
    TcpStream::connect(to).await.ok()?;
    let method = method.to_owned();
    let (path, body) = (path.to_owned(), body.to_vec());
    let headers = [("content-type", "application/x-ndjson")];
    tokio::spawn(async move { request(to, &method, &path, &headers, &body).await }).await.ok()
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}
