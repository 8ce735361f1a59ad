use serde::Serialize;

use super::{ContentId, Hashes, ViewEvent};

/// Longest id of an event, in bytes.
pub const ID_BYTES_MAX: usize = 64;
/// Longest id of a viewer, in bytes.
pub const VIEWER_BYTES_MAX: usize = 128;
/// Relevance of a view that is fully relevant, in basis points.
pub const RELEVANCE_MAX: u16 = 10_000;

/// A view as its source tells it, in whichever form.
///
/// It serializes to the JSON line that [`super::jsonl`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SourceEvent<'a> {
    /// The source's id of this event, 1 to 64 bytes.
    pub id: &'a str,
    /// What was watched.
    pub content: ContentId,
    /// Who watched, 1 to 128 bytes.
    pub viewer: &'a str,
    /// When, in Unix milliseconds.
    #[serde(rename = "at")]
    pub at_ms: i64,
    /// For how long, in milliseconds.
    pub watched_ms: u32,
    /// How relevant the view was, in basis points up to 10,000.
    pub relevance: u16,
}

/// Which value is out of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    #[error("id is {0} bytes long: 1 to {ID_BYTES_MAX} are accepted")]
    Id(usize),
    #[error("viewer is {0} bytes long: 1 to {VIEWER_BYTES_MAX} are accepted")]
    Viewer(usize),
    #[error("relevance is {0}: 0 to {RELEVANCE_MAX} basis points are accepted")]
    Relevance(u16),
}

impl SourceEvent<'_> {
    /// Makes sure that every value is within its bounds.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        check_id(self.id.len())?;
        check_viewer(self.viewer.len())?;
        if self.relevance > RELEVANCE_MAX {
            return Err(OutOfBounds::Relevance(self.relevance));
        }
        Ok(())
    }

    /// The event as it is kept.
    pub fn keep(&self, hashes: &Hashes) -> Result<ViewEvent, OutOfBounds> {
        self.check()?;
        Ok(ViewEvent {
            id: hashes.event(self.id.as_bytes()),
            viewer: hashes.viewer(self.viewer.as_bytes()),
            content: self.content,
            at_ms: self.at_ms,
            watched_ms: self.watched_ms,
            relevance: self.relevance,
        })
    }
}

pub(super) fn check_id(bytes: usize) -> Result<(), OutOfBounds> {
    if (1..=ID_BYTES_MAX).contains(&bytes) { Ok(()) } else { Err(OutOfBounds::Id(bytes)) }
}

pub(super) fn check_viewer(bytes: usize) -> Result<(), OutOfBounds> {
    if (1..=VIEWER_BYTES_MAX).contains(&bytes) { Ok(()) } else { Err(OutOfBounds::Viewer(bytes)) }
}
