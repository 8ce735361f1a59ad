//! Events for tests.

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
};

use super::{ContentId, RELEVANCE_MAX, SourceEvent, ViewEvent};

/// What a [`SourceEvent`] borrows from.
#[derive(Clone, Debug)]
pub struct Owned {
    pub id: String,
    pub content: ContentId,
    pub viewer: String,
    pub at_ms: i64,
    pub watched_ms: u32,
    pub relevance: u16,
}

impl Owned {
    pub fn event(&self) -> SourceEvent<'_> {
        SourceEvent {
            id: &self.id,
            content: self.content,
            viewer: &self.viewer,
            at_ms: self.at_ms,
            watched_ms: self.watched_ms,
            relevance: self.relevance,
        }
    }
}

/// A content of few, so that they come again.
pub fn content() -> impl Strategy<Value = ContentId> {
    (0..50_u128).prop_map(|number| ContentId((1 + number).to_le_bytes()))
}

/// Anything that is accepted.
pub fn accepted() -> impl Strategy<Value = Owned> {
    // At most 4 bytes a character.
    let fields = ("\\PC{1,16}", content(), "\\PC{1,32}", any::<i64>(), any::<u32>());
    (fields, 0..=RELEVANCE_MAX).prop_map(|((id, content, viewer, at_ms, watched_ms), relevance)| {
        Owned { id, content, viewer, at_ms, watched_ms, relevance }
    })
}

/// Anything that can be kept.
pub fn kept() -> impl Strategy<Value = Vec<ViewEvent>> {
    let fields = (any::<[u8; 16]>(), any::<[u8; 16]>(), content(), any::<i64>(), any::<u32>());
    let event = (fields, 0..=RELEVANCE_MAX).prop_map(
        |((id, viewer, content, at_ms, watched_ms), relevance)| ViewEvent {
            id,
            viewer,
            content,
            at_ms,
            watched_ms,
            relevance,
        },
    );
    vec(event, 0..200)
}

/// One way to damage bytes.
#[derive(Clone, Debug)]
pub enum Damage {
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    Double(usize),
}

/// A few damages.
pub fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let one = (0..5_u8, any::<usize>(), any::<u8>()).prop_map(|(kind, at, byte)| match kind {
        0 => Damage::Set(at, byte),
        1 => Damage::Insert(at, byte),
        2 => Damage::Remove(at),
        3 => Damage::Cut(at),
        _ => Damage::Double(at),
    });
    vec(one, 1..8)
}

/// `bytes` with these damages.
pub fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match *damage {
            Damage::Set(at, byte) => bytes[at % length] = byte,
            Damage::Insert(at, byte) => bytes.insert(at % length, byte),
            Damage::Remove(at) => drop(bytes.remove(at % length)),
            // Mostly near the end, where there is more to be found.
            Damage::Cut(at) => bytes.truncate(length - at % length.min(64)),
            Damage::Double(at) => bytes.extend_from_within(at % length..),
        }
    }
    bytes
}
