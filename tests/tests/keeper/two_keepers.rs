//! Two keepers of one platform: what one was doing when it disappeared, the other does, once.

use diesel::QueryDsl;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use nix::sys::signal::Signal;
use pixr_keeper::{
    store::{Connection, Pool, schema::leases},
    testing::TestRedis,
};

use crate::{
    daemon::Daemon,
    servers::on_redis,
    trial::{Trial, over_endpoint, times},
};

/// Batches that each is sent.
const BATCHES: u64 = 10;

/// How the first disappears.
enum End {
    Killed,
    /// It stands still, until the other has taken over, and then goes on as if nothing had been.
    Suspended,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_keeper_leaves_the_other_does() {
    let redis = TestRedis::start("always").await;
    disappears(&on_redis(&redis), End::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_suspended_keeper_leaves_it_does_not_do_again() {
    disappears("", End::Suspended).await;
}

async fn disappears(settings: &str, end: End) {
    let mut trial = Trial::new(&format!("{}{settings}", over_endpoint())).await;
    let place = trial.place.beside();
    let pool = trial.database.pool.clone();
    let mut first = place.serve(None);
    first.until_ready().await;
    first.until("leads", async |_: &Daemon| leads(&pool, &place.name()).await).await;
    let mut second = trial.serve().await;
    for _ in 0..times(1, 20) {
        trial.send(&mut first, BATCHES).await;
        trial.send(&mut second, BATCHES).await;
    }
    match end {
        End::Killed => {
            first.kill();
            trial.send(&mut second, BATCHES).await;
            trial.finish(second).await;
        }
        End::Suspended => {
            let _locks = lock_leases(&pool).await;
            first.signal(Signal::SIGSTOP);
            trial.send(&mut second, BATCHES).await;
            let name = trial.place.name();
            second.until("leads", async |_: &Daemon| leads(&pool, &name).await).await;
            first.signal(Signal::SIGCONT);
            first.until_says("another keeper settles this shard").await;
            trial.send(&mut first, BATCHES).await;
            trial.finish(second).await;
            assert!(first.stop().success(), "SIGTERM ends it cleanly");
        }
    }
}

/// Locks all leases, as a keeper does that stands still in the middle of a transaction.
async fn lock_leases(pool: &Pool) -> Connection {
    let mut connection = pool.get().await.expect("a connection");
    let lock = "BEGIN; SELECT * FROM leases FOR UPDATE";
    connection.batch_execute(lock).await.expect("a transaction");
    connection
}

/// Whether this keeper counts and settles everything.
async fn leads(pool: &Pool, name: &str) -> bool {
    let leases: Vec<(String, String)> = leases::table
        .select((leases::name, leases::owner))
        .load(&mut pool.get().await.expect("a connection"))
        .await
        .expect("a query");
    ["count/", "settle/"].iter().all(|work| {
        let mut owners = leases.iter().filter(|(lease, _)| lease.starts_with(work)).peekable();
        owners.peek().is_some() && owners.all(|(_, owner)| owner == name)
    })
}
