//! How the events of a batch are kept in the log.
//!
//! | part | bytes |
//! | --- | --- |
//! | version, 1 | 1 |
//! | number of events | 4 |
//! | ids | 16 an event |
//! | viewers | 16 an event |
//! | the other columns, compressed with zstd | the rest |
//!
//! The other columns, one after another: contents, 16 bytes each; times as the difference from the
//! event before (from 0 for the first) and milliseconds watched, both as variable-length numbers;
//! relevance, 2 bytes each. Numbers are little-endian.
//!
//! Ids and viewers are hashes: compressing them costs time and saves nothing. A column has like next
//! to like, which is what the compressor looks for.

use std::{
    cell::RefCell,
    io::{Cursor, Seek as _, SeekFrom},
};

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use super::{ContentId, RELEVANCE_MAX, Verdict, ViewEvent, varint};

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;
const HASH_BYTES: usize = 16;
const CONTENT_BYTES: usize = 16;
const RELEVANCE_BYTES: usize = 2;
/// The other columns of one event at most.
const REST_BYTES_MAX: usize = CONTENT_BYTES + 2 * varint::BYTES_MAX + RELEVANCE_BYTES;
/// The fastest level that still finds contents that come again.
const LEVEL: i32 = 1;

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("version {0} is not known: this keeper reads version {VERSION}")]
    Version(u8),
    #[error("the payload ends within {0}")]
    Truncated(&'static str),
    #[error("{0} bytes follow the last event")]
    Trailing(usize),
    #[error("the compressed columns are damaged: {0}")]
    Compression(#[source] std::io::Error),
    #[error("event {0} has a value that cannot be")]
    Value(usize),
}

/// Collects the events of one batch, column by column.
#[derive(Default)]
pub struct Encoder {
    ids: Vec<u8>,
    viewers: Vec<u8>,
    contents: Vec<u8>,
    ats: Vec<u8>,
    watched: Vec<u8>,
    relevances: Vec<u8>,
    last_at: i64,
    events: u32,
}

impl Encoder {
    /// Adds an event.
    pub fn push(&mut self, event: &ViewEvent) {
        self.ids.extend_from_slice(&event.id);
        self.viewers.extend_from_slice(&event.viewer);
        self.contents.extend_from_slice(&event.content.0);
        varint::write_signed(&mut self.ats, event.at_ms.wrapping_sub(self.last_at));
        varint::write(&mut self.watched, event.watched_ms.into());
        self.relevances.extend_from_slice(&event.relevance.to_le_bytes());
        self.last_at = event.at_ms;
        self.events += 1;
    }

    /// How many events there are.
    pub fn events(&self) -> u32 {
        self.events
    }

    /// The payload.
    pub fn finish(mut self) -> Bytes {
        let mut rest = self.contents;
        rest.append(&mut self.ats);
        rest.append(&mut self.watched);
        rest.append(&mut self.relevances);
        let hashes = self.ids.len() + self.viewers.len();
        let compressed_max = zstd::zstd_safe::compress_bound(rest.len());
        let mut payload = Vec::with_capacity(HEADER_BYTES + hashes + compressed_max);
        payload.push(VERSION);
        payload.extend_from_slice(&self.events.to_le_bytes());
        payload.append(&mut self.ids);
        payload.append(&mut self.viewers);
        compress(&rest, &mut payload);
        payload.into()
    }
}

/// The payload of these events.
pub fn encode(events: &[ViewEvent]) -> Bytes {
    let mut encoder = Encoder::default();
    events.iter().for_each(|event| encoder.push(event));
    encoder.finish()
}

/// The events of a payload.
pub fn decode(payload: &[u8]) -> Result<Vec<ViewEvent>, CodecError> {
    let mut events = Vec::new();
    decode_into(payload, &mut events)?;
    Ok(events)
}

/// Adds the events of a payload to `events`. After an error it may have some of them.
pub fn decode_into(payload: &[u8], events: &mut Vec<ViewEvent>) -> Result<(), CodecError> {
    let Raw { ids, viewers, compressed } = split(payload)?;
    let rest = decompress(compressed, ids.len().saturating_mul(REST_BYTES_MAX))?;
    let contents_bytes = ids.len() * CONTENT_BYTES;
    let (contents, rest) =
        rest.split_at_checked(contents_bytes).ok_or(CodecError::Truncated("the contents"))?;
    let relevances_at = rest
        .len()
        .checked_sub(ids.len() * RELEVANCE_BYTES)
        .ok_or(CodecError::Truncated("the relevances"))?;
    let (mut numbers, relevances) = rest.split_at(relevances_at);
    let (contents, _) = contents.as_chunks();
    let (relevances, _) = relevances.as_chunks();

    let start = events.len();
    events.reserve(ids.len());
    let mut at_ms = 0_i64;
    for (index, (((id, viewer), content), relevance)) in
        ids.iter().zip(viewers).zip(contents).zip(relevances).enumerate()
    {
        let step = varint::read_signed(&mut numbers).ok_or(CodecError::Value(index))?;
        at_ms = at_ms.wrapping_add(step);
        let relevance = u16::from_le_bytes(*relevance);
        if relevance > RELEVANCE_MAX {
            return Err(CodecError::Value(index));
        }
        events.push(ViewEvent {
            id: *id,
            viewer: *viewer,
            content: ContentId(*content),
            at_ms,
            watched_ms: 0,
            relevance,
        });
    }
    for (index, event) in events[start..].iter_mut().enumerate() {
        let watched = varint::read(&mut numbers).and_then(|watched| watched.try_into().ok());
        event.watched_ms = watched.ok_or(CodecError::Value(index))?;
    }
    if numbers.is_empty() { Ok(()) } else { Err(CodecError::Trailing(numbers.len())) }
}

/// The ids of a payload's events, in their order; nothing else is looked at.
pub fn ids(payload: &[u8]) -> Result<&[[u8; HASH_BYTES]], CodecError> {
    split(payload).map(|raw| raw.ids)
}

/// How the verdicts on a batch are kept: a byte each, compressed.
pub fn encode_verdicts(verdicts: &[Verdict]) -> Vec<u8> {
    let numbers: Vec<_> = verdicts.iter().map(|verdict| *verdict as u8).collect();
    let mut bytes = Vec::new();
    compress(&numbers, &mut bytes);
    bytes
}

/// The verdicts on a batch of `events` events.
pub fn decode_verdicts(bytes: &[u8], events: usize) -> Result<Vec<Verdict>, CodecError> {
    let numbers = decompress(bytes, events)?;
    if numbers.len() != events {
        return Err(CodecError::Truncated("the verdicts"));
    }
    let verdict = |(index, number)| Verdict::from_number(number).ok_or(CodecError::Value(index));
    numbers.into_iter().enumerate().map(verdict).collect()
}

/// Adds `bytes`, compressed, to `output`.
fn compress(bytes: &[u8], output: &mut Vec<u8>) {
    thread_local! {
        static COMPRESSOR: RefCell<Compressor<'static>> =
            RefCell::new(Compressor::new(LEVEL).expect("zstd has this level"));
    }
    output.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
    let mut end = Cursor::new(&mut *output);
    end.seek(SeekFrom::End(0)).expect("every length is a position");
    COMPRESSOR
        .with_borrow_mut(|compressor| compressor.compress_to_buffer(bytes, &mut end))
        .expect("there is room for the worst case");
}

fn decompress(bytes: &[u8], length_max: usize) -> Result<Vec<u8>, CodecError> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Decompressor<'static>> =
            RefCell::new(Decompressor::new().expect("memory for a decompressor"));
    }
    DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.decompress(bytes, length_max))
        .map_err(CodecError::Compression)
}

struct Raw<'a> {
    ids: &'a [[u8; HASH_BYTES]],
    viewers: &'a [[u8; HASH_BYTES]],
    compressed: &'a [u8],
}

fn split(payload: &[u8]) -> Result<Raw<'_>, CodecError> {
    let (header, rest) =
        payload.split_first_chunk::<HEADER_BYTES>().ok_or(CodecError::Truncated("the header"))?;
    let [version, events @ ..] = *header;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    // A usize has at least the 32 bits of this number on every machine that a keeper runs on.
    let events = u32::from_le_bytes(events) as usize;
    let bytes = events.checked_mul(HASH_BYTES).ok_or(CodecError::Truncated("the ids"))?;
    let (ids, rest) = rest.split_at_checked(bytes).ok_or(CodecError::Truncated("the ids"))?;
    let (viewers, compressed) =
        rest.split_at_checked(bytes).ok_or(CodecError::Truncated("the viewers"))?;
    Ok(Raw { ids: ids.as_chunks().0, viewers: viewers.as_chunks().0, compressed })
}

#[cfg(test)]
mod tests;
