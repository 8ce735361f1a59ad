//! People who go on watching one video.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::wait;
use crate::{
    app::App,
    demo::{
        encode::Body,
        events::{Event, Kind},
        meter,
        sender::{Request, Sender},
    },
    views::{ContentId, Form},
};

/// Views in a request, and the time between two.
const VIEWS: u64 = 1_250;
const EVERY: Duration = Duration::from_millis(250);
/// Ids and viewers that no other event of the demo has.
const FIRST_ID: u64 = 1 << 62;
const FIRST_VIEWER: u64 = 900_000_000;
const WATCHED_MS: u32 = 3_680;

/// Viewers whose number does not change, before and after the upgrade.
pub struct Audience {
    stop: CancellationToken,
    watching: JoinHandle<anyhow::Result<u64>>,
}

impl Audience {
    /// Starts to watch.
    pub fn gather(to: SocketAddr, content: ContentId) -> anyhow::Result<Self> {
        let sender = Sender::new(to, Form::Binary)?;
        let stop = CancellationToken::new();
        let watching = tokio::spawn(watch(sender, content, stop.clone()));
        Ok(Self { stop, watching })
    }

    /// Stops, and waits until all is settled; returns how many views there were.
    pub async fn leave(self, app: &App) -> anyhow::Result<u64> {
        self.stop.cancel();
        let views = self.watching.await??;
        let started = std::time::Instant::now();
        let (mut judged, _) = meter::judged(app).await?;
        loop {
            // Counting goes on as long as the number of verdicts grows.
            wait(started, "the settlement of the last views").await?;
            let (now, _) = meter::judged(app).await?;
            if now == judged && meter::unsettled(app).await? == 0 {
                return Ok(views);
            }
            judged = now;
        }
    }
}

async fn watch(sender: Sender, content: ContentId, stop: CancellationToken) -> anyhow::Result<u64> {
    let mut views = 0;
    let mut tick = tokio::time::interval(EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let at_ms = chrono::Utc::now().timestamp_millis();
        let mut body = Body::new(Form::Binary);
        for number in views..views + VIEWS {
            body.push(&Event {
                id: FIRST_ID + number,
                content,
                viewer: FIRST_VIEWER + number,
                at_ms,
                watched_ms: WATCHED_MS,
                relevance: 10_000,
                kind: Kind::Person,
            });
        }
        sender.send(Request { body: Bytes::from(body.finish()), events: VIEWS }).await?;
        views += VIEWS;
    }
    Ok(views)
}
