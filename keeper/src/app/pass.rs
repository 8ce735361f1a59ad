//! One pass over everything that waits, for commands and tests: counts the log to its end, settles
//! what is counted, indexes, publishes and values it.

use std::time::Duration;

use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{App, Identity, serve::counting};
use crate::{
    count::{self, Mark},
    index::{self, registry},
    log::Partition,
    market,
    observe::figures,
    settle::{self, Summary, Timing},
    views::Verdict,
};

/// How often it is looked whether the log is counted.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What a pass did.
pub struct Pass {
    pub settled: Summary,
    /// Events that it looked at and did not count, by what is wrong with them.
    pub refused: Vec<(Verdict, u64)>,
}

/// Counts, settles, indexes and publishes until nothing waits. `counted` is told how many batches
/// of the log still wait.
pub async fn settle_all(
    app: &App,
    identity: &Identity,
    mut counted: impl FnMut(u64),
) -> anyhow::Result<Pass> {
    index::index_once(&app.store, &*app.chain, &app.platform.address).await?;
    registry::sync_all(&app.store, &*app.chain, &app.platform.address).await?;
    let mark = Mark::now(&app.store, app.log.partitions()).await?;
    count_all(app, identity, &mut counted).await?;
    let refused = mark.refused_since(&app.store).await?;
    let stop = CancellationToken::new();
    let settled = settle::settle_once(app, &identity.name, Timing::Now, &stop).await?;
    index::catch_up(app).await?;
    market::advance(app).await?;
    Ok(Pass { settled, refused })
}

async fn count_all(
    app: &App,
    identity: &Identity,
    counted: &mut impl FnMut(u64),
) -> anyhow::Result<()> {
    let context = counting(app, &identity.name, watch::Sender::new(())).await?;
    let stop = CancellationToken::new();
    let mut counters = JoinSet::new();
    for partition in (0..app.log.partitions()).map(Partition) {
        counters.spawn(count::run(context.clone(), partition, stop.clone()));
    }
    loop {
        let waiting: u64 =
            figures::backlog(&app.store, &*app.log).await?.iter().map(|(_, batches)| batches).sum();
        counted(waiting);
        if waiting == 0 {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            // One ends by itself only when trying again cannot help.
            Some(ended) = counters.join_next() => ended??,
        }
    }
    stop.cancel();
    while let Some(ended) = counters.join_next().await {
        ended??;
    }
    Ok(())
}
