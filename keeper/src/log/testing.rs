//! Batches for tests, and what every log must do.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use super::{EventLog, LoggedBatch, Partition, Position, StoredBatch};

pub const P: Partition = Partition(0);
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(20);

pub fn stored(number: u8, events: u32, bytes: usize) -> StoredBatch {
    StoredBatch {
        source: format!("source-{number}"),
        received_at: DateTime::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
        events,
        payload: Bytes::from(vec![number; bytes]),
    }
}

pub fn logged(position: i64, events: u32, bytes: usize) -> LoggedBatch {
    LoggedBatch { position: Position(position), batch: stored(position as u8, events, bytes) }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap()
}

async fn append(log: &dyn EventLog, batches: &[StoredBatch]) -> Vec<Position> {
    log.append(batches.iter().map(|batch| (P, batch.clone())).collect()).await.unwrap()
}

fn sources(batches: &[LoggedBatch]) -> Vec<&str> {
    batches.iter().map(|logged| logged.batch.source.as_str()).collect()
}

/// As many batches as there are, in however many reads.
async fn read_on(log: &dyn EventLog, mut position: Position, count: usize) -> Vec<LoggedBatch> {
    let mut all = Vec::new();
    while all.len() < count {
        let read = log.read(P, position, usize::MAX, LONG).await.unwrap();
        position = read.last().expect("a batch in time").position;
        all.extend(read);
    }
    all
}

/// Two handles, as of two processes, on one empty log.
pub async fn behaves(one: &dyn EventLog, two: &dyn EventLog) {
    one.take_over(P, Position::START).await.unwrap();
    assert!(one.read(P, Position::START, 10, SHORT).await.unwrap().is_empty());
    assert_eq!(one.backlog(P, Position::START).await.unwrap(), 0);

    // In order, from both, to the microsecond and the byte.
    let batches: Vec<_> = (1..=6).map(|number| stored(number, 10, 20)).collect();
    let mut positions = append(one, &batches[..2]).await;
    positions.extend(append(two, &batches[2..4]).await);
    positions.extend(append(one, &batches[4..]).await);
    assert!(positions.is_sorted_by(|a, b| a < b) && positions[0] > Position::START);
    let read = one.read(P, Position::START, usize::MAX, SHORT).await.unwrap();
    let expected: Vec<_> = positions
        .iter()
        .zip(&batches)
        .map(|(position, batch)| LoggedBatch { position: *position, batch: batch.clone() })
        .collect();
    assert_eq!(read, expected);
    assert!(one.read(P, positions[5], 10, SHORT).await.unwrap().is_empty());

    // From any position again, and bounded by events.
    let read = one.read(P, positions[2], usize::MAX, SHORT).await.unwrap();
    assert_eq!(read, expected[3..]);
    one.acknowledge(P, positions[2]).await.unwrap();
    assert_eq!(one.backlog(P, positions[2]).await.unwrap(), 3);
    assert_eq!(two.backlog(P, positions[2]).await.unwrap(), 3);
    let mut position = positions[2];
    for expected in &expected[3..] {
        let read = one.read(P, position, 1, SHORT).await.unwrap();
        assert_eq!(read, [expected.clone()]);
        position = read[0].position;
    }

    // Another reader takes over what was read and not acknowledged.
    two.take_over(P, positions[2]).await.unwrap();
    assert_eq!(read_on(two, positions[2], 3).await, expected[3..]);
    assert_eq!(two.backlog(P, positions[2]).await.unwrap(), 3);
    two.acknowledge(P, positions[5]).await.unwrap();
    assert_eq!(two.backlog(P, positions[5]).await.unwrap(), 0);

    // One batch, wherever it is.
    assert_eq!(one.batch(P, positions[3]).await.unwrap(), Some(expected[3].clone()));
    assert_eq!(one.batch(P, Position(positions[5].0 + 1)).await.unwrap(), None);
}

/// Whoever waits is woken, by an append of its own process and of another.
pub async fn wakes(one: &dyn EventLog, two: &dyn EventLog) {
    one.take_over(P, Position::START).await.unwrap();
    let mut position = Position::START;
    for (number, from) in [(1, one), (2, two), (3, one)] {
        let wait = one.read(P, position, 10, LONG);
        let later = async {
            tokio::time::sleep(SHORT).await;
            append(from, &[stored(number, 1, 10)]).await
        };
        let (read, positions) = tokio::join!(wait, later);
        let read = read.unwrap();
        assert_eq!(sources(&read), [format!("source-{number}")]);
        assert_eq!(read[0].position, positions[0]);
        position = positions[0];
    }
}

/// What is old is found by its time, and forgotten once it is acknowledged and counted.
///
/// `count` stores that everything up to a position is counted.
pub async fn remembers(log: &dyn EventLog, count: impl AsyncFn(Position)) {
    log.take_over(P, Position::START).await.unwrap();
    let start = now();
    let mut positions = Vec::new();
    for number in 1..=4 {
        let batch = StoredBatch { received_at: now(), ..stored(number, 1, 10) };
        positions.extend(append(log, &[batch]).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all = log.history(P, Position::START, start, 10).await.unwrap();
    assert_eq!(sources(&all), ["source-1", "source-2", "source-3", "source-4"]);
    let third = all[2].batch.received_at;
    assert_eq!(log.history(P, Position::START, start, 2).await.unwrap(), all[..2]);
    assert_eq!(log.history(P, positions[1], start, 10).await.unwrap(), all[2..]);
    assert_eq!(log.history(P, Position::START, third, 1).await.unwrap(), all[2..3]);
    let later = now() + TimeDelta::hours(1);
    assert!(log.history(P, Position::START, later, 10).await.unwrap().is_empty());
    // History takes nothing.
    assert_eq!(log.read(P, Position::START, 10, SHORT).await.unwrap(), all);

    assert_eq!(log.forget(later).await.unwrap(), 0);
    count(positions[1]).await;
    log.acknowledge(P, positions[1]).await.unwrap();
    assert_eq!(log.forget(all[1].batch.received_at).await.unwrap(), 1);
    assert_eq!(log.forget(later).await.unwrap(), 1);
    assert_eq!(log.forget(later).await.unwrap(), 0);
    assert_eq!(log.history(P, Position::START, start, 10).await.unwrap(), all[2..]);
    assert_eq!(log.batch(P, positions[0]).await.unwrap(), None);
}
