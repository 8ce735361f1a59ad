//! People who go on watching one video, in fast motion.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;

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

/// Views between two steps of time, and how much time that stands for.
const VIEWS: u64 = 5_000;
pub const STEP: Duration = Duration::from_secs(600);
/// Ids and viewers that no other event of the demo has.
const FIRST_ID: u64 = 1 << 62;
const FIRST_VIEWER: u64 = 900_000_000;
const WATCHED_MS: u32 = 3_680;

/// Viewers of whom as many come before the upgrade as after it.
pub struct Audience {
    sender: Sender,
    content: ContentId,
    pub views: u64,
}

impl Audience {
    pub fn new(to: SocketAddr, content: ContentId) -> anyhow::Result<Self> {
        Ok(Self { sender: Sender::new(to, Form::Binary)?, content, views: 0 })
    }

    /// Lets the chain's time go on in steps, with the same number of views after each of them.
    pub async fn watch(&mut self, app: &App, steps: u64) -> anyhow::Result<()> {
        for _ in 0..steps {
            app.chain.advance(STEP).await?;
            self.watch_once(app).await?;
        }
        Ok(())
    }

    /// Sends views, and waits until they are settled: time must not run away from batches.
    async fn watch_once(&mut self, app: &App) -> anyhow::Result<()> {
        let (before, _) = meter::judged(app).await?;
        let at_ms = chrono::Utc::now().timestamp_millis();
        let mut body = Body::new(Form::Binary);
        for number in self.views..self.views + VIEWS {
            body.push(&Event {
                id: FIRST_ID + number,
                content: self.content,
                viewer: FIRST_VIEWER + number,
                at_ms,
                watched_ms: WATCHED_MS,
                relevance: 10_000,
                kind: Kind::Person,
            });
        }
        self.sender.send(Request { body: Bytes::from(body.finish()), events: VIEWS }).await?;
        self.views += VIEWS;
        let started = Instant::now();
        while meter::judged(app).await?.0 < before + VIEWS || meter::unsettled(app).await? > 0 {
            wait(started, "the settlement of the video's views").await?;
        }
        Ok(())
    }
}
