//! Events as sources send them.

use super::events::Event;
use crate::views::{Form, SourceEvent, binary};

/// Makes bodies of requests, in one form.
pub enum Body {
    Lines(Vec<u8>),
    Binary(binary::Writer),
}

impl Body {
    /// An empty one.
    pub fn new(form: Form) -> Self {
        match form {
            Form::JsonLines => Self::Lines(Vec::new()),
            Form::Binary => Self::Binary(binary::Writer::default()),
        }
    }

    /// Adds an event.
    pub fn push(&mut self, event: &Event) {
        let (mut id, mut viewer) = ([0; 16], *b"viewer-000000000");
        hex::encode_to_slice(event.id.to_be_bytes(), &mut id).expect("8 bytes are 16 digits");
        let mut rest = event.viewer;
        for digit in viewer[b"viewer-".len()..].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let event = SourceEvent {
            id: text(&id),
            content: event.content,
            viewer: text(&viewer),
            at_ms: event.at_ms,
            watched_ms: event.watched_ms,
            relevance: event.relevance,
        };
        match self {
            Self::Lines(bytes) => {
                serde_json::to_writer(&mut *bytes, &event).expect("a vector takes what is written");
                bytes.push(b'\n');
            }
            Self::Binary(writer) => {
                writer.push(&event).expect("what is generated is within the bounds");
            }
        }
    }

    /// The body.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Lines(bytes) => bytes,
            Self::Binary(writer) => writer.finish(),
        }
    }
}

/// An event's id as its source writes it.
pub fn id_text(id: u64) -> String {
    hex::encode(id.to_be_bytes())
}

fn text(characters: &[u8]) -> &str {
    std::str::from_utf8(characters).expect("letters and digits")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        demo::{catalogue::Catalogue, events::Events},
        testing::hashes,
    };

    #[test]
    fn both_forms_are_read_as_the_same_events() {
        let catalogue = Arc::new(Catalogue::new(1, 10, 100));
        let events: Vec<Event> = Events::new(1, 5_000, catalogue, 1_790_000_000_000).collect();
        let read = |form: Form| {
            let mut body = Body::new(form);
            events.iter().for_each(|event| body.push(event));
            let mut read = Vec::new();
            let hashes = hashes();
            let parsed = form.parse(&body.finish(), &hashes, 5_000, |event| read.push(event));
            let parsed = parsed.unwrap();
            assert_eq!((parsed.received, parsed.malformed.count), (5_000, 0));
            read
        };
        let (lines, binary) = (read(Form::JsonLines), read(Form::Binary));
        assert!(lines == binary);
        for (event, read) in events.iter().zip(&lines) {
            assert_eq!((read.content, read.at_ms), (event.content, event.at_ms));
            assert_eq!((read.watched_ms, read.relevance), (event.watched_ms, event.relevance));
        }
    }
}
