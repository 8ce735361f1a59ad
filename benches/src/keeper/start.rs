//! How long starts take: of a keeper with its database present, and of the demo from nothing.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use super::{
    daemon::{Place, file},
    database::Server,
    workload,
};
use crate::report::{Goal, Report};

const STARTS: usize = 5;

/// Adds the median time from the start of a process until it is ready.
pub async fn ready(report: &mut Report, server: &Server) -> anyhow::Result<()> {
    let place = Place::new(server.database("ready").await?, "")?;
    place.set_up(&workload::catalogue())?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let (daemon, time) = place.serve().await?;
        daemon.stop()?;
        times.push(time);
    }
    times.sort_unstable();
    let milliseconds = times[STARTS / 2].as_secs_f64() * 1e3;
    report.add("ready_ms", milliseconds, "ms", Goal::AtMost(1_000.0), None);
    Ok(())
}

/// Adds the time of `scripts/demo`, which is built already.
pub fn demo(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    let status = Command::new(file("scripts/demo"))
        .arg("--folder")
        .arg(folder.path().join("demo"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(status.success(), "scripts/demo ended with {status}");
    report.add("demo_seconds", seconds, "s", Goal::AtMost(60.0), None);
    Ok(())
}
