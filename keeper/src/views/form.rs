use serde::Serialize;

use super::{Hashes, ViewEvent, binary, jsonl};

/// Malformed lines that are reported one by one; all are counted.
const REPORTED_MAX: usize = 100;
/// Longest reason, in characters: it may quote what was sent.
const REASON_CHARS_MAX: usize = 200;

/// A public form of view events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// See [`jsonl`].
    JsonLines,
    /// See [`binary`].
    Binary,
}

/// What was found in a request besides its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Lines or records, malformed ones included, empty lines not.
    pub received: u64,
    pub malformed: Malformed,
}

/// Lines that are no events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Malformed {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub lines: Vec<MalformedLine>,
}

/// A line that is no event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MalformedLine {
    /// Number of the line, or of the record in the binary form, from 1.
    pub line: u64,
    pub reason: String,
}

/// More events than a request may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {0} events")]
pub struct TooMany(pub u64);

impl Form {
    /// Reads `body`, gives every event to `take`, and reports what is malformed.
    pub fn parse(
        self,
        body: &[u8],
        hashes: &Hashes,
        events_max: u64,
        take: impl FnMut(ViewEvent),
    ) -> Result<Parsed, TooMany> {
        match self {
            Self::JsonLines => jsonl::parse(body, hashes, events_max, take),
            Self::Binary => binary::parse(body, hashes, events_max, take),
        }
    }
}

impl Parsed {
    /// Counts a line that has something in it.
    pub(super) fn receive(&mut self, events_max: u64) -> Result<(), TooMany> {
        if self.received == events_max {
            return Err(TooMany(events_max));
        }
        self.received += 1;
        Ok(())
    }

    pub(super) fn report(&mut self, line: u64, reason: impl FnOnce() -> String) {
        self.malformed.count += 1;
        if self.malformed.lines.len() < REPORTED_MAX {
            let reason = reason().chars().take(REASON_CHARS_MAX).collect();
            self.malformed.lines.push(MalformedLine { line, reason });
        }
    }
}
