//! Settlement from windows to balances, on the embedded chain and a real database.

mod basics;
mod blocked;
mod crashes;
mod faults;
mod keepers;
mod recut;

use std::time::Duration;

use diesel::{QueryableByName, sql_query, sql_types::BigInt};
use diesel_async::RunQueryDsl;
use pixr::entries::Entry;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;

use super::{Kind, Summary, Timing, settle_once};
use crate::testing::world::World;

/// How long anything may take before a test fails.
const LONG: Duration = Duration::from_secs(60);

/// Views of random contents at a few relevances.
fn views(seed: u64, contents: u64, entries: usize) -> Vec<Entry> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut views: Vec<Entry> = (0..entries)
        .map(|_| Entry {
            content: random.random_range(0..contents),
            views: random.random_range(1..300),
            relevance: 10_000 - 500 * random.random_range(0..11),
        })
        .collect();
    views.sort_by_key(|entry| (entry.relevance, entry.content));
    views.dedup_by_key(|entry| (entry.relevance, entry.content));
    views
}

/// A name that no other pass has.
fn owner() -> String {
    uuid::Uuid::new_v4().to_string()
}

async fn settle(world: &World) -> Summary {
    let (owner, stop) = (owner(), CancellationToken::new());
    let pass = settle_once(&world.app, &owner, Timing::Now, &stop);
    tokio::time::timeout(LONG, pass).await.expect("a pass ends").expect("a database")
}

/// Settles until nothing is left, and everything must be settled then.
async fn settle_all(world: &World) -> Summary {
    let summary = settle(world).await;
    for shard in &summary.shards {
        assert_eq!(shard.blocked, None);
    }
    summary
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many rows this condition is true for: `transactions WHERE outcome = 'failed'`.
async fn count(world: &World, of: &str) -> i64 {
    let query = sql_query(format!("SELECT count(*) AS count FROM {of}"));
    let mut connection = world.postgres.pool.get().await.expect("a connection");
    query.get_result::<Count>(&mut connection).await.expect("a count").count
}

/// Runs SQL.
async fn sql(world: &World, text: &str) {
    let mut connection = world.postgres.pool.get().await.expect("a connection");
    sql_query(text).execute(&mut connection).await.expect("SQL that works");
}

/// Lets somebody else settle at once, as if the owners of all leases had been gone for long.
async fn end_leases(world: &World) {
    sql(world, "UPDATE leases SET expires_at = 'epoch'").await;
}

/// Waits until a condition holds.
async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, wait)
        .await
        .unwrap_or_else(|_| panic!("not within a minute: {what}"));
}
