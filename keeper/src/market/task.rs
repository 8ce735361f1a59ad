//! The market as a task of the keeper.

use std::time::Duration;

use chrono::Utc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{MarketError, advance, refresh, searches};
use crate::{app::App, store::hold};

/// The lease: one keeper values.
const LEASE: &str = "market";
const LEASE_LASTS: Duration = Duration::from_secs(15);
/// How often it is looked for what is new.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked for what is old.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Values what is new until it is told to stop, while this keeper has the lease. `owner` names this
/// keeper.
pub async fn run(app: App, owner: String, stop: CancellationToken) {
    hold(&app.store, LEASE, &owner, LEASE_LASTS, &stop, || follow(&app)).await;
}

async fn follow(app: &App) {
    let mut tidied = None;
    loop {
        if let Err(error) = pass(app, &mut tidied).await {
            tracing::warn!(%error, "the market pauses");
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn pass(app: &App, tidied: &mut Option<Instant>) -> Result<(), MarketError> {
    advance(app).await?;
    if tidied.is_none_or(|at| at.elapsed() > TIDY_EVERY) {
        let now = Utc::now();
        while refresh(app, now).await? > 0 {}
        searches::forget(&app.store, now).await?;
        *tidied = Some(Instant::now());
    }
    Ok(())
}
