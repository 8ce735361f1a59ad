//! How fast one shard settles.

use std::time::Instant;

use super::*;
use crate::{
    chain::embedded::Embedded,
    store,
    testing::{
        TestPostgres,
        world::{Size, program},
    },
};

/// Batches a second of one shard, database and chain included, both waiting for the disk. The
/// database is the one that `PIXR_SPEED_DATABASE_URL` names, which has to be empty.
#[ignore = "a measurement: name a database that waits for the disk"]
#[tokio::test(flavor = "multi_thread")]
async fn one_shard() {
    const CONTENTS: u32 = 4_000;
    let postgres = match std::env::var("PIXR_SPEED_DATABASE_URL") {
        Ok(url) => {
            let pool = store::pool(&url, 8).expect("a pool");
            store::migrate(&pool).await.expect("migrations run");
            TestPostgres { url, pool }
        }
        Err(_) => TestPostgres::start().await,
    };
    let folder = std::env::temp_dir().join(format!("pixr-speed-{}", uuid::Uuid::new_v4()));
    let chain = Embedded::open(&folder, &program()).expect("a chain");
    let size = Size { contents: CONTENTS, creators: 500, ..Size::default() };
    let world = World::with(size, postgres, chain).await;
    for seed in 0..12 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut entries = views(seed, CONTENTS.into(), 30_000);
        for entry in &mut entries {
            entry.relevance = random.random_range(0..=10_000);
        }
        entries.sort_by_key(|entry| (entry.relevance, entry.content));
        entries.dedup_by_key(|entry| (entry.relevance, entry.content));
        world.window(0, Kind::Views, &entries).await;
    }
    for plans in ["merged", "one plan a batch"] {
        if plans != "merged" {
            for seed in 0..100 {
                world.window(0, Kind::Views, &views(seed, CONTENTS.into(), 1_500)).await;
            }
        }
        let started = Instant::now();
        let summary = settle_all(&world).await;
        let (took, done) = (started.elapsed().as_secs_f64(), summary.settled());
        println!(
            "{plans}: {:.0} batches and {:.0} credits a second: {done:?} in {took:.2} s",
            done.batches as f64 / took,
            done.credits as f64 / took
        );
    }
    world.check().await;
    drop(world);
    std::fs::remove_dir_all(folder).expect("the chain's folder");
}
