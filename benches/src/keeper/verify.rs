//! How long it takes to recompute every balance from ten million published lines.

use std::{
    io::Seek,
    time::{Duration, Instant},
};

use pixr_keeper::views::Form;
use serde::Deserialize;

use super::{
    daemon::{Place, memory_peak},
    database::{Server, connect},
    ingest, progress, workload,
};
use crate::report::{Goal, Report};

const LINES: u64 = 10_000_000;
/// Events that are made at a time.
const ROUND: u64 = 1_000_000;
/// Short windows: views of a content in one window share a line.
const OFTEN: &str = "[settlement]\nbatch_interval_ms = 100\n";
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The part of the answer that matters here.
#[derive(Deserialize)]
struct Answer {
    shards: Vec<Shard>,
}

#[derive(Deserialize)]
struct Shard {
    lines: u64,
}

/// Settles as many lines, and adds time and memory of `pixr verify`.
pub async fn measure(report: &mut Report, server: &Server) -> anyhow::Result<()> {
    let place = Place::new(server.database("verify").await?, OFTEN)?;
    let catalogue = workload::catalogue();
    place.set_up(&catalogue)?;
    let client = connect(&place.database).await?;
    let (daemon, _) = place.serve().await?;
    let (mut sent, mut lines) = (0, 0);
    while lines < LINES {
        let events = workload::distinct(&catalogue, sent..sent + ROUND);
        sent += ROUND;
        ingest::send(&daemon, workload::requests(&events, Form::Binary), Form::Binary).await?;
        progress::wait_counted(&client, sent).await?;
        (_, lines) = progress::settled(&client).await?;
    }
    progress::wait_settled(&client).await?;
    (_, lines) = progress::settled(&client).await?;
    daemon.stop()?;
    let started = Instant::now();
    let mut answer = tempfile::tempfile()?;
    let mut verify = place.command(&["verify", "--json"]).stdout(answer.try_clone()?).spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = memory_peak(verify.id()).unwrap_or_default().max(peak);
        if let Some(status) = verify.try_wait()? {
            break status;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(status.success(), "verify found a difference");
    answer.rewind()?;
    let answer: Answer = serde_json::from_reader(answer)?;
    let verified: u64 = answer.shards.iter().map(|shard| shard.lines).sum();
    anyhow::ensure!(verified == lines, "{verified} of {lines} lines were verified");
    report.add("verified_lines", lines as f64, "lines", Goal::AtLeast(LINES as f64), None);
    let scaled = seconds * LINES as f64 / lines as f64;
    report.add("verify_10m_seconds", scaled, "s", Goal::AtMost(60.0), None);
    report.add("verify_peak_mb", peak as f64 / 1e6, "MB", Goal::AtMost(300.0), None);
    Ok(())
}
