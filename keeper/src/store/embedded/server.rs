//! The process that looks after the server.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    mem::ManuallyDrop,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use nix::{sys::signal::kill, unistd::Pid};
use postgresql_embedded::{
    BOOTSTRAP_DATABASE, BOOTSTRAP_SUPERUSER, PostgreSQL, Settings, VersionReq,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{FAILED, PLACE_VARIABLE, READY, SERVER_VARIABLE, START_SECONDS_MAX, place::USERS_LOCK};

/// How often a server that cannot start for a passing reason is started again.
const STARTS_MAX: u32 = 50;
/// How long to wait before that.
const START_AGAIN: Duration = Duration::from_millis(100);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Starts or joins the server, says where it is, and waits until the keeper is gone. Then the server
/// is stopped, unless others use it. Returns whether all went well.
pub fn keep() -> bool {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(look_after())
    };
    match run() {
        Ok(()) => true,
        Err(error) => {
            let problem = format!("{error:#}").replace('\n', " ");
            // Where nobody listens any more, the status tells.
            let _unheard = say(FAILED, &problem);
            false
        }
    }
}

async fn look_after() -> anyhow::Result<()> {
    let _deaf = signals()?;
    let variable = |name| std::env::var_os(name).map(PathBuf::from).context("not for use by hand");
    let place = variable(PLACE_VARIABLE)?;
    let installation = variable(SERVER_VARIABLE)?;
    // Starting and stopping take turns; whoever uses the server shares the second lock. Both end
    // with their process, however it ends.
    let turn = lock_file(&place, "turn.lock")?;
    let users = lock_file(&place, USERS_LOCK)?;
    turn.lock()?;
    users.lock_shared()?;
    let mut server = Server::new(place, installation)?;
    server.start().await?;
    turn.unlock()?;
    say(READY, &server.postgres.settings().url(BOOTSTRAP_DATABASE))?;

    // Nothing is ever written there: the end of input is the end of the keeper.
    io::stdin().read_to_end(&mut Vec::new())?;
    turn.lock()?;
    users.unlock()?;
    if users.try_lock().is_ok() {
        server.postgres.stop().await?;
    }
    Ok(())
}

/// Whoever stops the keeper may signal its helpers too; this one ends when the keeper has ended.
fn signals() -> io::Result<[Signal; 3]> {
    Ok([
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ])
}

fn say(what: &str, text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    // On a line of its own, whatever was printed before.
    writeln!(out, "\n{what}{text}")?;
    out.flush()
}

fn lock_file(place: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(place.join(name))
}

struct Server {
    place: PathBuf,
    installation: PathBuf,
    /// Never dropped: dropping stops the server, and others may use it.
    postgres: ManuallyDrop<PostgreSQL>,
}

impl Server {
    fn new(place: PathBuf, installation: PathBuf) -> anyhow::Result<Self> {
        let password = password(&place.join("password"))?;
        let settings = settings(&place, &installation, password);
        let postgres = ManuallyDrop::new(PostgreSQL::new(settings));
        Ok(Self { place, installation, postgres })
    }

    fn cluster(&self) -> PathBuf {
        self.place.join("cluster")
    }

    fn with(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.postgres.settings().clone();
        change(&mut settings);
        self.postgres = ManuallyDrop::new(PostgreSQL::new(settings));
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        self.initialize().await?;
        if let Some(port) = running(&self.cluster())? {
            self.with(|settings| settings.port = port);
            return Ok(());
        }
        if self.takes("wal_compression=lz4") {
            self.with(|settings| {
                settings.configuration.insert("wal_compression".into(), "lz4".into());
            });
        }
        for _ in 1..STARTS_MAX {
            let _first_start = fs::remove_file(self.log_file());
            match self.postgres.start().await {
                Err(_) if self.may_start_later() => {
                    self.with(|settings| settings.port = 0);
                    std::thread::sleep(START_AGAIN);
                }
                started => return self.explain(started),
            }
        }
        let started = self.postgres.start().await;
        self.explain(started)
    }

    /// Makes the cluster, in full or not at all.
    async fn initialize(&mut self) -> anyhow::Result<()> {
        let cluster = self.cluster();
        if cluster.exists() {
            return Ok(());
        }
        let new = self.place.join("cluster.new");
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        self.with(|settings| settings.data_dir = new.clone());
        self.postgres.setup().await?;
        fs::rename(&new, &cluster)?;
        File::open(&self.place)?.sync_all()?;
        self.with(|settings| settings.data_dir = cluster);
        Ok(())
    }

    /// Whether this build of PostgreSQL knows a setting with that value.
    fn takes(&self, setting: &str) -> bool {
        let name = setting.split('=').next().unwrap_or(setting);
        std::process::Command::new(self.installation.join("bin/postgres"))
            .arg("-D")
            .arg(self.cluster())
            .args(["-c", setting, "-C", name])
            .output()
            .is_ok_and(|output| output.status.success())
    }

    fn log_file(&self) -> PathBuf {
        self.cluster().join("start.log")
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// Whether another process took the port first, or the processes of a server that was killed are
    /// still ending.
    fn may_start_later(&self) -> bool {
        let log = self.log();
        log.contains("could not bind") || log.contains("pre-existing shared memory block")
    }

    /// Adds what the server said to an error.
    fn explain(&self, started: postgresql_embedded::Result<()>) -> anyhow::Result<()> {
        started.map_err(|error| {
            let log = self.log();
            let said = log.lines().rev().find(|line| line.contains("FATAL"));
            anyhow!("{}", said.map_or_else(|| error.to_string(), ToOwned::to_owned))
        })
    }
}

fn settings(place: &Path, installation: &Path, password: String) -> Settings {
    let configuration = [
        // The library starts servers with -F, which turns this off; what comes later wins.
        ("fsync", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        // Batches are large and many: few checkpoints, and little to write twice.
        ("shared_buffers", "256MB"),
        ("max_wal_size", "4GB"),
        ("checkpoint_timeout", "15min"),
        ("wal_compression", "on"),
        ("jit", "off"),
        // The server's log is for its start and its end: the keeper reports failed statements.
        ("log_min_messages", "log"),
        ("log_checkpoints", "off"),
    ];
    let configuration: HashMap<String, String> =
        configuration.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    Settings {
        releases_url: String::new(),
        version: VersionReq::STAR,
        installation_dir: installation.to_owned(),
        password_file: place.join("password"),
        data_dir: place.join("cluster"),
        host: "127.0.0.1".into(),
        port: 0,
        username: BOOTSTRAP_SUPERUSER.into(),
        password,
        temporary: false,
        timeout: Some(Duration::from_secs(START_SECONDS_MAX)),
        configuration,
        trust_installation_dir: true,
        socket_dir: None,
    }
}

/// The server's password, made when there is none.
fn password(path: &Path) -> anyhow::Result<String> {
    if !path.exists() {
        let new = path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(hex::encode(rand::random::<[u8; 16]>()).as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
    }
    Ok(fs::read_to_string(path)?)
}

/// The port of the server of `cluster`, if one runs. Waits for one that starts or stops.
fn running(cluster: &Path) -> anyhow::Result<Option<u16>> {
    let file = cluster.join("postmaster.pid");
    let looks = u128::from(START_SECONDS_MAX) * 1_000 / LOOK_AGAIN.as_millis();
    for _ in 0..looks {
        let Ok(text) = fs::read_to_string(&file) else { return Ok(None) };
        let mut lines = text.lines();
        let pid = lines.next().and_then(|line| line.trim().parse().ok());
        let Some(pid) = pid else { bail!("{} is damaged", file.display()) };
        // A server works in its cluster's folder; after a crash the number can be another process's.
        if fs::read_link(format!("/proc/{pid}/cwd")).ok() != cluster.canonicalize().ok() {
            if kill(Pid::from_raw(pid), None).is_ok() {
                // PostgreSQL would take that process for its own and refuse to start.
                fs::remove_file(&file)?;
            }
            return Ok(None);
        }
        let port = lines.nth(2).and_then(|line| line.trim().parse().ok());
        let state = lines.nth(3).map(str::trim);
        if let (Some(port), Some("ready")) = (port, state) {
            return Ok(Some(port));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    bail!("the server neither starts nor stops; see the logs in {}", cluster.display())
}
