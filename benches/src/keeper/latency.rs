//! How long it takes from the answer to a view until its creator can withdraw what it earned.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use bytes::Bytes;
use pixr_keeper::views::Form;
use reqwest::{Client, header::CONTENT_TYPE};
use serde::Deserialize;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_postgres::Client as Database;

use super::{
    daemon::Place,
    database::{Server, connect},
    progress, workload,
};
use crate::report::{Goal, Report};

const EVENTS_PER_SECOND: u64 = 10_000;
const REQUESTS_PER_SECOND: u64 = 100;
const EVENTS_PER_REQUEST: u64 = EVENTS_PER_SECOND / REQUESTS_PER_SECOND;
const SECONDS: u64 = 30;
/// Not looked at: the first batches find everything cold.
const WARM_UP_SECONDS: u64 = 3;

/// An answered request: where its events are in the log, and when they were accepted.
struct Answered {
    position: i64,
    at_us: i64,
}

#[derive(Deserialize)]
struct Answer {
    batches: Vec<LogPlace>,
}

#[derive(Deserialize)]
struct LogPlace {
    position: i64,
}

/// Adds the median and the 99th percentile.
pub async fn measure(report: &mut Report, server: &Server) -> anyhow::Result<()> {
    let place =
        Place::new(server.database("latency").await?, "[settlement]\nbatch_interval_ms = 1000\n")?;
    let catalogue = workload::catalogue();
    place.set_up(&catalogue)?;
    let (daemon, _) = place.serve().await?;
    let client = Client::builder().no_proxy().build()?;
    let url = format!("http://{}/v1/views", daemon.listen);
    let mut tick = tokio::time::interval(Duration::from_millis(1_000 / REQUESTS_PER_SECOND));
    // Requests that are late follow at once: the rate is steady, whatever the keeper does.
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    for number in 0..SECONDS * REQUESTS_PER_SECOND {
        tick.tick().await;
        let first = number * EVENTS_PER_REQUEST;
        let events = workload::distinct(&catalogue, first..first + EVENTS_PER_REQUEST);
        let body = workload::request(&events, Form::Binary).body;
        requests.spawn(send(client.clone(), url.clone(), body));
    }
    let mut answered = requests.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let database = connect(&place.database).await?;
    progress::wait_counted(&database, SECONDS * EVENTS_PER_SECOND).await?;
    progress::wait_settled(&database).await?;
    daemon.stop()?;
    answered.sort_by_key(|answered| answered.position);
    let waits = waits(&answered, &database).await?;
    let at = |permille: usize| waits[waits.len() * permille / 1_000] as f64 / 1e3;
    report.add("view_to_balance_p50_ms", at(500), "ms", Goal::Reported, None);
    report.add("view_to_balance_p99_ms", at(990), "ms", Goal::AtMost(2_000.0), None);
    Ok(())
}

async fn send(client: Client, url: String, body: Bytes) -> anyhow::Result<Answered> {
    let post = client.post(url).header(CONTENT_TYPE, "application/vnd.pixr.views").body(body);
    let body = post.send().await?.error_for_status()?.bytes().await?;
    let at_us =
        i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros())?;
    let answer: Answer = serde_json::from_slice(&body)?;
    let place = answer.batches.first().context("an answer without a place")?;
    Ok(Answered { position: place.position, at_us })
}

/// Microseconds from each answer until the batch with its last view was final, ascending. The log is
/// counted in its order and one shard settles in that order, so the n-th view that was accepted is
/// the n-th that was settled.
async fn waits(answered: &[Answered], database: &Database) -> anyhow::Result<Vec<i64>> {
    const BATCHES: &str = "
        SELECT SUM(views) OVER (ORDER BY sequence)::BIGINT,
               (EXTRACT(EPOCH FROM finalized_at) * 1000000)::BIGINT
        FROM batches ORDER BY sequence";

    let rows = database.query(BATCHES, &[]).await?;
    let mut batches =
        rows.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))).peekable();
    let mut waits = Vec::with_capacity(answered.len());
    let mut accepted = 0;
    let start_us = answered.iter().map(|answered| answered.at_us).min().unwrap_or_default();
    for Answered { at_us, .. } in answered {
        accepted += i64::try_from(EVENTS_PER_REQUEST)?;
        while batches.next_if(|(views, _)| *views < accepted).is_some() {}
        let (_, final_us) = batches.peek().context("fewer views settled than accepted")?;
        if at_us - start_us >= i64::try_from(WARM_UP_SECONDS * 1_000_000)? {
            waits.push(final_us - at_us);
        }
    }
    waits.sort_unstable();
    Ok(waits)
}
