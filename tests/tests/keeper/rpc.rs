//! A keeper whose endpoint fails it for a while.

use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use pixr_keeper::store::{Pool, schema::transactions};
use pixr_tests::endpoint::Endpoint;

use crate::{
    daemon::Daemon,
    proxy::{Fault, Proxy},
    trial::{Trial, over},
};

/// Batches that are sent before and during each fault.
const BATCHES: u64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_endpoint_does_everything_settles_once_it_works_again() {
    let proxy = Proxy::start(Endpoint::shared()).await;
    // Less than `/ready` waits for an answer, so that it can say what is wrong.
    let settings = format!("{}chain.timeout_ms = 2000\n", over(&proxy.rpc_url, &proxy.ws_url));
    let mut trial = Trial::new(&settings).await;
    let mut keeper = trial.serve().await;
    for (fault, alarm) in [
        (Fault::Busy, "is busy"),
        (Fault::Hang, "did not answer in time"),
        (Fault::Behind, "is 200 slots behind"),
    ] {
        trial.send(&mut keeper, BATCHES).await;
        proxy.set(fault);
        // Views are taken all the same.
        trial.send(&mut keeper, BATCHES).await;
        keeper.until_not_ready("chain", alarm).await;
        proxy.set(Fault::None);
        keeper.until_ready().await;
    }
    // For so long that what it forgot cannot land any more.
    proxy.set(Fault::Forget);
    trial.send(&mut keeper, BATCHES).await;
    let pool = &trial.database.pool;
    keeper.until("sees a transaction expire", async |_: &Daemon| expired(pool).await > 0).await;
    proxy.set(Fault::None);
    trial.finish(keeper).await;
}

/// Transactions that never landed.
async fn expired(pool: &Pool) -> i64 {
    transactions::table
        .filter(transactions::outcome.eq("expired"))
        .count()
        .get_result(&mut pool.get().await.expect("a connection"))
        .await
        .expect("a query")
}
