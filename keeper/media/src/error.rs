//! What can go wrong, and whether trying again can help.

use std::time::Duration;

use crate::{check::CheckFailure, hash::Hash, library::Refusal};

/// Result of everything here that can fail.
pub type Result<T, E = MediaError> = std::result::Result<T, E>;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The source is not taken. It will not be the next time either.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was asked for cannot be planned.
    #[error("cannot be planned: {0}")]
    Plan(String),
    /// A subtitle file cannot be read.
    #[error("subtitles: {0}")]
    Subtitles(String),
    /// An output does not hold what it should.
    #[error(transparent)]
    Check(#[from] CheckFailure),
    /// A program failed. Its last lines say why.
    #[error("{tool} failed ({status}) while {doing}: {log}")]
    Tool { tool: &'static str, doing: String, status: String, log: String },
    /// A program is not installed or cannot be started.
    #[error("{tool} cannot be started: {source}. Install ffmpeg, with ffprobe, on this machine")]
    ToolMissing { tool: &'static str, source: std::io::Error },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A program took longer than it may.
    #[error("{doing} took longer than {limit:?}; raise the limit or lower the target")]
    TimeLimit { doing: String, limit: Duration },
    /// A program wrote more than it may.
    #[error("{doing} wrote more than {limit_bytes} bytes; raise the limit or lower the target")]
    OutputLimit { doing: String, limit_bytes: u64 },
    /// The folder of the work holds more than it may.
    #[error("the work folder holds {bytes} bytes; at most {limit_bytes} are allowed")]
    WorkFolderLimit { bytes: u64, limit_bytes: u64 },
    /// A stored object is not what its name says.
    #[error("{what} should have the hash {expected}, not {found}: it was changed or damaged")]
    Changed { what: String, expected: Hash, found: Hash },
    /// A stored object or a program's output makes no sense.
    #[error("{what} cannot be understood: {why}")]
    Malformed { what: String, why: String },
    /// An upload cannot go on.
    #[error(transparent)]
    Upload(#[from] crate::library::UploadError),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("object store: {0}")]
    Store(#[from] object_store::Error),
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A background thread is gone. Only a defect can do this.
    #[error("internal: {0}")]
    Internal(String),
}

impl MediaError {
    /// Whether the same call can succeed later without anybody changing anything.
    pub fn may_pass_later(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Cancelled | Self::TimeLimit { .. } => true,
            Self::Store(error) => !matches!(error, object_store::Error::NotFound { .. }),
            _ => false,
        }
    }

    pub(crate) fn malformed(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Malformed { what: what.into(), why: why.to_string() }
    }
}

/// Says which file an input or output error is about.
pub(crate) trait IoContext<T> {
    fn at(self, what: impl AsRef<std::path::Path>) -> Result<T>;
}

impl<T> IoContext<T> for std::io::Result<T> {
    fn at(self, what: impl AsRef<std::path::Path>) -> Result<T> {
        self.map_err(|source| MediaError::Io { what: what.as_ref().display().to_string(), source })
    }
}

/// Runs blocking work on the runtime's threads for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| MediaError::Internal(error.to_string()))?
}
