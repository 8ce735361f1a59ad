//! Upgrades of videos: how much of a machine they get, what sources may be, and what work costs.

use std::path::{Path, PathBuf};

use pixr_media::{
    Bounds,
    library::Limits,
    plan::{Encoder, PriceList, WorkModel},
};
use serde::Deserialize;

use super::{Seconds, check::Number, fields};

/// Folder of the work in the data folder.
const FOLDER: &str = "media";
/// What cannot be reached by adding up: a size, a price or a time.
const MANY: u64 = 1 << 62;

/// Upgrades of videos.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// Folder for uploads, copies of sources and parts of renditions; `media` in the data folder when
    /// unset. Workers that share it share the work.
    pub folder: Option<PathBuf>,
    /// Whether `pixr serve` makes renditions too.
    pub serve: bool,
    /// Parts that a process makes at a time, a core each; 0 for one a core.
    pub workers: usize,
    /// Bytes that parts of renditions may take, and as many again uploads.
    pub folder_bytes_max: u64,
    /// A worker that was not heard of for so long has lost its job.
    pub lease_seconds: Seconds,
    /// How often a job is started, at most.
    pub attempts_max: u16,
    /// Uploads that nobody went on with for so long are dropped.
    pub upload_seconds: Seconds,
    /// What sources may be, and what one run of ffmpeg may take.
    pub limits: Limits,
    /// What work costs.
    pub prices: PriceList,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            folder: None,
            serve: true,
            workers: 0,
            folder_bytes_max: 64 << 30,
            lease_seconds: Seconds(30),
            attempts_max: 5,
            upload_seconds: Seconds(86_400),
            limits: Limits::default(),
            prices: PriceList::default(),
        }
    }
}

impl MediaConfig {
    /// The folder of the work of a keeper whose data folder is `data`.
    pub fn folder(&self, data: &Path) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| data.join(FOLDER))
    }
}

/// The tables in the section, each with its keys.
pub(super) fn tables() -> Vec<(&'static str, &'static [&'static str])> {
    let mut tables = vec![
        ("media.limits", fields::of::<Limits>()),
        ("media.limits.bounds", fields::of::<Bounds>()),
        ("media.prices", fields::of::<PriceList>()),
        ("media.prices.work", fields::of::<WorkModel>()),
    ];
    let encoder = fields::of::<Encoder>();
    tables.extend(ENCODERS.map(|(table, _)| (table, encoder)));
    tables
}

/// The table of an encoder, and where the model of work has it.
type EncoderTable = (&'static str, fn(&WorkModel) -> &Encoder);

const ENCODERS: [EncoderTable; 6] = [
    ("media.prices.work.h264_fast", |work| &work.h264_fast),
    ("media.prices.work.h264_standard", |work| &work.h264_standard),
    ("media.prices.work.hevc_fast", |work| &work.hevc_fast),
    ("media.prices.work.hevc_standard", |work| &work.hevc_standard),
    ("media.prices.work.av1_fast", |work| &work.av1_fast),
    ("media.prices.work.av1_standard", |work| &work.av1_standard),
];

/// Every number of the section.
pub(super) fn numbers(media: &MediaConfig) -> Vec<Number> {
    let number = |key: &str, value: u64, range| Number {
        key: format!("media.{key}"),
        value: value.into(),
        range,
    };
    let MediaConfig { limits, prices, .. } = media;
    let (bounds, work) = (&limits.bounds, &prices.work);
    let workers = u64::try_from(media.workers).unwrap_or(u64::MAX);
    let mut numbers = vec![
        number("workers", workers, 0..=1_024),
        number("folder_bytes_max", media.folder_bytes_max, 1 << 20..=MANY),
        number("lease_seconds", media.lease_seconds.0.into(), 3..=3_600),
        number("attempts_max", media.attempts_max.into(), 1..=1_000),
        number("upload_seconds", media.upload_seconds.0.into(), 60..=31 * 86_400),
        number("limits.source_bytes_max", limits.source_bytes_max, 1_024..=1 << 42),
        number("limits.duration_seconds_max", limits.duration_seconds_max, 1..=86_400),
        number("limits.streams_max", limits.streams_max.into(), 1..=1_000),
        number("limits.side_pixels_max", limits.side_pixels_max.into(), 16..=16_384),
        number("limits.frame_pixels_max", limits.frame_pixels_max, 256..=1 << 28),
        number("limits.frame_rate_max", limits.frame_rate_max.into(), 1..=1_000),
        number("limits.probe_seconds_max", limits.probe_seconds_max, 1..=3_600),
        number("limits.bounds.memory_bytes_max", bounds.memory_bytes_max, 256 << 20..=1 << 40),
        number("limits.bounds.seconds_max", bounds.seconds_max, 1..=86_400),
        number("limits.bounds.cpu_seconds_max", bounds.cpu_seconds_max, 1..=864_000),
        number("limits.bounds.output_bytes_max", bounds.output_bytes_max, 1 << 20..=1 << 40),
        Number { key: "media.limits.bounds.nice".into(), value: bounds.nice.into(), range: 0..=19 },
        number("limits.bounds.user_id", bounds.user_id.into(), 1..=1 << 31),
        number("prices.cpu_hour", prices.cpu_hour, 0..=MANY),
        number("prices.step", prices.step, 0..=MANY),
        number("prices.minimum", prices.minimum, 0..=MANY),
        number("prices.speed_permille", prices.speed_permille.into(), 1..=1_000_000),
        number("prices.work.start_us", work.start_us, 0..=MICROS_MAX),
        number("prices.work.decode_ps", work.decode_ps, 0..=PICOS_MAX),
        number("prices.work.decode_bit_ps", work.decode_bit_ps, 0..=PICOS_MAX),
        number("prices.work.scale_ps", work.scale_ps, 0..=PICOS_MAX),
        number("prices.work.audio_second_us", work.audio_second_us, 0..=MICROS_MAX),
        number("prices.work.copy_mib_us", work.copy_mib_us, 0..=MICROS_MAX),
        number("prices.work.compare_ps", work.compare_ps, 0..=PICOS_MAX),
        number("prices.work.compare_slope_ps", work.compare_slope_ps, 0..=PICOS_MAX),
    ];
    for (table, encoder) in ENCODERS {
        let Encoder { start_us, base_ps, slope_ps, large_percent } = *encoder(work);
        let parts = [
            ("start_us", start_us, MICROS_MAX),
            ("base_ps", base_ps, PICOS_MAX),
            ("slope_ps", slope_ps, PICOS_MAX),
            ("large_percent", large_percent, 1_000),
        ];
        numbers.extend(parts.map(|(key, value, max)| Number {
            key: format!("{table}.{key}"),
            value: value.into(),
            range: 0..=max,
        }));
    }
    numbers
}

/// Times of the model of work: a minute, and a microsecond a pixel.
const MICROS_MAX: u64 = 60_000_000;
const PICOS_MAX: u64 = 1_000_000_000;
