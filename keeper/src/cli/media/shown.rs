//! What contents have, as `pixr media` says it.

use std::fmt;

use pixr_media::{Hash, analysis::Analysis, library::Source, package::Manifest, plan::Method};
use serde::Serialize;

use super::answers::seconds;
use crate::{
    cli::output,
    media::{ContentMedia, Media},
    store::contents::{self, Slot},
    views::ContentId,
};

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
    audio_streams: u64,
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
            audio_streams: u64::try_from(source.audio.len()).unwrap_or(u64::MAX),
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
            ("sound", output::counted(self.audio_streams, "track")),
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
