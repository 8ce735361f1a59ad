//! Values of the configuration that are more than a number or a text.

use std::{fmt, str::FromStr, time::Duration};

use anchor_client::Cluster;
use serde::Deserialize;
use serde_with::DeserializeFromStr;
use zeroize::Zeroizing;

/// A text that is never shown: not in logs, not in errors.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// A time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl Seconds {
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    pub fn millis(self) -> i64 {
        i64::from(self.0) * 1_000
    }
}

/// Which chain the keeper works with.
#[derive(Clone, Debug, PartialEq, DeserializeFromStr)]
pub enum ChainKind {
    /// The compiled program on an SVM in this process, kept in the data folder.
    Embedded,
    /// A cluster, by its RPC endpoint.
    Cluster(Cluster),
}

impl FromStr for ChainKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "embedded" => Ok(Self::Embedded),
            // That name stands for a machine of the library's authors.
            Ok(Cluster::Debug) | Err(_) => Err("not a cluster".to_owned()),
            Ok(cluster) => Ok(Self::Cluster(cluster)),
        }
    }
}

/// Which event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    Postgres,
    Redis,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}
