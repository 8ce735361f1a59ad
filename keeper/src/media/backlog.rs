//! How much waits.

use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::RunQueryDsl;

use super::{JobState, UpgradeError};
use crate::store::{Pool, StoreError};

/// How many jobs there are in each state, and for how long the first of the waiting ones is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub counts: [(JobState, u32); 5],
    pub oldest_due_seconds: u32,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    jobs: i64,
    #[diesel(sql_type = BigInt)]
    due_seconds: i64,
}

/// What is done and what waits.
///
/// # Errors
/// The database does not answer.
pub async fn load(pool: &Pool) -> Result<Backlog, UpgradeError> {
    const COUNTS: &str = "
        SELECT state, count(*) AS jobs,
            greatest(0, extract(epoch FROM clock_timestamp() - min(due_at)))::BIGINT AS due_seconds
        FROM media_jobs GROUP BY state";

    let rows: Vec<CountRow> =
        sql_query(COUNTS).load(&mut pool.get().await.map_err(StoreError::from)?).await?;
    let row = |state: JobState| rows.iter().find(|row| row.state == state.name());
    let few = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let counts = JobState::ALL.map(|state| (state, row(state).map_or(0, |row| few(row.jobs))));
    let oldest_due_seconds = row(JobState::Queued).map_or(0, |row| few(row.due_seconds));
    Ok(Backlog { counts, oldest_due_seconds })
}
