//! A cluster of one node with the program on it, reached by RPC and WebSocket.
//!
//! It comes as an npm package (`tests/surfpool`), and runs as a process of its own.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::LazyLock,
};

use serde::Deserialize;
use solana_keypair::Keypair;

use crate::artifacts;

/// A running node. It stops when this is dropped.
pub struct Endpoint {
    pub rpc_url: String,
    pub ws_url: String,
    /// Has lamports.
    pub payer: Keypair,
    node: Child,
    /// The node runs while this is open.
    input: Option<ChildStdin>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    rpc_url: String,
    ws_url: String,
    payer: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("surfpool")
}

/// Downloads the package, unless it is there.
fn install(folder: &Path) {
    // One test at a time.
    let lock = File::open(folder.join("package-lock.json")).expect("the package's lock file");
    lock.lock().expect("a lock");
    if folder.join("node_modules/.package-lock.json").exists() {
        return;
    }
    let status = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        .current_dir(folder)
        .status()
        .expect("npm, which comes with Node.js");
    assert!(status.success(), "npm ci in {} failed", folder.display());
}

impl Endpoint {
    /// The node that all tests of this process share. It ends when the process does, since then its
    /// input is closed.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Endpoint> = LazyLock::new(Endpoint::start);
        &SHARED
    }

    /// Starts a node with slots of 50 ms.
    pub fn start() -> Self {
        let folder = folder();
        install(&folder);
        let mut node = Command::new("node")
            .arg(folder.join("start.mjs"))
            .arg(pixr::ID.to_string())
            .arg(artifacts::deploy_dir().join("pixr.so"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node, which is Node.js");
        let input = node.stdin.take();
        let mut line = String::new();
        let output = node.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line of the node");
        let started: Started = serde_json::from_str(&line).expect("a node that starts");
        let payer = Keypair::try_from(started.payer.as_slice()).expect("a key");
        let Started { rpc_url, ws_url, .. } = started;
        Self { rpc_url, ws_url, payer, node, input }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends by itself, or has ended.
        let _ = self.node.wait();
    }
}
