//! Drops what is past its time: logged batches, and the receipts of them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    sql_query,
    sql_types::{BigInt, Timestamptz},
};
use diesel_async::RunQueryDsl;
use tokio_util::sync::CancellationToken;

use super::CountError;
use crate::{
    log::EventLog,
    store::{Pool, StoreError},
};

const INTERVAL: Duration = Duration::from_secs(300);
/// Rows that one statement deletes.
const ROWS: i64 = 1_000;

/// Drops every few minutes what is older than `retention`, until `cancel`.
pub async fn run(
    pool: Pool,
    log: std::sync::Arc<dyn EventLog>,
    retention: Duration,
    cancel: CancellationToken,
) {
    let retention = TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX);
    while !cancel.is_cancelled() {
        if let Some(before) = Utc::now().checked_sub_signed(retention) {
            match forget(&pool, &*log, before).await {
                Ok((0, 0)) => {}
                Ok((batches, receipts)) => {
                    tracing::info!(batches, receipts, "dropped what is past its time");
                }
                Err(error) => tracing::warn!(%error, "cannot drop what is past its time"),
            }
        }
        cancel.run_until_cancelled(tokio::time::sleep(INTERVAL)).await;
    }
}

/// Drops what came in before `before` and is counted; returns how many batches and receipts.
pub async fn forget(
    pool: &Pool,
    log: &dyn EventLog,
    before: DateTime<Utc>,
) -> Result<(u64, u64), CountError> {
    const FORGET: &str = "
        DELETE FROM counted_batches WHERE (partition, position) IN (
            SELECT partition, position FROM counted_batches WHERE received_at < $1 LIMIT $2
        )";

    // A batch without verdicts could not be remembered; verdicts without a batch do no harm.
    let batches = log.forget(before).await?;
    let mut connection = pool.get().await.map_err(StoreError::from)?;
    let mut receipts = 0;
    loop {
        let deleted = sql_query(FORGET)
            .bind::<Timestamptz, _>(before)
            .bind::<BigInt, _>(ROWS)
            .execute(&mut connection)
            .await
            .map_err(StoreError::from)?;
        if deleted == 0 {
            return Ok((batches, receipts));
        }
        receipts += deleted as u64;
    }
}
