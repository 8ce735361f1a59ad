//! Bounds of every number, and what has to fit together.

use std::ops::RangeInclusive;

use tracing_subscriber::EnvFilter;

use super::{Config, ConfigError, LogKind, SourceConfig, media};

const DAY: u64 = 86_400;

/// A number of the configuration with its bounds.
pub(super) struct Number {
    pub key: String,
    pub value: i128,
    pub range: RangeInclusive<u64>,
}

impl Number {
    /// What is accepted, in words.
    pub fn accepted(&self) -> String {
        format!(
            "a whole number from {} to {}",
            grouped(*self.range.start()),
            grouped(*self.range.end())
        )
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Every number of `config` outside the tables of sources.
pub(super) fn numbers(config: &Config) -> Vec<Number> {
    let size = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let number =
        |key: &str, value: u64, range| Number { key: key.into(), value: value.into(), range };
    let Config { chain, database, log, ingest, counting, settlement, market, .. } = config;
    let mut numbers = vec![
        number("chain.timeout_ms", chain.timeout_ms.0, 100..=300_000),
        number("chain.slots_behind_max", chain.slots_behind_max, 1..=10_000),
        number("database.connections_max", size(database.connections_max), 4..=1_000),
        Number { key: "log.partitions".into(), value: log.partitions.into(), range: 1..=256 },
        number("log.retention_seconds", log.retention_seconds.0.into(), 1..=366 * DAY),
        number("ingest.body_bytes_max", size(ingest.body_bytes_max), 1_024..=1 << 30),
        number("ingest.events_max", size(ingest.events_max), 1..=10_000_000),
        number("ingest.queue_bytes_max", size(ingest.queue_bytes_max), 1_024..=1 << 36),
        number("ingest.backlog_batches_max", ingest.backlog_batches_max, 1..=100_000_000),
        number("counting.id_seconds", counting.id_seconds.0.into(), 1..=31 * DAY),
        number("counting.view_window_seconds", counting.view_window_seconds.0.into(), 1..=31 * DAY),
        number("counting.age_max_seconds", counting.age_max_seconds.0.into(), 1..=31 * DAY),
        number("counting.ahead_max_seconds", counting.ahead_max_seconds.0.into(), 0..=DAY),
        number("counting.watched_ms_min", counting.watched_ms_min.into(), 0..=DAY * 1_000),
        number("counting.viewer_views_max", counting.viewer_views_max.into(), 1..=65_535),
        number("counting.viewer_window_seconds", counting.viewer_window_seconds.0.into(), 1..=DAY),
        // The smallest entry has two bytes, and a transaction at most 4,096.
        number("settlement.batch_size", size(settlement.batch_size), 1..=2_048),
        number("settlement.batch_interval_ms", settlement.batch_interval_ms.0, 10..=3_600_000),
        number("settlement.min_batch_amount", settlement.min_batch_amount, 0..=1 << 62),
        number("settlement.age_max_seconds", settlement.age_max_seconds.0.into(), 1..=31 * DAY),
        number("settlement.priority_fee_calm", settlement.priority_fee_calm, 0..=100_000_000),
        number("settlement.priority_fee_max", settlement.priority_fee_max, 0..=100_000_000),
        number("market.history_seconds", market.history_seconds.0.into(), 1..=DAY),
    ];
    numbers.extend(media::numbers(&config.media));
    numbers
}

impl Config {
    /// Refuses numbers out of bounds and values that do not fit together, by the first that is
    /// wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        for number in numbers(self) {
            let Number { range, value, .. } = &number;
            if !(i128::from(*range.start())..=i128::from(*range.end())).contains(value) {
                return Err(ConfigError::not_accepted(
                    &number.key,
                    &value.to_string(),
                    &number.accepted(),
                ));
            }
        }
        self.check_connections()?;
        self.check_ingest()?;
        self.check_times()?;
        let settlement = &self.settlement;
        if settlement.priority_fee_calm > settlement.priority_fee_max {
            return Err(ConfigError::new(
                "settlement.priority_fee_calm",
                format!(
                    "{} is above settlement.priority_fee_max, {}",
                    settlement.priority_fee_calm, settlement.priority_fee_max
                ),
            ));
        }
        EnvFilter::try_new(&self.observe.log_level).map_err(|_| {
            ConfigError::unaccepted("observe.log_level", Some(&self.observe.log_level))
        })?;
        Ok(())
    }

    fn check_connections(&self) -> Result<(), ConfigError> {
        let begins = |url: &Option<super::Secret>, schemes: &[&str]| {
            url.as_ref()
                .is_none_or(|url| schemes.iter().any(|scheme| url.reveal().starts_with(scheme)))
        };
        if !begins(&self.database.url, &["postgres://", "postgresql://"]) {
            return Err(ConfigError::unaccepted("database.url", None));
        }
        if !begins(&self.log.redis_url, &["redis://", "rediss://", "unix://"]) {
            return Err(ConfigError::unaccepted("log.redis_url", None));
        }
        if self.log.kind == LogKind::Redis && self.log.redis_url.is_none() {
            return Err(ConfigError::new(
                "log.redis_url",
                "has to be set where log.kind is redis".into(),
            ));
        }
        if let Some(url) = &self.chain.ws_url
            && !["ws", "wss"].contains(&url.scheme())
        {
            return Err(ConfigError::unaccepted("chain.ws_url", Some(url.as_str())));
        }
        let objects = &self.objects;
        match (&objects.s3_bucket, &objects.aws_region, &objects.s3_endpoint) {
            (Some(_), None, _) => Err(ConfigError::new(
                "objects.aws_region",
                "has to be set where objects.s3_bucket is".into(),
            )),
            (None, _, Some(_)) => Err(ConfigError::new(
                "objects.s3_bucket",
                "has to be set where objects.s3_endpoint is".into(),
            )),
            (_, _, Some(url)) if !["http", "https"].contains(&url.scheme()) => {
                Err(ConfigError::unaccepted("objects.s3_endpoint", Some(url.as_str())))
            }
            _ => Ok(()),
        }
    }

    fn check_ingest(&self) -> Result<(), ConfigError> {
        let ingest = &self.ingest;
        if ingest.sources.is_empty() && !ingest.listen.ip().is_loopback() {
            return Err(ConfigError::new(
                "ingest.listen",
                format!(
                    "{} is reachable from other machines: name who may send events in \
                     [ingest.sources.NAME], or use a loopback address like 127.0.0.1:8080",
                    ingest.listen
                ),
            ));
        }
        if ingest.body_bytes_max > ingest.queue_bytes_max {
            return Err(ConfigError::new(
                "ingest.queue_bytes_max",
                format!(
                    "{} is below ingest.body_bytes_max, {}: such a request would never be taken",
                    ingest.queue_bytes_max, ingest.body_bytes_max
                ),
            ));
        }
        ingest.sources.iter().try_for_each(|(name, source)| check_source(name, source))
    }

    /// What has to be remembered for how long, so that nothing can count twice.
    fn check_times(&self) -> Result<(), ConfigError> {
        let counting = &self.counting;
        // An event that was counted can come again for as long as it is neither stale nor forgotten.
        let repeatable =
            u64::from(counting.age_max_seconds.0) + u64::from(counting.ahead_max_seconds.0);
        if u64::from(counting.id_seconds.0) < repeatable {
            return Err(ConfigError::new(
                "counting.id_seconds",
                format!(
                    "{} is below counting.age_max_seconds and counting.ahead_max_seconds together, \
                     {repeatable}: an event could count twice",
                    counting.id_seconds.0
                ),
            ));
        }
        let remembered = [
            ("counting.id_seconds", counting.id_seconds),
            ("counting.view_window_seconds", counting.view_window_seconds),
            ("counting.viewer_window_seconds", counting.viewer_window_seconds),
        ];
        for (key, seconds) in remembered {
            if self.log.retention_seconds.0 < seconds.0 {
                return Err(ConfigError::new(
                    "log.retention_seconds",
                    format!(
                        "{} is below {key}, {}: after a restart what was counted would not be known",
                        self.log.retention_seconds.0, seconds.0
                    ),
                ));
            }
        }
        Ok(())
    }
}

fn check_source(name: &str, source: &SourceConfig) -> Result<(), ConfigError> {
    let key = |field: &str| format!("ingest.sources.{name}.{field}");
    if source.key_sha256.is_none() && source.token_secret.is_none() {
        return Err(ConfigError::new(
            &format!("ingest.sources.{name}"),
            "has no way to prove who it is: give it key_sha256, token_secret, or both".into(),
        ));
    }
    let digest = |text: &String| text.len() == 64 && hex::decode(text).is_ok();
    if !source.key_sha256.as_ref().is_none_or(digest) {
        return Err(ConfigError::unaccepted(&key("key_sha256"), None));
    }
    if source.token_secret.as_ref().is_some_and(|secret| secret.reveal().len() < 32) {
        return Err(ConfigError::unaccepted(&key("token_secret"), None));
    }
    if source.events_per_second_max == Some(0) {
        return Err(ConfigError::unaccepted(&key("events_per_second_max"), Some("0")));
    }
    Ok(())
}
