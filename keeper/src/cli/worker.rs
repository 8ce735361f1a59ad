//! `pixr worker`.

use tokio_util::sync::CancellationToken;

use super::context::Context;
use crate::{
    app::{Ground, signals::Signals},
    media::{Media, worker::Worker},
    observe,
};

/// Makes renditions until SIGTERM or SIGINT: what is under way is left to the next worker.
pub async fn run(context: Context) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    observe::install()?;
    let work = async |ground: &Ground| {
        let worker = Worker::new(Media::open(&ground.config, ground.store.clone())?)?;
        let stop = CancellationToken::new();
        let asked = stop.clone();
        let listening = tokio::spawn(async move {
            signals.next().await;
            tracing::info!("stopping");
            asked.cancel();
        });
        tracing::info!("makes renditions");
        let ended = worker.run(stop).await;
        listening.abort();
        ended
    };
    context.with_ground(work).await
}
