//! What `pixr media` says.

use std::{fmt, path::PathBuf};

use pixr_media::{
    Hash,
    analysis::Analysis,
    library::Source,
    package::{Manifest, Verified},
    plan::{Cost, Method},
};
use serde::Serialize;

use crate::{
    amount::Amount,
    cli::output,
    media::{ContentMedia, Job, Media, StoredPlan},
    store::contents::{self, Slot},
    views::ContentId,
};

/// A sentence.
#[derive(Serialize)]
pub struct Said {
    done: String,
}

impl Said {
    pub fn new(done: String) -> Self {
        Self { done }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.done)
    }
}

/// Microseconds as seconds.
fn seconds(us: u64) -> String {
    format!("{}.{:01} s", us / 1_000_000, us % 1_000_000 / 100_000)
}

/// What is known of a source.
#[derive(Serialize)]
pub struct Imported {
    source: Hash,
    bytes: u64,
    duration_us: u64,
    width: u32,
    height: u32,
    video_codec: String,
    frame_rate: String,
    audio_streams: usize,
    frames: Option<u32>,
    scenes: Option<usize>,
}

impl Imported {
    pub fn new(source: &Source, analysis: &Analysis) -> Self {
        Self::of(source, Some(analysis))
    }

    fn of(source: &Source, analysis: Option<&Analysis>) -> Self {
        let video = &source.video;
        Self {
            source: source.hash,
            bytes: source.bytes,
            duration_us: source.duration_us,
            width: video.width,
            height: video.height,
            video_codec: video.codec.clone(),
            frame_rate: video.rate.text(),
            audio_streams: source.audio.len(),
            frames: analysis.map(|analysis| analysis.frames),
            scenes: analysis.map(|analysis| analysis.scenes.len()),
        }
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let count = |count: Option<String>| count.unwrap_or_else(|| "not analysed".into());
        vec![
            ("source", self.source.to_string()),
            ("bytes", self.bytes.to_string()),
            ("length", seconds(self.duration_us)),
            (
                "video",
                format!(
                    "{}×{} {}, {} frames a second",
                    self.width, self.height, self.video_codec, self.frame_rate
                ),
            ),
            ("sound", output::counted(self.audio_streams as u64, "track")),
            ("frames", count(self.frames.map(|frames| frames.to_string()))),
            ("scenes", count(self.scenes.map(|scenes| scenes.to_string()))),
        ]
    }
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", output::pairs(self.rows()).trim_fmt())
    }
}

#[derive(Serialize)]
struct ContentRow {
    content: ContentId,
    slot: Slot,
    source: Hash,
    manifest: Option<Hash>,
    quality_bps: Option<u16>,
}

/// Contents that have a source.
#[derive(Serialize)]
pub struct Contents {
    contents: Vec<ContentRow>,
}

impl Contents {
    pub async fn of(media: &Media) -> anyhow::Result<Self> {
        let mut rows = Vec::new();
        for ContentMedia { slot, source, manifest, .. } in media.all().await? {
            let quality_bps = match manifest {
                Some(hash) => Some(media.manifest(source, hash).await?.quality),
                None => None,
            };
            let content = contents::id(&media.pool, slot).await?;
            rows.push(ContentRow { content, slot, source, manifest, quality_bps });
        }
        Ok(Self { contents: rows })
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut table = output::table(&["content", "slot", "source", "quality"], 3);
        for row in &self.contents {
            let quality = row.quality_bps.map_or("none".into(), |bps| bps.to_string());
            let content = row.content.to_string();
            table.add_row([content, row.slot.to_string(), row.source.short(), quality]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

#[derive(Serialize)]
struct Rendition {
    what: String,
    size: String,
    method: Method,
    kbps: u64,
    upscaled: bool,
    /// Against the source, basis points.
    score: u16,
}

/// What a content has.
#[derive(Serialize)]
pub struct Shown {
    content: ContentId,
    slot: Slot,
    #[serde(flatten)]
    source: Imported,
    manifest: Option<Hash>,
    quality_bps: Option<u16>,
    renditions: Vec<Rendition>,
    sound: Vec<String>,
    text: Vec<String>,
}

impl Shown {
    pub async fn of(media: &Media, content: ContentId, slot: Slot) -> anyhow::Result<Self> {
        let has = media.of(slot).await.map_err(super::input)?;
        let source = media.library.source(has.source).await?;
        let source = source.ok_or_else(|| anyhow::anyhow!("source {} is gone", has.source))?;
        let analysis = pixr_media::analysis::get(&media.library, has.source).await?;
        let manifest = match has.manifest {
            Some(hash) => Some(media.manifest(has.source, hash).await?),
            None => None,
        };
        let made = manifest.as_ref();
        Ok(Self {
            content,
            slot,
            source: Imported::of(&source, analysis.as_ref()),
            manifest: has.manifest,
            quality_bps: made.map(|manifest| manifest.quality),
            renditions: made.map(renditions).unwrap_or_default(),
            sound: made.map_or_else(Vec::new, |manifest| {
                let track = |track: &pixr_media::package::AudioRendition| {
                    format!("{} {}", track.language, track.codec)
                };
                manifest.audio.iter().map(track).collect()
            }),
            text: made.map_or_else(Vec::new, |manifest| {
                manifest.text.iter().map(|track| track.language.clone()).collect()
            }),
        })
    }
}

fn renditions(manifest: &Manifest) -> Vec<Rendition> {
    let made = manifest.video.iter().map(|made| Rendition {
        what: format!("{}p {}", made.spec.lines, made.spec.codec.name()),
        size: format!("{}×{}", made.spec.width, made.spec.height),
        method: made.method,
        kbps: made.average_bandwidth / 1_000,
        upscaled: made.spec.upscaled,
        score: made.checked.score,
    });
    made.collect()
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut rows = vec![("content", format!("{} ({})", self.content, self.slot))];
        rows.extend(self.source.rows());
        if let (Some(manifest), Some(quality)) = (self.manifest, self.quality_bps) {
            rows.push(("manifest", manifest.to_string()));
            rows.push(("quality", format!("{quality} basis points")));
            rows.push(("sound made", self.sound.join(", ")));
            rows.push(("text made", self.text.join(", ")));
        }
        write!(f, "{}", output::pairs(rows).trim_fmt())?;
        if self.renditions.is_empty() {
            return Ok(());
        }
        let mut table = output::table(&["rendition", "size", "kbit/s", "score"], 2);
        for made in &self.renditions {
            let what = format!("{}{}", made.what, if made.upscaled { " (upscaled)" } else { "" });
            let size = made.size.clone();
            table.add_row([what, size, made.kbps.to_string(), made.score.to_string()]);
        }
        write!(f, "\n\n{}", table.trim_fmt())
    }
}

/// A price: tokens where the token is known.
#[derive(Clone, Copy, Serialize)]
struct Price {
    work_us: u64,
    base_units: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Amount>,
}

impl Price {
    fn new(cost: Cost, decimals: Option<u8>) -> Self {
        let price = decimals.map(|decimals| Amount::new(cost.price, decimals));
        Self { work_us: cost.work_us, base_units: cost.price, price }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.price {
            Some(price) => write!(f, "{price} tokens"),
            None => write!(f, "{} base units", self.base_units),
        }
    }
}

#[derive(Serialize)]
struct Step {
    what: String,
    how: &'static str,
    #[serde(flatten)]
    price: Price,
}

/// What an upgrade would do and cost.
#[derive(Serialize)]
pub struct PlanAnswer {
    plan: Hash,
    steps: Vec<Step>,
    frames: u64,
    #[serde(flatten)]
    price: Price,
    reused: Vec<Step>,
    saved: Price,
}

impl PlanAnswer {
    pub fn new(stored: &StoredPlan, decimals: Option<u8>) -> Self {
        let plan = &stored.plan;
        let how = |method| match method {
            Method::Encode => "encode",
            Method::Remux => "copy",
        };
        let step = |what: String, how, cost| Step { what, how, price: Price::new(cost, decimals) };
        let video = plan.video.iter().map(|it| {
            let upscaled = if it.spec.upscaled { ", upscaled" } else { "" };
            let name = it.spec.codec.name();
            step(format!("{}p {name}{upscaled}", it.spec.lines), how(it.method), it.cost)
        });
        let audio = plan.audio.iter().map(|it| {
            step(format!("sound {} {}", it.spec.stream, it.language), how(it.method), it.cost)
        });
        let text =
            plan.text.iter().map(|it| step(format!("text {}", it.language), "copy", it.cost));
        let reused = plan.reused.iter().map(|it| step(it.what.clone(), "is there", it.saved));
        Self {
            plan: stored.hash,
            steps: video.chain(audio).chain(text).collect(),
            frames: plan.frames(),
            price: Price::new(plan.cost, decimals),
            reused: reused.collect(),
            saved: Price::new(plan.saved, decimals),
        }
    }
}

impl fmt::Display for PlanAnswer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut table = output::table(&["step", "how", "processor time", "price"], 2);
        for Step { what, how, price } in &self.steps {
            let (work, price) = (seconds(price.work_us), price.to_string());
            table.add_row([what.clone(), (*how).into(), work, price]);
        }
        for Step { what, how, .. } in &self.reused {
            table.add_row([what.clone(), (*how).into(), String::new(), String::new()]);
        }
        writeln!(f, "{}\n", table.trim_fmt())?;
        let frames = output::counted(self.frames, "frame");
        let work = seconds(self.price.work_us);
        writeln!(f, "Costs {}: {frames} to encode, {work} of processor time.", self.price)?;
        if !self.reused.is_empty() {
            writeln!(f, "Saves {} of what is there already.", self.saved)?;
        }
        write!(f, "Plan {}", self.plan)
    }
}

/// Jobs, a line each.
#[derive(Serialize)]
pub struct Jobs {
    pub jobs: Vec<Job>,
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let header = ["job", "content", "state", "stage", "frames", "attempts", "quality"];
        let mut table = output::table(&header, 4);
        for job in &self.jobs {
            table.add_row([
                job.id.to_string(),
                job.slot.to_string(),
                job.state.to_string(),
                job.stage.clone(),
                format!("{}/{}", job.frames_done, job.frames_total),
                job.attempts.to_string(),
                job.quality_bps.map_or(String::new(), |bps| bps.to_string()),
            ]);
            if let Some(error) = &job.error {
                table.add_row(["", "", "", &format!("-> {error}")]);
            }
        }
        write!(f, "{}", table.trim_fmt())
    }
}

/// What comparing files with a manifest has found.
#[derive(Serialize)]
pub struct Checked {
    manifest: Hash,
    quality_bps: u16,
    files: u64,
    bytes: u64,
    mismatches: Vec<String>,
}

impl Checked {
    pub fn new(manifest: Hash, verified: &Verified) -> Self {
        let mismatches = verified.mismatches.iter().map(|mismatch| format!("{mismatch:?}"));
        Self {
            manifest,
            quality_bps: verified.manifest.quality,
            files: verified.files,
            bytes: verified.bytes,
            mismatches: mismatches.collect(),
        }
    }

    pub fn is_well(&self) -> bool {
        self.mismatches.is_empty()
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let files = output::counted(self.files, "file");
        writeln!(f, "Manifest {}", self.manifest)?;
        write!(f, "{files}, {} bytes, quality {}: ", self.bytes, self.quality_bps)?;
        if self.is_well() {
            return f.write_str("all as the manifest says.");
        }
        f.write_str("not as the manifest says:")?;
        self.mismatches.iter().try_for_each(|mismatch| write!(f, "\n  {mismatch}"))
    }
}

/// Where a video was written to.
#[derive(Serialize)]
pub struct Exported {
    pub playlist: PathBuf,
    pub files: usize,
    pub bytes: u64,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { playlist, files, bytes } = self;
        write!(f, "{files} files, {bytes} bytes: play {}", playlist.display())
    }
}
