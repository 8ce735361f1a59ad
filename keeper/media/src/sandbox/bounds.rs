//! What one child may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one run of ffmpeg or ffprobe may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Address space, bytes. Encoders of 2160p need about 3 GiB.
    pub memory_bytes_max: u64,
    /// Time from start to end, seconds.
    pub seconds_max: u64,
    /// Processor time, seconds.
    pub cpu_seconds_max: u64,
    /// What it may write, bytes.
    pub output_bytes_max: u64,
    /// Least niceness, 0 to 19: viewers and settlement come first.
    pub nice: i32,
    /// The user that children run as where this process is root: an id without rights.
    pub user_id: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            memory_bytes_max: 6 << 30,
            seconds_max: 3 * 3600,
            cpu_seconds_max: 3 * 3600,
            output_bytes_max: 4 << 30,
            nice: 10,
            // `nobody` on Debian and most others.
            user_id: 65_534,
        }
    }
}

impl Bounds {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds_max)
    }

    /// The same, but with at most this time.
    pub(crate) fn within_seconds(&self, seconds: u64) -> Self {
        Self { seconds_max: self.seconds_max.min(seconds), ..self.clone() }
    }
}
