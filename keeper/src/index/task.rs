//! The indexer as a task of the keeper.

use std::time::Duration;

use futures::{StreamExt, stream::BoxStream};
use tokio_util::sync::CancellationToken;

use super::{IndexError, Indexed, Published, Publisher, index_once, metrics, registry};
use crate::{app::App, store::hold};

/// The lease: one keeper indexes and publishes.
const LEASE: &str = "index";
const LEASE_LASTS: Duration = Duration::from_secs(15);
/// How often the chain is asked although it gave no sign.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// What comes within this time is indexed together.
const GATHER: Duration = Duration::from_millis(50);
/// Pauses after errors, each longer than the one before.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Indexes and publishes everything up to the present, once. Does not need the lease: what another
/// keeper does at the same time is not done twice.
pub async fn catch_up(app: &App) -> Result<(Indexed, Published), IndexError> {
    let indexed = index_once(&app.store, &*app.chain, &app.platform.address).await?;
    registry::sync_all(&app.store, &*app.chain, &app.platform.address).await?;
    let published = publisher(app).publish_once().await?;
    Ok((indexed, published))
}

fn publisher(app: &App) -> Publisher {
    let App { store, chain, objects, platform, .. } = app;
    Publisher::new(store.clone(), chain.clone(), objects.clone(), *platform)
}

/// Indexes and publishes until it is told to stop, while this keeper has the lease. `owner` names
/// this keeper.
pub async fn run(app: App, owner: String, stop: CancellationToken) {
    metrics::describe();
    hold(&app.store, LEASE, &owner, LEASE_LASTS, &stop, || follow(&app)).await;
}

/// Follows the chain for ever.
async fn follow(app: &App) {
    let mut pause = PAUSE_MIN;
    let mut publisher = publisher(app);
    let mut signs: Option<BoxStream<'static, ()>> = None;
    let mut synced = false;
    loop {
        // Listens before it asks: what comes in between wakes it again.
        if signs.is_none() {
            signs = app.chain.watch(&app.platform.address).await.ok();
        }
        match pass(app, &mut publisher, &mut synced).await {
            Ok(()) => {
                pause = PAUSE_MIN;
                listen(&mut signs).await;
            }
            Err(error) => {
                report(&error);
                synced = false;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

async fn pass(app: &App, publisher: &mut Publisher, synced: &mut bool) -> Result<(), IndexError> {
    index_once(&app.store, &*app.chain, &app.platform.address).await?;
    if !*synced {
        // A crash or an error may have come between the events of new slots and their copies.
        registry::sync_all(&app.store, &*app.chain, &app.platform.address).await?;
        *synced = true;
    }
    publisher.publish_once().await?;
    Ok(())
}

fn report(error: &IndexError) {
    let hole = matches!(error, IndexError::Hole { .. });
    metrics::failed(hole);
    if error.can_retry() {
        tracing::warn!(%error, "indexing pauses");
    } else {
        tracing::error!(%error, "indexing is stuck");
    }
}

/// Returns when there is something new, or it is time to ask.
async fn listen(signs: &mut Option<BoxStream<'static, ()>>) {
    let Some(stream) = signs else {
        tokio::time::sleep(ASK_EVERY).await;
        return;
    };
    match tokio::time::timeout(ASK_EVERY, stream.next()).await {
        Ok(Some(())) => tokio::time::sleep(GATHER).await,
        // The connection is lost; what was missed is asked for.
        Ok(None) => *signs = None,
        Err(_) => {}
    }
}
