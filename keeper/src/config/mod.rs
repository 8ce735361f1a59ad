//! Configuration: typed, complete, and checked before anything starts.
//!
//! Every value has a default that works on one machine. `config.example.toml` shows them all; the
//! environment wins over the file.

mod check;
mod fields;
mod known;
mod load;
mod media;
#[cfg(test)]
mod tests;
mod values;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use anchor_lang::prelude::Pubkey;
use serde::Deserialize;
use serde_with::{DisplayFromStr, serde_as};

pub use load::{ConfigError, Environment, VARIABLES, load, locate};
pub use media::MediaConfig;
pub use values::{ChainKind, LogFormat, LogKind, Millis, Seconds, Secret};

/// Everything that a keeper can be told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub data: DataConfig,
    pub chain: ChainConfig,
    pub database: DatabaseConfig,
    pub log: LogConfig,
    pub ingest: IngestConfig,
    pub counting: CountingConfig,
    pub settlement: SettlementConfig,
    pub keys: KeysConfig,
    pub objects: ObjectsConfig,
    pub media: MediaConfig,
    pub market: MarketConfig,
    pub observe: ObserveConfig,
}

/// Where this keeper keeps what is its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Folder for the private database, the embedded chain, published batches and generated secrets.
    pub folder: PathBuf,
}

/// Which chain.
#[serde_as]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainConfig {
    /// `embedded`, a cluster's name, or the URL of an RPC endpoint.
    pub rpc_url: ChainKind,
    /// WebSocket of the RPC endpoint, where it is not at the usual place.
    pub ws_url: Option<url::Url>,
    /// The compiled program; the embedded chain runs it.
    pub program: PathBuf,
    /// The key that gave the platform its address; that of the master seed when unset.
    #[serde_as(as = "Option<DisplayFromStr>")]
    pub platform_base: Option<Pubkey>,
    /// How long a request may take.
    pub timeout_ms: Millis,
    /// An endpoint further behind its cluster than this is not believed.
    pub slots_behind_max: u64,
}

/// PostgreSQL.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// Where it is; a private one in the data folder when unset.
    pub url: Option<Secret>,
    /// Most connections of this process.
    pub connections_max: usize,
    /// Folder of the server's programs, for the private one.
    pub server: PathBuf,
}

/// The event log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    pub kind: LogKind,
    /// Redis, for the log of that kind.
    pub redis_url: Option<Secret>,
    /// Parts of the log that keepers share out among them; PostgreSQL has one.
    pub partitions: i16,
    /// How long counted batches are kept.
    pub retention_seconds: Seconds,
}

/// The API that takes view events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    pub listen: SocketAddr,
    /// Largest request, before and after decompression.
    pub body_bytes_max: usize,
    /// Most events in one request.
    pub events_max: usize,
    /// Bytes of requests that may wait for the log; above it sources are told to wait.
    pub queue_bytes_max: usize,
    /// Batches that may wait to be counted; above it sources are told to wait.
    pub backlog_batches_max: u64,
    /// Who may send events, by name. Empty: anybody who reaches the loopback interface.
    pub sources: BTreeMap<String, SourceConfig>,
}

/// Who sends events. Give a key, a token secret, or both.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// SHA-256 of the source's key, in hexadecimal: the key itself is known to the source alone.
    pub key_sha256: Option<String>,
    /// Secret of HS256 tokens whose `sub` is the source's name.
    pub token_secret: Option<Secret>,
    /// Events a second that are taken in the long run; unlimited when unset.
    pub events_per_second_max: Option<u32>,
    /// Whether this source may report fraud.
    #[serde(default)]
    pub reports_fraud: bool,
    /// Whether this source may send videos.
    #[serde(default)]
    pub uploads_media: bool,
}

/// Which events count.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CountingConfig {
    /// How long an event's id is remembered, at least: as long as the event can come again.
    pub id_seconds: Seconds,
    /// A viewer's view of a content counts once in each window of this length.
    pub view_window_seconds: Seconds,
    /// Older events do not count.
    pub age_max_seconds: Seconds,
    /// Events dated further ahead of this machine's clock do not count.
    pub ahead_max_seconds: Seconds,
    /// Shorter views do not count.
    pub watched_ms_min: u32,
    /// Views of one viewer that count in each rate window.
    pub viewer_views_max: u16,
    /// Length of the rate window.
    pub viewer_window_seconds: Seconds,
}

/// When and how batches are settled.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettlementConfig {
    /// Credits that are worth a batch at once.
    pub batch_size: usize,
    /// How often a shard is looked at.
    pub batch_interval_ms: Millis,
    /// What a batch should credit at least, in base units; less waits for `age_max_seconds`.
    pub min_batch_amount: u64,
    /// Views do not wait longer than this.
    pub age_max_seconds: Seconds,
    /// Priority fee up to which batches go without waiting, in micro-lamports a compute unit.
    pub priority_fee_calm: u64,
    /// Priority fee that is paid at most, in micro-lamports a compute unit.
    pub priority_fee_max: u64,
}

/// Keys: files, or the texts themselves. Those unset come from the master seed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// 32 bytes in hexadecimal; made and kept in the data folder when unset.
    pub master_seed: Option<Secret>,
    /// Funds reward budgets and owns the treasury's token account.
    pub treasury: Option<Secret>,
    /// Settles, and pays the fees of what this keeper sends.
    pub keeper: Option<Secret>,
    pub admin: Option<Secret>,
    pub guardian: Option<Secret>,
}

/// Where batches are published.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectsConfig {
    /// A bucket; a folder in the data folder when unset.
    pub s3_bucket: Option<String>,
    pub aws_region: Option<String>,
    /// An S3 service other than Amazon's.
    pub s3_endpoint: Option<url::Url>,
}

/// What contents are worth.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketConfig {
    /// A point of the history stands for so long; of what changes more often the last is kept.
    pub history_seconds: Seconds,
}

/// What operators see.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObserveConfig {
    pub log_format: LogFormat,
    /// What is logged, as `tracing` directives.
    pub log_level: String,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self { folder: "data".into() }
    }
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            rpc_url: ChainKind::Embedded,
            ws_url: None,
            program: "target/deploy/pixr.so".into(),
            platform_base: None,
            timeout_ms: Millis(10_000),
            slots_behind_max: 150,
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, connections_max: 16, server: "/usr/lib/postgresql/15".into() }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            kind: LogKind::Postgres,
            redis_url: None,
            partitions: 8,
            retention_seconds: Seconds(7 * 86_400),
        }
    }
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 8080).into(),
            body_bytes_max: 16 << 20,
            events_max: 200_000,
            queue_bytes_max: 128 << 20,
            backlog_batches_max: 100_000,
            sources: BTreeMap::new(),
        }
    }
}

impl Default for CountingConfig {
    fn default() -> Self {
        Self {
            id_seconds: Seconds(90_000),
            view_window_seconds: Seconds(3_600),
            age_max_seconds: Seconds(86_400),
            ahead_max_seconds: Seconds(300),
            watched_ms_min: 3_000,
            viewer_views_max: 60,
            viewer_window_seconds: Seconds(600),
        }
    }
}

impl Default for SettlementConfig {
    fn default() -> Self {
        Self {
            batch_size: 1_000,
            batch_interval_ms: Millis(1_000),
            min_batch_amount: 0,
            age_max_seconds: Seconds(10),
            priority_fee_calm: 10_000,
            priority_fee_max: 1_000_000,
        }
    }
}

impl Default for MarketConfig {
    fn default() -> Self {
        Self { history_seconds: Seconds(60) }
    }
}

impl Default for ObserveConfig {
    fn default() -> Self {
        Self { log_format: LogFormat::Text, log_level: "info".into() }
    }
}
