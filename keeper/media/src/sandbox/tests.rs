//! What a child cannot do.

use std::{fs::File, net::TcpListener};

use nix::unistd::Uid;
use tokio_util::sync::CancellationToken;

use super::{Bounds, Run, Tool};
use crate::error::{MediaError, Result};

fn ffmpeg(arguments: &[&str]) -> Result<Vec<u8>> {
    let (bounds, never) = (Bounds { nice: 0, ..Bounds::default() }, CancellationToken::new());
    let mut run = Run::new(Tool::Ffmpeg, "trying", &bounds, &never);
    run.args(arguments.iter().copied());
    let mut bytes = Vec::new();
    run.collect(&mut bytes).map(|_| bytes)
}

const PICTURE: [&str; 6] = ["-f", "lavfi", "-i", "color=s=16x16", "-frames:v", "1"];

#[test]
fn writes_to_its_pipe_but_to_no_file() {
    let ppm = ["-c:v", "ppm", "-f", "image2pipe"];
    let piped = ffmpeg(&[&PICTURE[..], &ppm, &["pipe:1"]].concat()).unwrap();
    assert!(piped.starts_with(b"P6"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.ppm");
    let written = ffmpeg(&[&PICTURE[..], &ppm, &["-y", path.to_str().unwrap()]].concat());
    assert!(matches!(written, Err(MediaError::Tool { .. })));
    assert!(std::fs::metadata(path).map_or(0, |meta| meta.len()) == 0);
}

#[test]
fn has_no_network_and_no_rights_where_we_have_all() {
    if !Uid::effective().is_root() {
        return;
    }
    let Err(MediaError::Tool { log, .. }) = ffmpeg(&["-f", "data", "-i", "/etc/shadow"]) else {
        panic!("it read what is only for root");
    };
    assert!(log.contains("Permission denied"), "{log}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("tcp://{}?timeout=300000", listener.local_addr().unwrap());
    let reached = ffmpeg(&["-f", "data", "-i", &address]);
    // A container may not let us take the network away: then the whitelists of inputs have to do.
    let separable = std::process::Command::new("unshare").args(["-n", "true"]).status();
    if separable.is_ok_and(|status| status.success()) {
        assert!(reached.is_err() && listener.accept().is_err());
    }
}

#[test]
fn reads_a_file_that_is_handed_over() {
    let (bounds, never) = (Bounds::default(), CancellationToken::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private");
    std::fs::write(&path, b"some bytes").unwrap();
    let mut run = Run::new(Tool::Ffmpeg, "trying", &bounds, &never);
    let input = run.input(File::open(&path).unwrap());
    run.args(["-f", "data", "-i", &input, "-map", "0", "-c", "copy", "-f", "data", "pipe:1"]);
    let mut bytes = Vec::new();
    run.collect(&mut bytes).unwrap();
    assert_eq!(bytes, b"some bytes");
}
