//! The servers that a keeper stands on go away while views come in, and come back.

use std::{future::Future, sync::Arc};

use pixr_keeper::testing::{PostgresServer, TestRedis};

use crate::{
    catalogue::Answer,
    daemon::Place,
    trial::{Trial, times},
};

/// Batches that are taken before a server goes away.
const BATCHES: u64 = 10;

trait Server: Send + Sync + 'static {
    fn stop(&self);
    fn resume(&self) -> impl Future<Output = ()>;
}

impl Server for PostgresServer {
    fn stop(&self) {
        self.stop();
    }

    async fn resume(&self) {
        self.resume().await;
    }
}

impl Server for TestRedis {
    fn stop(&self) {
        self.stop();
    }

    async fn resume(&self) {
        self.resume().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_keeper_takes_nothing_and_goes_on_when_it_is_back() {
    // Nobody else's: all others would miss it too.
    let server = PostgresServer::start().await;
    let database = server.database().await;
    let place = Place::new(&database.url, "");
    goes_away(Trial::at(database, place), server, "database").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_log_a_keeper_takes_nothing_and_goes_on_when_it_is_back() {
    let server = TestRedis::start("always").await;
    let settings = on_redis(&server);
    goes_away(Trial::new(&settings).await, server, "log").await;
}

/// The settings of a keeper with its log on this server.
pub fn on_redis(server: &TestRedis) -> String {
    format!("log.kind = \"redis\"\nlog.redis_url = {:?}\nlog.partitions = 3\n", server.url)
}

/// Stops `server` in the middle of requests, again and again. `part` is what a keeper calls it.
async fn goes_away(mut trial: Trial, server: impl Server, part: &str) {
    let server = Arc::new(server);
    let mut keeper = trial.serve().await;
    for _ in 0..times(2, 20) {
        trial.send(&mut keeper, BATCHES).await;
        let stopping = Arc::clone(&server);
        let stopped = tokio::task::spawn_blocking(move || stopping.stop());
        trial.until_answered(&mut keeper, Answer::Later).await;
        stopped.await.expect("it stops");
        keeper.until_not_ready(part, "").await;
        server.resume().await;
    }
    trial.finish(keeper).await;
}
