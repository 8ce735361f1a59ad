//! The same events by COPY into a plain table of the same PostgreSQL server.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use pixr_keeper::demo::events::Event;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::{
    database::connect,
    workload::{CONNECTIONS, EVENTS_PER_REQUEST},
};

const COLUMNS: &str = "
    id         TEXT NOT NULL,
    content    TEXT NOT NULL,
    viewer     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    watched_ms INTEGER NOT NULL,
    relevance  SMALLINT NOT NULL";

/// What becomes of the rows.
#[derive(Clone, Copy)]
enum Table {
    /// They are kept, repeated ones too.
    Plain,
    /// Each id is kept once.
    Unique,
}

/// Events a second that PostgreSQL takes.
pub struct Rates {
    /// Into a plain table, in the faster of the two forms of COPY.
    pub plain: f64,
    /// Into a table that keeps each id once: through one without a key, as there is no other way.
    pub unique: f64,
}

/// Measures both kinds of tables.
pub async fn measure(url: &str, events: &[Event]) -> anyhow::Result<Rates> {
    let text = once(url, events, Table::Plain, "text", text).await?;
    let plain = once(url, events, Table::Plain, "binary", binary).await?.max(text);
    let unique = once(url, events, Table::Unique, "binary", binary).await?;
    Ok(Rates { plain, unique })
}

async fn once(
    url: &str,
    events: &[Event],
    table: Table,
    form: &str,
    body: fn(&[Event]) -> Bytes,
) -> anyhow::Result<f64> {
    let client = connect(url).await?;
    let key = if matches!(table, Table::Unique) { ", PRIMARY KEY (id)" } else { "" };
    client
        .batch_execute(&format!("DROP TABLE IF EXISTS views; CREATE TABLE views ({COLUMNS}{key})"))
        .await?;
    // Bodies go in turn to the connections, as requests do; each is a transaction of its own.
    let mut shares: [Vec<Bytes>; CONNECTIONS] = Default::default();
    for (number, chunk) in events.chunks(EVENTS_PER_REQUEST).enumerate() {
        shares[number % CONNECTIONS].push(body(chunk));
    }
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = connect(url).await?;
        if matches!(table, Table::Unique) {
            let staged = format!("CREATE TEMPORARY TABLE staged ({COLUMNS}) ON COMMIT DELETE ROWS");
            client.batch_execute(&staged).await?;
        }
        clients.push(client);
    }
    let into = if matches!(table, Table::Unique) { "staged" } else { "views" };
    let copy = format!("COPY {into} FROM STDIN (FORMAT {form})");
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (client, share) in clients.into_iter().zip(shares) {
        tasks.spawn(send(client, table, copy.clone(), share));
    }
    let mut copied = 0;
    while let Some(done) = tasks.join_next().await {
        copied += done??;
    }
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(copied == events.len() as u64, "COPY took {copied} events");
    client.batch_execute("DROP TABLE views").await?;
    Ok(events.len() as f64 / seconds)
}

/// Sends each body in a transaction of its own; returns the rows that were copied.
async fn send(
    mut client: Client,
    table: Table,
    copy: String,
    bodies: Vec<Bytes>,
) -> anyhow::Result<u64> {
    // In one order, so that no two transactions wait for each other.
    const KEEP: &str = "INSERT INTO views SELECT * FROM staged ORDER BY id ON CONFLICT DO NOTHING";

    let mut copied = 0;
    for body in bodies {
        let transaction = client.transaction().await?;
        let sink = transaction.copy_in::<_, Bytes>(&copy).await?;
        let mut sink = std::pin::pin!(sink);
        sink.send(body).await?;
        copied += sink.finish().await?;
        if matches!(table, Table::Unique) {
            transaction.execute(KEEP, &[]).await?;
        }
        transaction.commit().await?;
    }
    Ok(copied)
}

fn names(event: &Event) -> (String, String, String) {
    (format!("{:016x}", event.id), event.content.to_string(), format!("viewer-{:09}", event.viewer))
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
