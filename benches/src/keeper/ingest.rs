//! How many events a second are taken: until they are durable *and* judged, duplicates told apart,
//! while settlement goes on beside it.

use std::{sync::atomic::Ordering, time::Instant};

use pixr_keeper::{
    demo::{
        events::Event,
        sender::{Request, Sender},
    },
    views::Form,
};
use tokio::sync::mpsc;
use tokio_postgres::Client;

use super::{
    copy,
    daemon::{Daemon, Place},
    database::{Server, connect},
    progress, redis,
    workload::{self, CONNECTIONS},
};
use crate::report::{Goal, Report};

/// Events of one measurement.
const EVENTS: u64 = 2_000_000;
/// All measurements take turns so often; the figures are medians.
const ROUNDS: u64 = 3;

/// Events a second of every round.
#[derive(Default)]
struct Rounds {
    binary: Vec<f64>,
    json_lines: Vec<f64>,
    redis: Vec<f64>,
    copy: Vec<f64>,
    unique: Vec<f64>,
    id_bytes: Vec<f64>,
}

/// Adds the rates, the two ratios and the memory of ids.
pub async fn measure(report: &mut Report, server: &Server) -> anyhow::Result<()> {
    let place = Place::new(server.database("ingest").await?, "")?;
    place.set_up(&workload::catalogue())?;
    let tables = server.database("tables").await?;
    let client = connect(&place.database).await?;
    let (daemon, _) = place.serve().await?;
    let mut rounds = Rounds::default();
    for round in 0..ROUNDS {
        let events = workload::events(2 * round + 1, EVENTS);
        rounds.binary.push(take(&daemon, &client, &events, Form::Binary).await?);
        rounds.id_bytes.push(bytes_per_id(&daemon).await?);
        rounds.redis.push(redis::measure(&events).await?);
        let copy::Rates { plain, unique } = copy::measure(&tables, &events).await?;
        rounds.copy.push(plain);
        rounds.unique.push(unique);
        let events = workload::events(2 * round + 2, EVENTS);
        rounds.json_lines.push(take(&daemon, &client, &events, Form::JsonLines).await?);
        rounds.id_bytes.push(bytes_per_id(&daemon).await?);
    }
    let peak = daemon.memory_peak()?;
    let ids = daemon.metric("pixr_live_ids").await?;
    daemon.stop()?;
    let Rounds { binary, json_lines, redis, copy, unique, id_bytes } = rounds;
    let [binary, json_lines, redis, copy, unique] =
        [binary, json_lines, redis, copy, unique].map(median);
    let rate = "events/s";
    report.add("ingest_binary_eps", binary, rate, Goal::AtLeast(500_000.0), None);
    report.add("ingest_jsonl_eps", json_lines, rate, Goal::AtLeast(250_000.0), None);
    report.ratio("ingest_vs_redis", binary, redis, Goal::AtLeast(2.0));
    report.ratio("ingest_vs_copy", binary, copy, Goal::AtLeast(2.0));
    report.ratio("ingest_vs_copy_unique", binary, unique, Goal::Reported);
    let worst = id_bytes.into_iter().fold(0.0, f64::max);
    report.add("bytes_per_live_id", worst, "bytes", Goal::AtMost(32.0), None);
    report.add("live_ids", ids, "ids", Goal::Reported, None);
    report.add("serve_peak_mb", peak as f64 / 1e6, "MB", Goal::Reported, None);
    Ok(())
}

/// Sends events and waits until all are judged; returns events a second. Waits then until they are
/// settled, so that whatever is measured next has the machine for itself.
async fn take(
    daemon: &Daemon,
    client: &Client,
    events: &[Event],
    form: Form,
) -> anyhow::Result<f64> {
    let (before, _) = progress::counted(client).await?;
    let requests = workload::requests(events, form);
    let started = Instant::now();
    send(daemon, requests, form).await?;
    progress::wait_counted(client, before + events.len() as u64).await?;
    let seconds = started.elapsed().as_secs_f64();
    progress::wait_settled(client).await?;
    Ok(events.len() as f64 / seconds)
}

/// Sends requests, as many at a time as there are connections; every event has to be accepted.
pub async fn send(daemon: &Daemon, requests: Vec<Request>, form: Form) -> anyhow::Result<()> {
    let events: u64 = requests.iter().map(|request| request.events).sum();
    let sender = Sender::new(daemon.listen, form)?;
    let (into, from) = mpsc::channel(requests.len().max(1));
    for request in requests {
        into.send(request).await?;
    }
    drop(into);
    sender.send_all(from, CONNECTIONS).await?;
    let accepted = sender.sent.accepted.load(Ordering::Relaxed);
    anyhow::ensure!(accepted == events, "{accepted} of {events} events were accepted");
    Ok(())
}

async fn bytes_per_id(daemon: &Daemon) -> anyhow::Result<f64> {
    let bytes = daemon.metric("pixr_live_id_bytes").await?;
    Ok(bytes / daemon.metric("pixr_live_ids").await?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
