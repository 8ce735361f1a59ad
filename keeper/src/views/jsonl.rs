//! The form for everybody: one JSON object a line.
//!
//! ```json
//! {"id":"e-1","content":"c-7","viewer":"v-9","at":1763726400000,"watched_ms":31000,"relevance":9500}
//! ```
//!
//! | field | value |
//! | --- | --- |
//! | `id` | text of 1 to 64 bytes, the same whenever this event is sent again |
//! | `content` | a content id: see [`ContentId`] |
//! | `viewer` | text of 1 to 128 bytes |
//! | `at` | Unix milliseconds, or a text as RFC 3339 has it |
//! | `watched_ms` | milliseconds, up to 2^32 - 1 |
//! | `relevance` | basis points, 0 to 10,000 |
//!
//! Every field is needed and no other is accepted. Lines end with LF or CRLF, and empty ones are
//! skipped. No line is longer than 4,096 bytes.

use std::{borrow::Cow, fmt};

use chrono::DateTime;
use serde::{Deserialize, Deserializer, de};

use super::{ContentId, Hashes, Parsed, SourceEvent, TooMany, ViewEvent};

/// Longest line, in bytes: twice what the longest values take when every byte is escaped.
pub const LINE_BYTES_MAX: usize = 4_096;

/// Reads `body`, gives every event to `take`, and reports what is malformed.
pub fn parse(
    body: &[u8],
    hashes: &Hashes,
    events_max: u64,
    mut take: impl FnMut(ViewEvent),
) -> Result<Parsed, TooMany> {
    for_each_line(body, events_max, |line| event(line, hashes).map(&mut take))
}

/// Gives every line that is not empty to `read`, and reports those that it refuses.
pub(crate) fn for_each_line<E: fmt::Display>(
    body: &[u8],
    lines_max: u64,
    mut read: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Parsed, TooMany> {
    let mut parsed = Parsed::default();
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', body).chain([body.len()]);
    for (number, end) in (1..).zip(ends) {
        let line = &body[start..end];
        start = end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        parsed.receive(lines_max)?;
        if line.len() > LINE_BYTES_MAX {
            parsed.report(number, || {
                let bytes = line.len();
                format!("the line is {bytes} bytes long: at most {LINE_BYTES_MAX} are accepted")
            });
        } else if let Err(reason) = read(line) {
            parsed.report(number, || reason.to_string());
        }
    }
    Ok(parsed)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    viewer: Cow<'a, str>,
    at: At,
    watched_ms: u32,
    relevance: u16,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Json(#[from] NotThis),
    #[error("content {0}")]
    Content(#[from] super::ContentIdError),
    #[error(transparent)]
    OutOfBounds(#[from] super::OutOfBounds),
}

fn event(line: &[u8], hashes: &Hashes) -> Result<ViewEvent, Reason> {
    let Line { id, content, viewer, at, watched_ms, relevance } = object(line)?;
    let content: ContentId = content.parse()?;
    let event =
        SourceEvent { id: &id, content, viewer: &viewer, at_ms: at.0, watched_ms, relevance };
    Ok(event.keep(hashes)?)
}

/// The line with its event dated `by_ms` later; `None` where it is no event.
pub(crate) fn dated_later(line: &[u8], by_ms: i64) -> Option<Vec<u8>> {
    let Line { id, content, viewer, at, watched_ms, relevance } = object(line).ok()?;
    let (content, at_ms) = (content.parse().ok()?, at.0.saturating_add(by_ms));
    let event = SourceEvent { id: &id, content, viewer: &viewer, at_ms, watched_ms, relevance };
    serde_json::to_vec(&event).ok()
}

/// The object that a line is.
pub(crate) fn object<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, NotThis> {
    serde_json::from_slice(line).map_err(NotThis)
}

/// Why a line is not the object that is wanted, and where. To the parser each line is a text of its
/// own, so the number that it gives is always 1.
#[derive(Debug)]
pub(crate) struct NotThis(serde_json::Error);

impl fmt::Display for NotThis {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let text = self.0.to_string();
        match text.rsplit_once(" at line ") {
            Some((problem, _)) => write!(f, "{problem} at column {}", self.0.column()),
            None => f.write_str(&text),
        }
    }
}

impl std::error::Error for NotThis {}

/// A time in Unix milliseconds.
pub(crate) struct At(pub i64);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = At;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("Unix milliseconds or a time as RFC 3339 has it")
            }

            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<At, E> {
                Ok(At(millis))
            }

            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<At, E> {
                let wrong = || E::invalid_value(de::Unexpected::Unsigned(millis), &self);
                millis.try_into().map(At).map_err(|_| wrong())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<At, E> {
                DateTime::parse_from_rfc3339(text)
                    .map(|time| At(time.timestamp_millis()))
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests;
