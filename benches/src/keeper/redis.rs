//! The same events by pipelined XADD into a Redis that syncs every write: one XADD an event.

use std::time::Instant;

use anyhow::{Context, bail};
use pixr_keeper::{demo::events::Event, testing::TestRedis};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use super::workload::{CONNECTIONS, EVENTS_PER_REQUEST};

/// Events in a pipeline, as a user would send them.
const PIPELINE: usize = 1_000;

/// Commands as a client library writes them.
struct Pipeline {
    bytes: Vec<u8>,
    commands: usize,
}

/// Events a second that Redis takes.
pub async fn measure(events: &[Event]) -> anyhow::Result<f64> {
    let server = TestRedis::start("always").await;
    let address = server.url.strip_prefix("redis://").context("a Redis URL")?;
    let address = address.trim_end_matches('/').to_owned();
    // Pipelines go in turn to the connections, as requests do.
    let mut shares: [Vec<Pipeline>; CONNECTIONS] = Default::default();
    for (number, chunk) in events.chunks(EVENTS_PER_REQUEST).enumerate() {
        shares[number % CONNECTIONS].extend(chunk.chunks(PIPELINE).map(pipeline));
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for share in shares {
        tasks.spawn(send(address.clone(), share));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let kept = length(&address).await?;
    if kept != format!(":{}", events.len()) {
        bail!("Redis has {kept} of {} events", events.len());
    }
    Ok(events.len() as f64 / seconds)
}

fn pipeline(events: &[Event]) -> Pipeline {
    let mut bytes = Vec::new();
    for event in events {
        let (id, viewer) = (format!("{:016x}", event.id), format!("viewer-{:09}", event.viewer));
        command(
            &mut bytes,
            &[
                ["XADD", "views"],
                ["*", "id"],
                [&id, "content"],
                [&event.content.to_string(), "viewer"],
                [&viewer, "at"],
                [&event.at_ms.to_string(), "watched_ms"],
                [&event.watched_ms.to_string(), "relevance"],
            ]
            .concat(),
            &event.relevance.to_string(),
        );
    }
    Pipeline { bytes, commands: events.len() }
}

/// Adds a command: its words and the last of them.
fn command(bytes: &mut Vec<u8>, words: &[&str], last: &str) {
    bytes.extend_from_slice(format!("*{}\r\n", words.len() + 1).as_bytes());
    for word in words.iter().chain([&last]) {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// Sends pipelines, each after the answers to the one before.
async fn send(to: String, pipelines: Vec<Pipeline>) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 1 << 16];
    for Pipeline { bytes, commands } in pipelines {
        stream.write_all(&bytes).await?;
        // An answer is two lines: how long the entry's id is, and the id.
        let mut lines = 0;
        while lines < 2 * commands {
            let length = stream.read(&mut buffer).await?;
            if length == 0 {
                bail!("Redis closed the connection");
            }
            lines += buffer[..length].iter().filter(|byte| **byte == b'\n').count();
        }
    }
    Ok(())
}

/// What Redis answers to how many events it has.
async fn length(of: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(of).await?;
    let mut bytes = Vec::new();
    command(&mut bytes, &["XLEN"], "views");
    stream.write_all(&bytes).await?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer[..length]).trim_end().to_owned())
}
