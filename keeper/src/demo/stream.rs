//! The main part: events go in, and what they earn is settled while that can be seen.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::bail;

use super::{
    display::{Display, millis},
    feed::{Feed, Kept},
    meter,
    sender::{Sender, Sent},
    summary::{Ingest, Sample},
};
use crate::app::App;

/// How often it is measured how far things are.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Nothing moved for so long: something is wrong.
const STILL_MAX: Duration = Duration::from_secs(60);
/// Requests that are on their way at a time.
const CONNECTIONS: usize = 4;

/// What went in and how it was settled.
pub struct Streamed {
    pub ingest: Ingest,
    pub progress: Vec<Sample>,
    pub kept: Kept,
}

/// Sends everything of `feed` and waits until all of it is settled. `events` is how many events are
/// expected.
pub async fn run(
    app: &App,
    to: SocketAddr,
    feed: Feed,
    events: u64,
    display: &Display,
    decimals: u8,
) -> anyhow::Result<Streamed> {
    let sender = Sender::new(to, feed.form)?;
    let sent = Arc::clone(&sender.sent);
    let mut watch = Watch::new(app, Arc::clone(&sent));
    let mut bars = display.bars(events, decimals);
    let mut sending = std::pin::pin!(sender.send_all(feed.requests, CONNECTIONS));
    let mut answered_ms = None;
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            done = &mut sending, if answered_ms.is_none() => {
                done?;
                answered_ms = Some(watch.elapsed_ms());
            }
            _ = tick.tick() => {
                let sample = watch.look().await?;
                bars.show(&sample);
                if answered_ms.is_some() && watch.is_done() {
                    break;
                }
            }
        }
    }
    drop(bars);
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let settled_ms = watch.elapsed_ms();
    let ingest = Ingest {
        events: load(&sent.accepted),
        malformed: load(&sent.malformed),
        bytes: load(&sent.bytes),
        requests: load(&sent.requests),
        delayed: load(&sent.delayed),
        answered_ms: answered_ms.unwrap_or(settled_ms),
        counted_ms: watch.counted_ms.unwrap_or(settled_ms),
        settled_ms,
    };
    Ok(Streamed { ingest, progress: watch.samples, kept: feed.kept.await?? })
}

/// Looks how far things are.
struct Watch<'a> {
    app: &'a App,
    sent: Arc<Sent>,
    started: Instant,
    moved: Instant,
    counted_ms: Option<u64>,
    samples: Vec<Sample>,
}

impl<'a> Watch<'a> {
    fn new(app: &'a App, sent: Arc<Sent>) -> Self {
        let now = Instant::now();
        let samples = vec![Sample::default()];
        Self { app, sent, started: now, moved: now, counted_ms: None, samples }
    }

    fn elapsed_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    fn last(&self) -> Sample {
        self.samples.last().copied().unwrap_or_default()
    }

    async fn look(&mut self) -> anyhow::Result<Sample> {
        let accepted = self.sent.accepted.load(Ordering::Relaxed);
        let (judged, counted) = meter::judged(self.app).await?;
        let settled = meter::settled(self.app).await?;
        let credited = meter::credited(self.app).await?;
        let ms = self.elapsed_ms();
        let sample = Sample { ms, accepted, judged, counted, settled, credited };
        if (Sample { ms: 0, ..sample } != Sample { ms: 0, ..self.last() }) {
            self.moved = Instant::now();
        }
        self.counted_ms = match judged < accepted {
            true => None,
            false => self.counted_ms.or(Some(ms)),
        };
        self.samples.push(sample);
        if self.moved.elapsed() > STILL_MAX {
            let Sample { accepted, judged, counted, settled, .. } = sample;
            bail!(
                "nothing has moved for {} seconds: {accepted} events are accepted, {judged} judged, \
                 {counted} counted, {settled} settled",
                STILL_MAX.as_secs()
            );
        }
        Ok(sample)
    }

    /// Whether everything accepted is judged, and everything counted settled.
    fn is_done(&self) -> bool {
        let Sample { accepted, judged, counted, settled, .. } = self.last();
        accepted == self.sent.accepted.load(Ordering::Relaxed)
            && judged == accepted
            && settled == counted
    }
}
