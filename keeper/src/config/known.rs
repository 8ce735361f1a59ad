//! Every key: whether it is a secret, and what it accepts, in words.

use serde::Deserialize;

use super::{
    ChainConfig, Config, CountingConfig, DataConfig, DatabaseConfig, IngestConfig, KeysConfig,
    LogConfig, MarketConfig, MediaConfig, ObjectsConfig, ObserveConfig, SettlementConfig,
    SourceConfig, VARIABLES, check::numbers, fields, media,
};

/// Prefix of the keys of every source.
const SOURCES: &str = "ingest.sources.";

/// The sections of a file, each with its keys.
pub(super) fn sections() -> [(&'static str, &'static [&'static str]); 12] {
    fn keys<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
        fields::of::<T>()
    }
    [
        ("data", keys::<DataConfig>()),
        ("chain", keys::<ChainConfig>()),
        ("database", keys::<DatabaseConfig>()),
        ("log", keys::<LogConfig>()),
        ("ingest", keys::<IngestConfig>()),
        ("counting", keys::<CountingConfig>()),
        ("settlement", keys::<SettlementConfig>()),
        ("keys", keys::<KeysConfig>()),
        ("objects", keys::<ObjectsConfig>()),
        ("media", keys::<MediaConfig>()),
        ("market", keys::<MarketConfig>()),
        ("observe", keys::<ObserveConfig>()),
    ]
}

/// The keys of a table within a section, `media.limits`.
pub(super) fn table_keys(path: &str) -> Option<&'static [&'static str]> {
    media::tables().into_iter().find(|(table, _)| *table == path).map(|(_, keys)| keys)
}

/// The keys of a source.
pub(super) fn source_keys() -> &'static [&'static str] {
    fields::of::<SourceConfig>()
}

/// The key of a source without the source's name, `ingest.sources.*.token_secret`; others as they
/// are.
fn general(key: &str) -> String {
    match key.strip_prefix(SOURCES).and_then(|rest| rest.split_once('.')) {
        Some((_, field)) => format!("{SOURCES}*.{field}"),
        None => key.to_owned(),
    }
}

/// Whether the value is never shown.
pub(super) fn is_secret(key: &str) -> bool {
    key.starts_with("keys.")
        || matches!(
            general(key).as_str(),
            "database.url"
                | "log.redis_url"
                | "ingest.sources.*.key_sha256"
                | "ingest.sources.*.token_secret"
        )
}

/// The variable of the environment that sets `key`.
pub(super) fn variable(key: &str) -> Option<&'static str> {
    VARIABLES.iter().find(|(_, sets)| *sets == key).map(|(name, _)| *name)
}

/// Whether `key` is a number.
pub(super) fn is_number(key: &str) -> bool {
    numbers(&Config::default()).iter().any(|number| number.key == key)
}

/// What `key` accepts, in words.
pub(super) fn accepted(key: &str) -> Option<String> {
    if let Some(number) = numbers(&Config::default()).iter().find(|number| number.key == key) {
        return Some(number.accepted());
    }
    if sections().iter().any(|(section, _)| *section == key) || table_keys(key).is_some() {
        return Some(format!("a table, [{key}]"));
    }
    let text = match general(key).as_str() {
        "data.folder" | "database.server" | "media.folder" => "a folder",
        "chain.rpc_url" => {
            "embedded, localnet, devnet, testnet, mainnet, or the URL of an RPC endpoint"
        }
        "chain.ws_url" => "a URL that begins with ws:// or wss://",
        "chain.program" => "the path of the compiled program",
        "chain.platform_base" => "an address in base58",
        "database.url" => "postgres://user:password@host:port/database",
        "log.kind" => "postgres or redis",
        "log.redis_url" => "redis://user:password@host:port",
        "ingest.listen" => "an address and a port, like 127.0.0.1:8080",
        "ingest.sources" => "a table for each source, [ingest.sources.NAME]",
        "ingest.sources.*.key_sha256" => "64 hexadecimal digits, the SHA-256 of the source's key",
        "ingest.sources.*.token_secret" => "a text of at least 32 bytes",
        "ingest.sources.*.events_per_second_max" => "a whole number from 1 to 4,294,967,295",
        "ingest.sources.*.reports_fraud" | "ingest.sources.*.uploads_media" | "media.serve" => {
            "true or false"
        }
        "keys.master_seed" => "64 hexadecimal digits",
        "keys.treasury" | "keys.keeper" | "keys.admin" | "keys.guardian" => {
            "a key pair in base58, as a JSON list of 64 numbers, or the path of a file with either"
        }
        "objects.s3_bucket" => "the name of a bucket",
        "objects.aws_region" => "a region, like eu-central-1",
        "objects.s3_endpoint" => "a URL that begins with http:// or https://",
        "observe.log_format" => "text or json",
        "observe.log_level" => {
            "error, warn, info, debug or trace, or a list like info,pixr_keeper=debug"
        }
        name => {
            let source = name.strip_prefix(SOURCES)?;
            return Some(format!("a table, [{SOURCES}{source}]"));
        }
    };
    Some(text.to_owned())
}
