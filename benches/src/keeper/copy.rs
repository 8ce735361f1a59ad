//! The same events by COPY into a plain table of the same PostgreSQL server.

use std::time::Instant;

use anyhow::Context;
use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use pixr_keeper::demo::events::Event;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

use super::workload::{CONNECTIONS, EVENTS_PER_REQUEST};

const TABLE: &str = "
    DROP TABLE IF EXISTS plain_views;
    CREATE TABLE plain_views (
        id         TEXT NOT NULL,
        content    TEXT NOT NULL,
        viewer     TEXT NOT NULL,
        at         BIGINT NOT NULL,
        watched_ms INTEGER NOT NULL,
        relevance  SMALLINT NOT NULL
    )";

/// Events a second that PostgreSQL takes, in the faster of the two forms of COPY.
pub async fn measure(url: &str, events: &[Event]) -> anyhow::Result<f64> {
    let text = once(url, events, "text", text).await?;
    let binary = once(url, events, "binary", binary).await?;
    Ok(text.max(binary))
}

async fn once(
    url: &str,
    events: &[Event],
    form: &str,
    body: fn(&[Event]) -> Bytes,
) -> anyhow::Result<f64> {
    let client = connect(url).await?;
    client.batch_execute(TABLE).await?;
    // Bodies go in turn to the connections, as requests do; each is a transaction of its own.
    let mut shares: [Vec<Bytes>; CONNECTIONS] = Default::default();
    for (number, chunk) in events.chunks(EVENTS_PER_REQUEST).enumerate() {
        shares[number % CONNECTIONS].push(body(chunk));
    }
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(url).await?);
    }
    let statement = format!("COPY plain_views FROM STDIN (FORMAT {form})");
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (client, share) in clients.into_iter().zip(shares) {
        tasks.spawn(send(client, statement.clone(), share));
    }
    let mut copied = 0;
    while let Some(done) = tasks.join_next().await {
        copied += done??;
    }
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(copied == events.len() as u64, "COPY took {copied} events");
    client.batch_execute("DROP TABLE plain_views").await?;
    Ok(events.len() as f64 / seconds)
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("PostgreSQL")?;
    // Ends with the client; what goes wrong, the client says.
    tokio::spawn(connection);
    Ok(client)
}

async fn send(client: Client, statement: String, bodies: Vec<Bytes>) -> anyhow::Result<u64> {
    let mut copied = 0;
    for body in bodies {
        let sink = client.copy_in::<_, Bytes>(&statement).await?;
        let mut sink = std::pin::pin!(sink);
        sink.send(body).await?;
        copied += sink.finish().await?;
    }
    Ok(copied)
}

fn names(event: &Event) -> (String, String, String) {
    (
        format!("{:016x}", event.id),
        event.content.to_string(),
        format!("viewer-{:09}", event.viewer),
    )
}

/// Lines of fields with tabs between them.
fn text(events: &[Event]) -> Bytes {
    use std::fmt::Write;

    let mut lines = String::new();
    for event in events {
        let (id, content, viewer) = names(event);
        let Event { at_ms, watched_ms, relevance, .. } = event;
        writeln!(lines, "{id}\t{content}\t{viewer}\t{at_ms}\t{watched_ms}\t{relevance}")
            .expect("a string takes what is written");
    }
    lines.into()
}

/// PostgreSQL's own binary form: a header, rows of fields with their lengths, a trailer.
fn binary(events: &[Event]) -> Bytes {
    let mut bytes = BytesMut::from(&b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"[..]);
    for event in events {
        let (id, content, viewer) = names(event);
        bytes.put_i16(6);
        for text in [id, content, viewer] {
            bytes.put_i32(i32::try_from(text.len()).expect("a short text"));
            bytes.put_slice(text.as_bytes());
        }
        bytes.put_i32(8);
        bytes.put_i64(event.at_ms);
        bytes.put_i32(4);
        bytes.put_i32(event.watched_ms.cast_signed());
        bytes.put_i32(2);
        bytes.put_i16(event.relevance.cast_signed());
    }
    bytes.put_i16(-1);
    bytes.freeze()
}
