//! Figures that the design depends on; `cargo test -- --ignored --nocapture speed` shows them.

use std::time::Instant;

use futures::stream::{self, StreamExt};
use pixr::state::shard::Capacities;

use crate::chain::{
    Chain,
    embedded::Embedded,
    testing::{Folder, SMALL, Scene},
    transactions::Version,
};

/// Batches of so many credits.
const CREDITS: u64 = 1_870;
const BATCHES: u64 = 1_000;
/// Batches that are on their way at once.
const TOGETHER: usize = 32;
/// Nearly the largest shard that there can be.
const LARGE: Capacities = Capacities { creators: 50_000, contents: 100_000, lanes: 64 };

async fn measure(name: &str, capacities: Capacities) {
    let folder = Folder::default();
    let chain = folder.open();
    let scene = Scene::with(&*chain, capacities, Version::V1).await;
    let mut batches = Vec::new();
    for sequence in 1..=BATCHES {
        batches.push(scene.sign(&*chain, &[scene.settlement(sequence, CREDITS)], &[]).await);
    }
    let started = Instant::now();
    for batch in &batches[..500] {
        chain.send(&batch.bytes).await.expect("a batch");
    }
    let one_by_one = started.elapsed();
    let started = Instant::now();
    let rest = batches[500..].iter().map(|batch| chain.send(&batch.bytes));
    let sent: Vec<_> = stream::iter(rest).buffered(TOGETHER).collect().await;
    sent.into_iter().for_each(|sent| assert!(sent.is_ok(), "{sent:?}"));
    let together = started.elapsed();
    assert_eq!(scene.header(&*chain).await.next_sequence, BATCHES + 1);
    let crashed = folder.copy();
    let started = Instant::now();
    drop(chain);
    let closed = started.elapsed();
    let started = Instant::now();
    let reopened = folder.open();
    let opened = started.elapsed();
    drop(reopened);
    let started = Instant::now();
    let after_crash = crashed.open();
    let recovered = started.elapsed();
    drop(after_crash);
    std::fs::remove_file(crashed.0.join("snapshot")).expect("a snapshot");
    let started = Instant::now();
    let replayed = Embedded::open_read_only(&crashed.0).expect("a chain");
    let replay = started.elapsed();
    drop(replayed);
    eprintln!(
        "{name}: one by one {:.0}/s, together {:.0}/s, close {closed:?}, open {opened:?}, after a \
         crash {recovered:?}, without snapshot {replay:?}",
        500.0 / one_by_one.as_secs_f64(),
        500.0 / together.as_secs_f64(),
    );
}

#[tokio::test]
#[ignore = "takes half a minute and measures the machine"]
async fn speed_of_a_small_shard() {
    measure("small", SMALL).await;
}

#[tokio::test]
#[ignore = "takes half a minute and measures the machine"]
async fn speed_of_a_large_shard() {
    measure("large", LARGE).await;
}
