//! View events: what they are, how they come in, and how they are kept.

pub mod binary;
pub mod codec;
mod content_id;
mod event;
mod form;
mod hashes;

pub mod jsonl;
#[cfg(test)]
mod samples;
mod source_event;
mod varint;
mod verdict;

pub use content_id::{ContentId, ContentIdError};
pub use event::ViewEvent;
pub use form::{Form, Malformed, MalformedLine, Parsed, TooMany};
pub use hashes::Hashes;
pub use source_event::{ID_BYTES_MAX, OutOfBounds, RELEVANCE_MAX, SourceEvent, VIEWER_BYTES_MAX};
pub use verdict::{VERDICTS, Verdict};
