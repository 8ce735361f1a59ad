//! The keeper, from the view of who uses it: the released binary as a process, its API over HTTP, a
//! PostgreSQL that syncs every commit. Load and baselines share the machine with what is measured.

mod copy;
mod daemon;
mod database;
mod ingest;
mod latency;
mod progress;
mod redis;
mod start;
mod verify;
mod workload;

use database::Server;

use crate::report::Report;

/// Measures everything, or one part: `ready`, `ingest`, `latency`, `verify` or `demo`.
pub fn run(only: Option<&str>) -> anyhow::Result<Report> {
    let wanted = |part: &str| super::wanted(only, part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::default();
        let server = Server::start().await?;
        if wanted("ready") {
            start::ready(&mut report, &server).await?;
        }
        if wanted("ingest") {
            ingest::measure(&mut report, &server).await?;
        }
        if wanted("latency") {
            latency::measure(&mut report, &server).await?;
        }
        if wanted("verify") {
            verify::measure(&mut report, &server).await?;
        }
        server.stop().await?;
        if wanted("demo") {
            start::demo(&mut report)?;
        }
        Ok(report)
    })
}
