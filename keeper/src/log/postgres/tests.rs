use std::sync::Arc;

use super::*;
use crate::{
    log::testing::{self, P, stored},
    store::schema::log_positions,
    testing::{PostgresServer, TestPostgres},
};

async fn two_logs() -> (PostgresLog, PostgresLog, Pool) {
    let TestPostgres { pool, .. } = TestPostgres::start().await;
    (PostgresLog::new(pool.clone()), PostgresLog::new(pool.clone()), pool)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_behaves_as_a_log() {
    let (one, two, _) = two_logs().await;
    testing::behaves(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_wake() {
    let (one, two, _) = two_logs().await;
    testing::wakes(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_remembers_as_long_as_needed() {
    let (log, _, pool) = two_logs().await;
    let count = async |position: Position| {
        let row = (
            log_positions::partition.eq(0),
            log_positions::position.eq(position.0),
            log_positions::counted_at.eq(Utc::now()),
        );
        let connection = &mut pool.get().await.unwrap();
        diesel::insert_into(log_positions::table).values(row).execute(connection).await.unwrap();
    };
    testing::remembers(&log, count).await;
}

/// Many appends at once, from two processes: a reader that follows them misses none.
#[tokio::test(flavor = "multi_thread")]
async fn visible_order_is_position_order() {
    const WRITERS: u8 = 6;
    const APPENDS: usize = 25;

    let (one, two, _) = two_logs().await;
    let logs = [Arc::new(one), Arc::new(two)];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = Arc::clone(&logs[usize::from(writer % 2)]);
            tokio::spawn(async move {
                for _ in 0..APPENDS {
                    let batches = vec![(P, stored(writer, 1, 10)), (P, stored(writer, 1, 10))];
                    log.append(batches).await.unwrap();
                }
            })
        })
        .collect();
    let mut position = Position::START;
    let mut count = 0;
    while count < 2 * APPENDS * usize::from(WRITERS) {
        let read = logs[0].read(P, position, 7, Duration::from_secs(5)).await.unwrap();
        assert!(!read.is_empty(), "{count} batches");
        for logged in read {
            assert!(logged.position > position);
            position = logged.position;
            count += 1;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(logs[1].backlog(P, Position::START).await.unwrap(), count as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_survived() {
    let server = PostgresServer::start().await;
    let database = server.database().await;
    let log = PostgresLog::new(database.pool);
    let first = log.append(vec![(P, stored(1, 1, 10))]).await.unwrap();
    server.stop();
    for _ in 0..2 {
        let error = log.append(vec![(P, stored(2, 1, 10))]).await.unwrap_err();
        assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    }
    server.resume().await;
    let second = log.append(vec![(P, stored(3, 1, 10))]).await.unwrap();
    let read = log.read(P, Position::START, 10, Duration::ZERO).await.unwrap();
    assert_eq!(
        read.iter().map(|logged| logged.position).collect::<Vec<_>>(),
        [first, second].concat()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_what_came_in_at_once_and_was_appended_in_another_order() {
    let (log, _, _) = two_logs().await;
    let later = stored(1, 1, 8);
    let mut sooner = stored(2, 1, 8);
    sooner.received_at -= TimeDelta::milliseconds(1);
    for batch in [later, sooner] {
        log.append(vec![(P, batch)]).await.unwrap();
    }
    let all = log.history(P, Position::START, DateTime::UNIX_EPOCH, 10).await.unwrap();
    let sources: Vec<_> = all.iter().map(|logged| logged.batch.source.as_str()).collect();
    assert_eq!(sources, ["source-1", "source-2"]);
}
