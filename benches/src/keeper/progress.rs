//! How far a keeper is, from its database.

use std::time::{Duration, Instant};

use anyhow::bail;
use tokio_postgres::Client;

/// Nothing moved for so long: something is wrong.
const STILL_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

const COUNTED: &str = "SELECT COALESCE(SUM(events), 0)::BIGINT, COALESCE(SUM(counted), 0)::BIGINT FROM counted_batches";
const SETTLED: &str = "SELECT COALESCE(SUM(views), 0)::BIGINT, COALESCE(SUM(credits), 0)::BIGINT FROM batches WHERE finalized_at IS NOT NULL";
const UNPUBLISHED: &str = "SELECT COUNT(*), 0::BIGINT FROM batches LEFT JOIN publications USING (shard) WHERE batches.sequence > COALESCE(publications.sequence, -1)";

/// Events that are judged, and those of them that count.
pub async fn counted(client: &Client) -> anyhow::Result<(u64, u64)> {
    pair(client, COUNTED).await
}

/// Views and lines of final batches.
pub async fn settled(client: &Client) -> anyhow::Result<(u64, u64)> {
    pair(client, SETTLED).await
}

async fn pair(client: &Client, query: &str) -> anyhow::Result<(u64, u64)> {
    let row = client.query_one(query, &[]).await?;
    Ok((row.try_get::<_, i64>(0)?.try_into()?, row.try_get::<_, i64>(1)?.try_into()?))
}

/// Waits until so many events are judged.
pub async fn wait_counted(client: &Client, events: u64) -> anyhow::Result<()> {
    wait(async || Ok((counted(client).await?.0, events))).await
}

/// Waits until all that counts is settled and published.
pub async fn wait_settled(client: &Client) -> anyhow::Result<()> {
    wait(async || Ok((settled(client).await?.0, counted(client).await?.1))).await?;
    wait(async || Ok((u64::MAX - pair(client, UNPUBLISHED).await?.0, u64::MAX))).await
}

/// Waits until the first of two numbers is the second.
async fn wait(look: impl AsyncFn() -> anyhow::Result<(u64, u64)>) -> anyhow::Result<()> {
    let (mut last, mut moved) = (None, Instant::now());
    loop {
        let (now, goal) = look().await?;
        if now == goal {
            return Ok(());
        }
        if last != Some(now) {
            (last, moved) = (Some(now), Instant::now());
        }
        if moved.elapsed() > STILL_MAX {
            bail!("the keeper stands still at {now} of {goal}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
