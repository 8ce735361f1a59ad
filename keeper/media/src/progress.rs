//! What a caller is told while work goes on.

use std::sync::Arc;

use crate::hash::Hash;

/// One step forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Frames of the source that were analysed.
    Analysed { frames: u64, of: u64 },
    /// Frames that were encoded for a rendition, over all its chunks, those of earlier runs included.
    Encoded { rendition: Hash, frames: u64, of: u64 },
    /// A rendition is complete and checked.
    Finished { rendition: Hash },
}

/// Called from the threads that work; must not block for long.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// Tells nobody.
pub fn silent() -> OnProgress {
    Arc::new(|_| {})
}
