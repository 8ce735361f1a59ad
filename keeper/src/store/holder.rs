//! Work that goes on while this process has a lease.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    Pool,
    leases::{self, Lease},
};

/// Pause after the lease could not be asked for.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs `work`, which has no end, whenever `owner` has the lease `name`, until `stop`. When another
/// owner takes the lease, the work is dropped wherever it is.
pub async fn hold<F: Future<Output = ()>>(
    pool: &Pool,
    name: &str,
    owner: &str,
    lasts: Duration,
    stop: &CancellationToken,
    mut work: impl FnMut() -> F,
) {
    while !stop.is_cancelled() {
        match leases::acquire(pool, name, owner, lasts).await {
            Ok(Some(lease)) => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = leases::keep(pool, &lease, lasts) => continue,
                    () = work() => {}
                }
                release(pool, &lease).await;
            }
            Ok(None) => wait(stop, lasts / 3).await,
            Err(error) => {
                tracing::warn!(lease = name, %error, "a lease cannot be taken");
                wait(stop, PAUSE).await;
            }
        }
    }
}

async fn wait(stop: &CancellationToken, time: Duration) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}

async fn release(pool: &Pool, lease: &Lease) {
    if let Err(error) = leases::release(pool, lease).await {
        tracing::warn!(lease = lease.name, %error, "a lease ends by itself");
    }
}
