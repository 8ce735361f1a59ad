//! The private PostgreSQL of a keeper without `DATABASE_URL`.
//!
//! A process of its own looks after the server: this program again, as a user that PostgreSQL
//! accepts, since it refuses to run as root. It gives the server's address on its standard output
//! and stops the server when its standard input closes, which happens however the keeper ends. The
//! keepers and commands of one data folder share one server; the last one stops it.

mod place;
mod server;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::config::Secret;

pub use place::{exists, is_used, remove};
pub use server::keep;

/// The hidden subcommand that runs [`keep`].
pub const SUBCOMMAND: &str = "database-server";

/// Where the server's folder is, for the process that looks after it.
const PLACE_VARIABLE: &str = "PIXR_DATABASE_PLACE";
/// Where its programs are.
const SERVER_VARIABLE: &str = "PIXR_DATABASE_SERVER";
/// How that process's answer begins; a URL or an error follows.
const READY: &str = "pixr database ready: ";
const FAILED: &str = "pixr database failed: ";

/// How long a server may take to recover after a crash, in seconds.
const START_SECONDS_MAX: u64 = 600;
/// How long it may take to write everything out.
const STOP_MAX: Duration = Duration::from_secs(120);

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "there is no PostgreSQL in {}: install it (Debian: apt-get install postgresql), name the \
         folder that has bin/postgres in database.server, or name a server in database.url \
         (DATABASE_URL)",
        .0.display()
    )]
    NotInstalled(PathBuf),
    #[error("{}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    #[error(
        "the private database cannot be where it is: user {user} does not reach {}; let others pass \
         through the folders above it (chmod o+x)",
        path.display()
    )]
    Unreachable { path: PathBuf, user: String },
    #[error(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody"
    )]
    NoUser,
    #[error("the private database: {0}")]
    Failed(String),
}

/// A private server, until it is stopped or dropped.
pub struct Embedded {
    child: Child,
    url: Secret,
}

impl Embedded {
    /// Starts the server of the data folder `data`, or joins the one that runs; `installation` has
    /// PostgreSQL's programs.
    pub async fn start(installation: &Path, data: &Path) -> Result<Self, EmbeddedError> {
        let not_installed = || EmbeddedError::NotInstalled(installation.to_owned());
        let installation = installation.canonicalize().map_err(|_| not_installed())?;
        if !["postgres", "initdb", "pg_ctl"]
            .iter()
            .all(|program| installation.join("bin").join(program).is_file())
        {
            return Err(not_installed());
        }
        let place = place::prepare(data)?;
        let mut command = program();
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            // Neither locale nor time zone of whoever starts the keeper is to matter.
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("PGCTLTIMEOUT", START_SECONDS_MAX.to_string())
            .env(PLACE_VARIABLE, &place.folder)
            .env(SERVER_VARIABLE, &installation)
            .current_dir("/")
            // Ctrl-C is for the keeper, which stops the server when it is done with it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        if let Some(user) = &place.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        let mut child = command.spawn().map_err(|error| not_started(&place, &error))?;
        let url = answer(&mut child).await?;
        Ok(Self { child, url })
    }

    /// Where the server is, with its password.
    pub fn url(&self) -> &Secret {
        &self.url
    }

    /// Leaves the server, and stops it when nobody else uses it. Connections end.
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        drop(self.child.stdin.take());
        match tokio::time::timeout(STOP_MAX, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(EmbeddedError::Failed(format!("did not stop well: {status}"))),
            Ok(Err(error)) => Err(EmbeddedError::Failed(error.to_string())),
            Err(_) => Err(EmbeddedError::Failed(format!(
                "has not stopped within {} seconds and goes on by itself",
                STOP_MAX.as_secs()
            ))),
        }
    }
}

fn not_started(place: &place::Place, error: &std::io::Error) -> EmbeddedError {
    let program = std::env::current_exe().unwrap_or_default();
    EmbeddedError::Failed(match &place.user {
        Some(user) if error.kind() == std::io::ErrorKind::PermissionDenied => format!(
            "user {} must be able to run {} (chmod o+x): {error}",
            user.name,
            program.display()
        ),
        _ => error.to_string(),
    })
}

/// This program, as it runs: its file may lie where the other user does not get by path.
fn program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("pixr");
    #[cfg(not(test))]
    command.arg(SUBCOMMAND);
    // The program of unit tests has no subcommands, but it can be told to run one test.
    #[cfg(test)]
    command.args(["--exact", tests::CHILD, "--ignored", "--nocapture"]);
    command
}

async fn answer(child: &mut Child) -> Result<Secret, EmbeddedError> {
    let ended = || EmbeddedError::Failed("the process that starts it ended".into());
    let stdout = child.stdout.take().ok_or_else(ended)?;
    let mut lines = BufReader::new(stdout).lines();
    let read = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(url) = line.strip_prefix(READY) {
                return Ok(Secret::new(url.to_owned()));
            }
            if let Some(problem) = line.strip_prefix(FAILED) {
                return Err(EmbeddedError::Failed(problem.to_owned()));
            }
        }
        Err(ended())
    };
    tokio::time::timeout(Duration::from_secs(2 * START_SECONDS_MAX), read)
        .await
        .unwrap_or_else(|_| Err(EmbeddedError::Failed("does not start".into())))
}
