//! A keeper from its first start to the last comparison: whatever was done to it in between, every
//! view counts once and every balance is what the views sent have to earn.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, QueryResult};
use diesel_async::RunQueryDsl;
use pixr_keeper::{
    store::{
        Pool,
        schema::{batches, publications},
    },
    testing::TestPostgres,
};
use pixr_tests::endpoint::Endpoint;

use crate::{
    catalogue::{self, Answer, Sent},
    daemon::{Daemon, Place},
};

/// How often something is done: `short` times, or `long` times when `PIXR_LONG` is set.
pub fn times(short: u64, long: u64) -> u64 {
    if std::env::var_os("PIXR_LONG").is_some() { long } else { short }
}

/// The settings of a keeper that reaches its chain by these URLs.
pub fn over(rpc_url: &str, ws_url: &str) -> String {
    format!("chain.rpc_url = {rpc_url:?}\nchain.ws_url = {ws_url:?}\n")
}

/// The settings of a keeper of the node that the tests share.
pub fn over_endpoint() -> String {
    let node = Endpoint::shared();
    over(&node.rpc_url, &node.ws_url)
}

/// A keeper's place and database, and what was sent to it.
pub struct Trial {
    pub database: TestPostgres,
    pub place: Place,
    pub sent: Sent,
}

impl Trial {
    /// A database of its own, and a keeper with these settings.
    pub async fn new(settings: &str) -> Self {
        let database = TestPostgres::start().await;
        let place = Place::new(&database.url, settings);
        Self::at(database, place)
    }

    /// Makes a platform for the keeper at `place`, and registers what is watched.
    pub fn at(database: TestPostgres, place: Place) -> Self {
        place.succeed(&["init", "--creators", "8", "--contents", "32", "--lanes", "1"]);
        let file = place.file("catalogue.jsonl", &catalogue::lines());
        place.succeed(&["register", "file", file.to_str().expect("a path in UTF-8")]);
        Self { database, place, sent: Sent::default() }
    }

    /// Starts the keeper and waits until it is ready.
    pub async fn serve(&self) -> Daemon {
        let mut keeper = self.place.serve(None);
        keeper.until_ready().await;
        keeper
    }

    /// Sends until `count` more batches are taken.
    pub async fn send(&mut self, keeper: &mut Daemon, count: u64) {
        for _ in 0..count {
            self.until_answered(keeper, Answer::Taken).await;
        }
    }

    /// Sends until there is this answer.
    pub async fn until_answered(&mut self, keeper: &mut Daemon, answer: Answer) {
        let sent = &mut self.sent;
        let answered = async |keeper: &Daemon| sent.send(keeper.listen()).await == answer;
        keeper.until(&format!("answers: {answer:?}"), answered).await;
    }

    /// Sends what is still without an answer and waits until the chain has every view, and every
    /// batch is published.
    pub async fn settle(&mut self, keeper: &mut Daemon) {
        let Self { database, sent, .. } = self;
        let settled = async |keeper: &Daemon| {
            if sent.waits() {
                sent.send(keeper.listen()).await;
                return false;
            }
            // A connection from before the database was stopped is of no use.
            let Ok((settled, published)) = progress(&database.pool).await else { return false };
            assert!(settled <= sent.events(), "{settled} views settled of {}", sent.events());
            settled == sent.events() && published
        };
        keeper.until("settles and publishes everything", settled).await;
    }

    /// Has the keeper settle everything and stop, and compares the chain with what was sent.
    pub async fn finish(mut self, mut keeper: Daemon) {
        self.settle(&mut keeper).await;
        assert!(keeper.stop().success(), "SIGTERM ends it cleanly");
        self.sent.check(&self.place).await;
        let verified = self.place.succeed(&["verify"]);
        assert!(verified.contains("VERIFIED"), "{verified}");
    }
}

/// Views in finalized batches, and whether all batches are published.
async fn progress(pool: &Pool) -> QueryResult<(u64, bool)> {
    let lost = |error: diesel_async::pooled_connection::deadpool::PoolError| {
        diesel::result::Error::QueryBuilderError(error.into())
    };
    let mut connection = pool.get().await.map_err(lost)?;
    let batches: Vec<(i64, i64, bool)> = batches::table
        .select((batches::sequence, batches::views, batches::finalized_at.is_not_null()))
        .order(batches::sequence)
        .load(&mut connection)
        .await?;
    let published: Option<i64> = publications::table
        .select(publications::sequence)
        .first(&mut connection)
        .await
        .optional()?;
    let settled = batches.iter().filter(|batch| batch.2).map(|batch| batch.1).sum::<i64>();
    let last = batches.last().map(|batch| batch.0);
    Ok((u64::try_from(settled).expect("no negative number of views"), published == last))
}
