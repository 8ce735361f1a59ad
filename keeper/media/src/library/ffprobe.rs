//! What ffprobe prints, and how it is asked.

use std::{collections::BTreeMap, fs::File, path::Path};

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{Limits, Refusal};
use crate::{
    error::{IoContext, MediaError, Result},
    sandbox::{Run, Tool},
};

/// Demuxers that sources may use. None of them opens another file.
pub(crate) const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm";
/// Arguments before every input: files only, no other demuxer, no references to other files.
pub(crate) const CONTAINED: [&str; 4] =
    ["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS];
/// Bytes of output that a probe may print.
const PROBE_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a line about a packet.
const PACKET_LINE_BYTES_MAX: u64 = 64;

#[derive(Debug, Deserialize)]
pub(super) struct Probed {
    #[serde(default)]
    pub streams: Vec<Stream>,
    pub format: Format,
}

#[derive(Debug, Deserialize)]
pub(super) struct Format {
    #[serde(default)]
    pub format_name: String,
    pub duration: Option<String>,
    pub start_time: Option<String>,
    #[serde(default)]
    pub nb_streams: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub index: u32,
    pub codec_type: String,
    pub codec_name: String,
    pub profile: String,
    pub width: u64,
    pub height: u64,
    pub sample_aspect_ratio: String,
    pub pix_fmt: String,
    pub field_order: String,
    pub r_frame_rate: String,
    pub avg_frame_rate: String,
    pub time_base: String,
    pub bit_rate: String,
    pub duration: String,
    pub sample_rate: String,
    pub channels: u16,
    pub disposition: BTreeMap<String, i64>,
    pub tags: BTreeMap<String, String>,
    pub side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SideData {
    pub rotation: Option<serde_json::Number>,
}

/// Streams and container of `file`. No frame larger than the limit is decoded for it.
pub(super) fn probe(file: &Path, limits: &Limits, cancel: &CancellationToken) -> Result<Probed> {
    let mut bounds = limits.bounds.within_seconds(limits.probe_seconds_max);
    bounds.output_bytes_max = PROBE_BYTES_MAX;
    let mut run = Run::new(Tool::Ffprobe, "looking at a source", &bounds, cancel);
    let input = run.input(File::open(file).at(file)?);
    run.args(CONTAINED);
    run.args(["-max_pixels", &limits.frame_pixels_max.to_string()]);
    run.args(["-show_format", "-show_streams", "-of", "json", &input]);
    let mut json = Vec::new();
    match run.collect(&mut json) {
        Ok(_) => serde_json::from_slice(&json)
            .map_err(|error| MediaError::malformed("what ffprobe printed", error)),
        Err(MediaError::Tool { log, .. }) => Err(refusal(&log, limits).into()),
        Err(error) => Err(error),
    }
}

/// What ffprobe's complaint means.
fn refusal(log: &str, limits: &Limits) -> Refusal {
    if let Some((width, height)) = oversize(log) {
        let (side, pixels) = (limits.side_pixels_max, limits.frame_pixels_max);
        return Refusal::FrameSize { width, height, side, pixels };
    }
    // Lines begin with the address of a structure, which says nothing.
    let why = log.split("] ").last().unwrap_or(log).replace("/proc/self/fd/", "input ");
    let damaged = ["moov atom not found", "End of file", "partial file", "Invalid data"];
    if log.contains("not on whitelist") || log.contains("Invalid data found when processing input")
    {
        if log.contains("moov atom not found") {
            return Refusal::Damaged { why: "its index is missing".into() };
        }
        return Refusal::Format { why };
    }
    if damaged.iter().any(|text| log.contains(text)) {
        return Refusal::Damaged { why };
    }
    Refusal::Format { why }
}

/// The size in ffmpeg's complaint about a frame that is larger than it may be.
fn oversize(log: &str) -> Option<(u64, u64)> {
    let (_, size) = log.split_once("Picture size ")?;
    let (size, _) = size.split_once(" exceeds")?;
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// Lines `stream,pts,dts,flags` of each packet of all streams, in units of their time bases.
pub(super) fn packets(
    file: &Path,
    packets_max: u64,
    limits: &Limits,
    cancel: &CancellationToken,
) -> Result<Vec<u8>> {
    let mut bounds = limits.bounds.clone();
    bounds.output_bytes_max = packets_max.saturating_mul(PACKET_LINE_BYTES_MAX);
    let mut run = Run::new(Tool::Ffprobe, "reading the packets of a source", &bounds, cancel);
    let input = run.input(File::open(file).at(file)?);
    run.args(CONTAINED);
    run.args(["-max_pixels", &limits.frame_pixels_max.to_string()]);
    run.args(["-show_entries", "packet=stream_index,pts,dts,flags", "-of", "csv=p=0", &input]);
    let mut lines = Vec::new();
    match run.collect(&mut lines) {
        Ok(_) => Ok(lines),
        Err(MediaError::Tool { log, .. }) => Err(Refusal::Damaged { why: log }.into()),
        Err(MediaError::OutputLimit { .. }) => {
            Err(Refusal::Damaged { why: "more packets than its length has room for".into() }.into())
        }
        Err(error) => Err(error),
    }
}
