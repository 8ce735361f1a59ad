//! Processes that do not outlive the one that started them.

use std::{
    fs::File,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use nix::unistd::{Uid, User};

/// File in a server's folder that has what it says.
pub const OUTPUT: &str = "output";

/// Runs what follows the folder and the signal, until the input of this shell ends: when the test
/// process dies, however it dies, the server gets the signal and its folder is removed.
const HOLD: &str = r#"
trap '' INT TERM
folder=$1 signal=$2
shift 2
"$@" &
server=$!
if read -r keep; then :; else keep=no; fi
kill -s "$signal" "$server"
wait "$server"
test "$keep" = keep || rm -rf "$folder"
"#;

/// A server, and the shell that watches over it.
pub struct Held(Child);

impl Held {
    /// Starts `command` for the user whom `folder` belongs to; `signal` stops it.
    pub fn start(command: Command, folder: &Path, signal: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", HOLD, "hold"]).arg(folder).arg(signal);
        shell.arg(command.get_program()).args(command.get_args());
        let mut shell = as_owner(shell, folder);
        let output = File::options().create(true).append(true).open(folder.join(OUTPUT));
        let output = output.expect("a file in the server's folder");
        let error = output.try_clone().expect("the same file");
        shell.stdin(Stdio::piped()).stdout(output).stderr(error);
        Self(shell.spawn().expect("a shell"))
    }

    /// Stops the server, waits until it has, and keeps its folder.
    pub fn stop(mut self) {
        use std::io::Write;

        let mut input = self.0.stdin.take().expect("a pipe");
        input.write_all(b"keep\n").expect("the shell reads");
        self.0.wait().expect("the shell ends");
    }
}

/// The user that a server runs as which refuses to run as root.
pub fn server_user() -> Option<User> {
    if !Uid::effective().is_root() {
        return None;
    }
    let user = User::from_name("postgres").expect("the list of users");
    Some(user.expect("a user postgres, since PostgreSQL does not run as root"))
}

/// A new empty folder that belongs to `owner`.
pub fn folder(name: &str, owner: Option<&User>) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);

    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let folder = std::env::temp_dir().join(format!("pixr-{name}-{process}-{number}"));
    // Left by another process with this number, if any.
    remove(&folder);
    std::fs::create_dir(&folder).expect("a new folder");
    if let Some(user) = owner {
        chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root may");
    }
    folder
}

/// Removes a folder, as far as that can be done.
pub fn remove(folder: &Path) {
    // What stays is a few files for temporary files, and no test is about them.
    let _ = std::fs::remove_dir_all(folder);
}

/// Runs a command to its end for the user whom `folder` belongs to.
pub fn run(command: Command, folder: &Path) {
    let mut plain = Command::new(command.get_program());
    plain.args(command.get_args());
    let output = as_owner(plain, folder).output().expect("a program that can be run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `command` for the user whom `folder` belongs to, in that folder.
fn as_owner(command: Command, folder: &Path) -> Command {
    use std::os::unix::fs::MetadataExt;

    let metadata = folder.metadata().expect("the folder is there");
    let mut changed = if Uid::effective().as_raw() == metadata.uid() {
        Command::new(command.get_program())
    } else {
        let mut setpriv = Command::new("setpriv");
        setpriv.arg(format!("--reuid={}", metadata.uid()));
        setpriv.arg(format!("--regid={}", metadata.gid()));
        setpriv.arg("--clear-groups").arg(command.get_program());
        setpriv
    };
    changed.args(command.get_args()).current_dir(folder);
    changed
}
