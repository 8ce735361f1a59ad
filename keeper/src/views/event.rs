use super::ContentId;

/// A view as it is kept: the viewer and the source's id of the event only as keyed hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewEvent {
    /// Keyed hash of the source's id of this event.
    pub id: [u8; 16],
    /// Keyed hash of the viewer.
    pub viewer: [u8; 16],
    /// What was watched.
    pub content: ContentId,
    /// When it was watched, in Unix milliseconds.
    pub at_ms: i64,
    /// For how long, in milliseconds.
    pub watched_ms: u32,
    /// How relevant the view was, in basis points up to 10,000.
    pub relevance: u16,
}
