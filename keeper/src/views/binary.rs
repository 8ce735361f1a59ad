//! The compact form: half the bytes of JSON lines, and read several times as fast.
//!
//! A request starts with the five bytes `PIXR\x01`, the last being the version. Records follow, one
//! an event, with nothing between them. Numbers are little-endian.
//!
//! | bytes | field |
//! | --- | --- |
//! | 1 | *i*, the length of the event's id, 1 to 64 |
//! | 1 | *v*, the length of the viewer's id, 1 to 128 |
//! | 16 | content id |
//! | 8 | when, in Unix milliseconds, signed |
//! | 4 | milliseconds watched |
//! | 2 | relevance in basis points, 0 to 10,000 |
//! | *i* | the event's id, in UTF-8 |
//! | *v* | the viewer's id, in UTF-8 |
//!
//! The same ids in either form are the same event and the same viewer. A record whose lengths are
//! out of their bounds, or that is cut off, ends the request: where the next one starts is not known.

use super::{
    ContentId, Hashes, Parsed, SourceEvent, TooMany, ViewEvent,
    source_event::{OutOfBounds, check_id, check_viewer},
};

/// How every request starts; the last byte is the version.
pub const MAGIC: [u8; 5] = *b"PIXR\x01";
/// Bytes of a record before its texts.
pub const FIXED_BYTES: usize = 32;
/// Where a record says when.
const AT: std::ops::Range<usize> = 18..26;

/// Writes this form.
pub struct Writer {
    bytes: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self { bytes: MAGIC.to_vec() }
    }
}

impl Writer {
    /// Adds an event. On an error nothing was added.
    pub fn push(&mut self, event: &SourceEvent) -> Result<(), OutOfBounds> {
        event.check()?;
        let length = |text: &str| u8::try_from(text.len()).expect("checked to be at most 128");
        self.bytes.extend_from_slice(&[length(event.id), length(event.viewer)]);
        self.bytes.extend_from_slice(&event.content.0);
        self.bytes.extend_from_slice(&event.at_ms.to_le_bytes());
        self.bytes.extend_from_slice(&event.watched_ms.to_le_bytes());
        self.bytes.extend_from_slice(&event.relevance.to_le_bytes());
        self.bytes.extend_from_slice(event.id.as_bytes());
        self.bytes.extend_from_slice(event.viewer.as_bytes());
        Ok(())
    }

    /// The bytes written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The request.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads `body`, gives every event to `take`, and reports what is malformed.
pub fn parse(
    body: &[u8],
    hashes: &Hashes,
    events_max: u64,
    mut take: impl FnMut(ViewEvent),
) -> Result<Parsed, TooMany> {
    let mut parsed = Parsed::default();
    let Some(mut rest) = body.strip_prefix(&MAGIC) else {
        if !body.is_empty() {
            parsed.receive(events_max)?;
            parsed.report(1, || Broken::Magic.to_string());
        }
        return Ok(parsed);
    };
    while !rest.is_empty() {
        parsed.receive(events_max)?;
        let number = parsed.received;
        let record = match Record::split_first(&mut rest) {
            Ok(record) => record,
            Err(broken) => {
                parsed.report(number, || format!("{broken}; nothing after this record was read"));
                break;
            }
        };
        match record.event(hashes) {
            Ok(event) => take(event),
            Err(reason) => parsed.report(number, || reason.to_string()),
        }
    }
    Ok(parsed)
}

/// Bytes of a record after its fixed part, which `fixed` is or begins with; `None` when it has no end
/// that can be found.
pub fn bytes_after_fixed(fixed: &[u8]) -> Option<usize> {
    let fixed = fixed.first_chunk::<FIXED_BYTES>()?;
    let (id, viewer) = (usize::from(fixed[0]), usize::from(fixed[1]));
    check_id(id).and_then(|()| check_viewer(viewer)).ok()?;
    Some(id + viewer)
}

/// Dates the record that begins with `fixed` later.
pub(crate) fn date_later(fixed: &mut [u8; FIXED_BYTES], by_ms: i64) {
    let at = &mut fixed[AT];
    let ms = i64::from_le_bytes(at.try_into().expect("8 bytes")).saturating_add(by_ms);
    at.copy_from_slice(&ms.to_le_bytes());
}

/// Why a record has no end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the request does not start with PIXR and the version 1")]
    Magic,
    #[error("the record is cut off: {has} of {needs} bytes")]
    Truncated { has: usize, needs: usize },
    #[error(transparent)]
    Length(#[from] OutOfBounds),
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0} is not UTF-8")]
    NotText(&'static str),
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
}

struct Record<'a> {
    fixed: &'a [u8; FIXED_BYTES],
    id: &'a [u8],
    viewer: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes the record at the front of `rest`.
    fn split_first(rest: &mut &'a [u8]) -> Result<Self, Broken> {
        let has = rest.len();
        let (fixed, more) = rest
            .split_first_chunk::<FIXED_BYTES>()
            .ok_or(Broken::Truncated { has, needs: FIXED_BYTES })?;
        let (id_bytes, viewer_bytes) = (usize::from(fixed[0]), usize::from(fixed[1]));
        check_id(id_bytes)?;
        check_viewer(viewer_bytes)?;
        let needs = id_bytes + viewer_bytes;
        let (ids, more) = more
            .split_at_checked(needs)
            .ok_or(Broken::Truncated { has, needs: FIXED_BYTES + needs })?;
        *rest = more;
        let (id, viewer) = ids.split_at(id_bytes);
        Ok(Self { fixed, id, viewer })
    }

    fn event(&self, hashes: &Hashes) -> Result<ViewEvent, Reason> {
        let event = SourceEvent {
            id: std::str::from_utf8(self.id).map_err(|_| Reason::NotText("id"))?,
            content: ContentId(self.field(2)),
            viewer: std::str::from_utf8(self.viewer).map_err(|_| Reason::NotText("viewer"))?,
            at_ms: i64::from_le_bytes(self.field(AT.start)),
            watched_ms: u32::from_le_bytes(self.field(26)),
            relevance: u16::from_le_bytes(self.field(30)),
        };
        Ok(event.keep(hashes)?)
    }

    /// The bytes of the fixed part from `start` on.
    fn field<const BYTES: usize>(&self, start: usize) -> [u8; BYTES] {
        let mut field = [0; BYTES];
        field.copy_from_slice(&self.fixed[start..start + BYTES]);
        field
    }
}

#[cfg(test)]
mod tests;
