//! An investment, from the plan to the sale: a clip that is out at 360p gets its 720p.

mod audience;
mod frames;
mod investors;
mod story;

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use pixr_media::{
    Hash,
    package::Manifest,
    plan::{Codec, Plan, Target, VideoTarget},
    progress,
};
use tokio_util::sync::CancellationToken;

use self::{audience::Audience, investors::Investor, story::Round};
use super::{
    display::{Display, millis},
    figures::{amount, thousands},
    setup::BASELINE_SECONDS,
    summary::{PricePoint, Rung, Upgrade},
};
use crate::{
    app::App,
    market,
    media::{Media, jobs},
    settle::operations,
    store::contents::{self, Slot},
    views::ContentId,
};

/// What the clip has before, and what it has afterwards, in lines.
const BEFORE: [u16; 1] = [360];
const AFTER: [u16; 3] = [360, 480, 720];
/// Tokens that the round raises, what the investor offers, and what the position is sold for.
const TARGET_TOKENS: u64 = 10;
const OFFER_TOKENS: u64 = 12;
const PRICE_TOKENS: u64 = 11;
/// Steps of time until there is a baseline.
const BASELINE_STEPS: u64 = BASELINE_SECONDS / audience::STEP.as_secs();
/// Steps of time that the upgrade earns before returns are claimed, and then for its second owner.
const EARNS_STEPS: u64 = 6;
const EARNS_ON_STEPS: u64 = 3;
/// How long anything may take.
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Points of the price history.
const POINTS: i64 = 1_000;

/// Shows the upgrade of `content` from `clip`, while a keeper is at work behind `to`.
pub async fn run(
    app: &App,
    to: SocketAddr,
    content: ContentId,
    clip: &Path,
    decimals: u8,
    display: &mut Display,
) -> anyhow::Result<Upgrade> {
    let slot = contents::find(&app.store, content).await?.context("a content without a slot")?;
    let media = Media::open(&app.config, app.store.clone())?;
    let stage = Stage { app, media, slot };
    let published = async {
        let (first, manifest) = stage.publish(clip).await?;
        let what = format!("{content} is out at 360p, quality {} of 10,000", manifest.quality);
        Ok(((first, manifest), what))
    };
    let (_, before) = display.phase("video", published).await?;
    let plan = stage.media.plan(slot, &target(&AFTER)).await?;
    let unit = 10_u64.pow(decimals.into());

    let mut audience = Audience::new(to, content)?;
    let round = Round::open(app, slot, plan.hash, TARGET_TOKENS * unit).await?;
    let first = Investor::with(app, 0, 2 * OFFER_TOKENS * unit).await?;
    let second = Investor::with(app, 1, 2 * PRICE_TOKENS * unit).await?;
    let mut steps = vec![round.invest(app, &first, OFFER_TOKENS * unit).await?];
    let started = Instant::now();
    // The upgrade is made meanwhile.
    audience.watch(app, BASELINE_STEPS).await?;
    let (hash, frames) = stage.wait_for_delivery(&round, display).await?;
    let what = format!(
        "480p and 720p made and delivered for {} tokens, {} frames encoded",
        amount(TARGET_TOKENS * unit, decimals),
        thousands(frames)
    );
    display.add("upgrade", started.elapsed(), &what);
    let upgrade_ms = millis(started.elapsed());

    let traded = async {
        audience.watch(app, EARNS_STEPS).await?;
        steps.push(round.claim(app, &first).await?);
        steps.push(round.sell(app, &first, &second, PRICE_TOKENS * unit).await?);
        audience.watch(app, EARNS_ON_STEPS).await?;
        steps.push(round.claim(app, &second).await?);
        let returned = round.claimed(app).await?;
        let what = format!("{} tokens returned so far", amount(returned, decimals));
        Ok((returned, what))
    };
    let returned = display.phase("returns", traded).await?;
    let after = stage.media.manifest(plan.plan.source, hash).await?;
    Ok(Upgrade {
        content: content.to_string(),
        round: round.address.to_string(),
        manifest: hash.to_string(),
        plan: plan.hash.to_string(),
        target: TARGET_TOKENS * unit,
        cost: plan.price(),
        upgrade_ms,
        frames_encoded: frames,
        views: audience.views,
        quality_before: before.quality,
        quality_after: after.quality,
        returned,
        price: PRICE_TOKENS * unit,
        returns: round.returns(app).await?,
        ladder: ladder(&before, &after),
        history: stage.history().await?,
        frame_before: frames::detail(&stage.media, &before, 360).await?,
        frame_after: frames::detail(&stage.media, &after, 720).await?,
        steps,
    })
}

fn target(lines: &[u16]) -> Target {
    let video = lines.iter().map(|lines| VideoTarget { lines: *lines, codec: Codec::H264 });
    Target { video: video.collect(), ..Target::default() }
}

/// The ladder before and after.
fn ladder(before: &Manifest, after: &Manifest) -> Vec<Rung> {
    let bytes = |rendition: &pixr_media::package::VideoRendition| {
        rendition.files.iter().map(|file| file.bytes).sum()
    };
    let rung = |rendition: &pixr_media::package::VideoRendition| Rung {
        lines: rendition.spec.lines,
        width: rendition.spec.width,
        height: rendition.spec.height,
        bytes: bytes(rendition),
        score: rendition.checked.score,
        was_there: before.video.iter().any(|made| made == rendition),
    };
    after.video.iter().map(rung).collect()
}

/// Where it happens.
struct Stage<'a> {
    app: &'a App,
    media: Media,
    slot: Slot,
}

impl Stage<'_> {
    /// Makes the first rendition, and sets on the chain what it is worth.
    async fn publish(&self, clip: &Path) -> anyhow::Result<(Plan, Manifest)> {
        let never = CancellationToken::new();
        let silent = progress::silent();
        self.media
            .import(self.slot, clip, true, (&silent, &never))
            .await
            .with_context(|| format!("--clip {}", clip.display()))?;
        let plan = self.media.plan(self.slot, &target(&BEFORE)).await?;
        jobs::enqueue(&self.app.store, self.slot, plan.hash, None).await?;
        let (hash, _) = self.wait_for_job(|_, _| ()).await?;
        let manifest = self.media.manifest(plan.plan.source, hash).await?;
        self.set_quality(manifest.quality).await?;
        Ok((plan.plan, manifest))
    }

    async fn set_quality(&self, quality: u16) -> anyhow::Result<()> {
        let app = self.app;
        let keeper = app.keys.key(crate::keys::Purpose::Keeper);
        let shard = crate::app::Ledger::finalized(app).shard(self.slot.shard).await?;
        let address = solana_signer::Signer::pubkey(&keeper);
        let set = app.platform.set_quality(address, shard.address, self.slot.content, quality);
        operations::run(app, "demo quality", &[set], &[&keeper]).await?;
        Ok(())
    }

    /// Waits for the latest job; returns its manifest and the frames that were encoded.
    async fn wait_for_job(&self, mut show: impl FnMut(u64, u64)) -> anyhow::Result<(Hash, u64)> {
        let started = Instant::now();
        loop {
            let jobs = jobs::list(&self.app.store, Some(self.slot), 1).await?;
            if let Some(job) = jobs.first() {
                show(job.frames_done, job.frames_total);
                if let Some(manifest) = job.manifest {
                    return Ok((manifest, job.frames_done));
                }
                if !job.state.is_live() {
                    bail!("the upgrade: {}", job.error.as_deref().unwrap_or("cancelled"));
                }
            }
            wait(started, "the upgrade").await?;
        }
    }

    /// Shows how the upgrade goes on until it is delivered on the chain.
    async fn wait_for_delivery(
        &self,
        round: &Round,
        display: &Display,
    ) -> anyhow::Result<(Hash, u64)> {
        let started = Instant::now();
        while jobs::list(&self.app.store, Some(self.slot), 1)
            .await?
            .iter()
            .all(|job| job.round.as_deref() != Some(&round.address.to_string()))
        {
            wait(started, "the job").await?;
        }
        let mut bar = display.bar("upgrade");
        let made = self.wait_for_job(|done, all| bar.show(done, all)).await?;
        drop(bar);
        while !round.is_delivered(self.app).await? {
            wait(started, "the delivery").await?;
        }
        Ok(made)
    }

    /// What the content was worth, over time.
    async fn history(&self) -> anyhow::Result<Vec<PricePoint>> {
        let (shard, content) = self.slot.stored()?;
        market::advance(self.app).await?;
        let points = market::history(&self.app.store, shard, content, POINTS).await?;
        let start = points.first().map(|point| point.at);
        let point = |point: &market::Point| PricePoint {
            ms: start.map_or(0, |start| (point.at - start).num_milliseconds().unsigned_abs()),
            value: u64::try_from(point.value).unwrap_or(0),
            quality: u16::try_from(point.quality).unwrap_or(0),
        };
        Ok(points.iter().map(point).collect())
    }
}

/// Waits a moment, unless it has taken too long.
async fn wait(since: Instant, what: &str) -> anyhow::Result<()> {
    if since.elapsed() > WAIT_MAX {
        bail!("{what} took more than {} seconds", WAIT_MAX.as_secs());
    }
    tokio::time::sleep(LOOK_EVERY).await;
    Ok(())
}
