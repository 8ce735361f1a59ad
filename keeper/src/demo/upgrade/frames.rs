//! A part of a picture, as the renditions show it.

use std::process::Stdio;

use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use pixr_media::package::{self, Manifest};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::media::Media;

/// Takes the middle of the picture at half its width and height, so that details can be seen, and
/// brings it to the size that both pictures of the report have.
const FILTER: &str = "crop=iw/2:ih/2,scale=640:360:flags=bicubic";

/// A JPEG, in base64, of the first frame of the last segment of the rendition with so many lines.
pub async fn detail(media: &Media, manifest: &Manifest, lines: u16) -> anyhow::Result<String> {
    let rendition = manifest.video.iter().find(|made| made.spec.lines == lines);
    let rendition = rendition.with_context(|| format!("no rendition of {lines} lines"))?;
    let initialization = rendition.files.get(1).context("no initialization")?;
    let segment = rendition.files.last().context("no segment")?;
    let mut video = Vec::new();
    for file in [initialization, segment] {
        video.extend(package::read(&media.library, manifest.source, file).await?);
    }
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "mp4", "-i", "pipe:0", "-frames:v", "1", "-vf", FILTER])
        .args(["-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe", "pipe:1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("ffmpeg")?;
    let mut stdin = ffmpeg.stdin.take().context("no way into ffmpeg")?;
    let feeding = tokio::spawn(async move {
        // It may have seen enough before the end.
        let _enough = stdin.write_all(&video).await;
    });
    let output = ffmpeg.wait_with_output().await?;
    feeding.await?;
    ensure!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    Ok(BASE64_STANDARD.encode(output.stdout))
}
