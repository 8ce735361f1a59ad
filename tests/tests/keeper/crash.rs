//! The process is killed at every point between durable steps. Whatever it was doing, every view
//! counts once and every balance is what the views sent have to earn.

use std::time::{Duration, Instant};

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use pixr_keeper::{
    fault::POINTS,
    store::{
        Pool,
        schema::{batches, publications},
    },
    testing::TestPostgres,
};

use crate::{
    catalogue::{self, Sent},
    daemon::{Daemon, Place, try_request},
};

/// Often settled, so that a crash finds every step at work.
const QUICK: &str = "[settlement]\nbatch_interval_ms = 40\nbatch_size = 8\nage_max_seconds = 1\n";
const EVENTS_A_BATCH: u64 = 40;
/// Longest that a keeper may take until it has settled what it was sent.
const SETTLED_TIME_MAX: Duration = Duration::from_secs(60);

/// How often each point is reached before the process dies there: the first time, and later ones,
/// when others are under way.
fn rounds() -> Vec<u64> {
    if std::env::var_os("PIXR_LONG").is_some() { (1..=25).collect() } else { vec![1, 4] }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_it_neither_loses_nor_repeats() {
    let database = TestPostgres::start().await;
    let place = Place::new(&database.url, QUICK);
    place.succeed(&["init", "--creators", "8", "--contents", "32", "--lanes", "1"]);
    let file = place.file("catalogue.jsonl", &catalogue::lines());
    place.succeed(&["register", "file", file.to_str().expect("a path in UTF-8")]);

    let mut sent = Sent::default();
    let mut kills = 0;
    for count in rounds() {
        for point in POINTS {
            let mut keeper = place.serve(Some((point, count)));
            let died = send_until_dead(&place, &mut keeper, &mut sent).await;
            assert!(died, "never came to {point} for the {count}th time:\n{}", keeper.log());
            kills += 1;
        }
    }
    let mut keeper = place.serve(None);
    assert!(keeper.wait_ready().await, "ends at once:\n{}", keeper.log());
    wait_settled(&database, &place, &keeper, &mut sent).await;
    assert!(keeper.stop().success(), "SIGTERM ends it cleanly");
    sent.check(&place).await;
    let verified = place.succeed(&["verify"]);
    assert!(verified.contains("VERIFIED"), "{verified}");
    eprintln!("{kills} kills, {} events", sent.events());
}

/// Sends batches, each until it is taken, until the keeper has died. False when it lives on.
async fn send_until_dead(place: &Place, keeper: &mut Daemon, sent: &mut Sent) -> bool {
    let start = Instant::now();
    while start.elapsed() < SETTLED_TIME_MAX {
        if let Some(status) = keeper.ended() {
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(status.signal(), Some(9), "ended by itself:\n{}", keeper.log());
            return true;
        }
        send(place, sent).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

/// Sends the batch that is still without an answer, else a new one. A batch without an answer may
/// have been taken: it is sent again until there is one.
async fn send(place: &Place, sent: &mut Sent) {
    let batch = sent.next_batch(EVENTS_A_BATCH);
    let reply = try_request(place.listen(), "POST", "/v1/views", batch.as_bytes()).await;
    match reply {
        Some(reply) if reply.status == 202 => {
            let body = reply.json();
            assert_eq!(body["accepted"], EVENTS_A_BATCH, "{body}");
            sent.answered();
        }
        Some(reply) if ![429, 503].contains(&reply.status) => {
            panic!("{}: {}", reply.status, String::from_utf8_lossy(&reply.body))
        }
        _ => {}
    }
}

/// Sends what is still without an answer and waits until the chain has every view, and every batch
/// is published.
async fn wait_settled(database: &TestPostgres, place: &Place, keeper: &Daemon, sent: &mut Sent) {
    let start = Instant::now();
    loop {
        if sent.waits() {
            send(place, sent).await;
        }
        let (settled, published) = progress(&database.pool).await;
        assert!(settled <= sent.events(), "{settled} views settled of {}", sent.events());
        if settled == sent.events() && published && !sent.waits() {
            return;
        }
        assert!(
            start.elapsed() < SETTLED_TIME_MAX,
            "{settled} views settled of {}:\n{}",
            sent.events(),
            keeper.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Views in finalized batches, and whether all batches are published.
async fn progress(pool: &Pool) -> (u64, bool) {
    let mut connection = pool.get().await.expect("a connection");
    let batches: Vec<(i64, i64, bool)> = batches::table
        .select((batches::sequence, batches::views, batches::finalized_at.is_not_null()))
        .order(batches::sequence)
        .load(&mut connection)
        .await
        .expect("a query");
    let published: Option<i64> = publications::table
        .select(publications::sequence)
        .first(&mut connection)
        .await
        .optional()
        .expect("a query");
    let settled = batches.iter().filter(|batch| batch.2).map(|batch| batch.1).sum::<i64>();
    let last = batches.last().map(|batch| batch.0);
    (u64::try_from(settled).expect("no negative number of views"), published == last)
}
