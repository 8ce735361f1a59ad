//! View events from a file into the log, as many as there are.

use std::io::{self, BufRead, Read};

use chrono::{SubsecRound, Utc};
use futures::{TryStreamExt, stream};
use serde::Serialize;

use crate::{
    log::{EventLog, LogError, Partition, StoredBatch},
    views::{Form, Hashes, MalformedLine, binary, codec::Encoder, jsonl},
};

/// Bytes of a file that are appended together, but for what the last line or record has more.
const CHUNK_BYTES: usize = 4 << 20;
/// Chunks that are parsed at once.
const CHUNKS_AT_ONCE: usize = 4;
/// Malformed lines that are named; the others are only counted.
const MALFORMED_NAMED_MAX: usize = 20;

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Lines or records, empty lines not counted.
    pub received: u64,
    /// Of these, in the log.
    pub accepted: u64,
    pub malformed: u64,
    /// The first of them.
    pub malformed_lines: Vec<MalformedLine>,
}

/// Why a file could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the file: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("a chunk was not parsed: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// A part of a file that is a request of its own.
#[derive(Debug, PartialEq, Eq)]
struct Chunk {
    form: Form,
    bytes: Vec<u8>,
    /// Lines or records before it.
    before: u64,
}

/// Cuts a file of either form between lines or records.
struct Chunks<R> {
    input: R,
    /// Known after the first look.
    form: Option<Form>,
    before: u64,
    ended: bool,
}

impl<R: BufRead> Chunks<R> {
    fn new(input: R) -> Self {
        Self { input, form: None, before: 0, ended: false }
    }

    fn next(&mut self) -> io::Result<Option<Chunk>> {
        if self.ended {
            return Ok(None);
        }
        let form = match self.form {
            Some(form) => form,
            None => self.recognize()?,
        };
        let before = self.before;
        let bytes = match form {
            Form::JsonLines => self.lines()?,
            Form::Binary => self.records()?,
        };
        let empty = bytes.is_empty() || (form == Form::Binary && bytes == binary::MAGIC);
        Ok((!empty).then_some(Chunk { form, bytes, before }))
    }

    /// Only the compact form begins with its mark.
    fn recognize(&mut self) -> io::Result<Form> {
        let form = if self.input.fill_buf()?.starts_with(&binary::MAGIC[..4]) {
            Form::Binary
        } else {
            Form::JsonLines
        };
        if form == Form::Binary {
            let mut magic = [0; binary::MAGIC.len()];
            self.input.read_exact(&mut magic)?;
            if magic != binary::MAGIC {
                let text = format!("version {} of the compact form is not known", magic[4]);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        self.form = Some(form);
        Ok(form)
    }

    fn lines(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES + jsonl::LINE_BYTES_MAX);
        while bytes.len() < CHUNK_BYTES {
            let start = bytes.len();
            // One byte more than a line may have is enough to report it; the rest is not kept.
            let most = u64::try_from(jsonl::LINE_BYTES_MAX + 2).unwrap_or(u64::MAX);
            if self.input.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
                self.ended = true;
                break;
            }
            if bytes.last() != Some(&b'\n') {
                self.input.skip_until(b'\n')?;
                bytes.push(b'\n');
            }
            debug_assert!(bytes.len() > start);
            self.before += 1;
        }
        Ok(bytes)
    }

    fn records(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = binary::MAGIC.to_vec();
        while bytes.len() < CHUNK_BYTES {
            let start = bytes.len();
            let mut take = |more: usize, bytes: &mut Vec<u8>| {
                let most = u64::try_from(more).unwrap_or(u64::MAX);
                self.input.by_ref().take(most).read_to_end(bytes)
            };
            if take(binary::FIXED_BYTES, &mut bytes)? == 0 {
                self.ended = true;
                break;
            }
            self.before += 1;
            // Where a record has no end, nothing after it can be read: it is reported with the chunk.
            let Some(more) = binary::bytes_after_fixed(&bytes[start..]) else {
                self.ended = true;
                break;
            };
            if take(more, &mut bytes)? < more {
                self.ended = true;
                break;
            }
        }
        Ok(bytes)
    }
}

/// A chunk's batches, by partition.
struct Encoded {
    batches: Vec<(Partition, StoredBatch)>,
    found: Imported,
}

fn encode(chunk: Chunk, source: &str, partitions: i16, hashes: &Hashes) -> Encoded {
    let mut encoders: Vec<Encoder> = (0..partitions).map(|_| Encoder::default()).collect();
    let parsed = chunk.form.parse(&chunk.bytes, hashes, u64::MAX, |event| {
        let partition = Partition::of(event.content, partitions);
        let encoder = usize::try_from(partition.0).ok().and_then(|at| encoders.get_mut(at));
        if let Some(encoder) = encoder {
            encoder.push(&event);
        }
    });
    // No file has more events than 2^64.
    let parsed = parsed.unwrap_or_default();
    let received_at = Utc::now().trunc_subsecs(6);
    let batches: Vec<_> = (0..)
        .zip(encoders)
        .filter(|(_, encoder)| encoder.events() > 0)
        .map(|(partition, encoder)| {
            let (source, events) = (source.to_owned(), encoder.events());
            let batch = StoredBatch { source, received_at, events, payload: encoder.finish() };
            (Partition(partition), batch)
        })
        .collect();
    let line = |it: &MalformedLine| MalformedLine { line: it.line + chunk.before, ..it.clone() };
    Encoded {
        found: Imported {
            received: parsed.received,
            accepted: batches.iter().map(|(_, batch)| u64::from(batch.events)).sum(),
            malformed: parsed.malformed.count,
            malformed_lines: parsed.malformed.lines.iter().map(line).collect(),
        },
        batches,
    }
}

impl Imported {
    fn add(&mut self, other: Self) {
        self.received += other.received;
        self.accepted += other.accepted;
        self.malformed += other.malformed;
        let room = MALFORMED_NAMED_MAX.saturating_sub(self.malformed_lines.len());
        self.malformed_lines.extend(other.malformed_lines.into_iter().take(room));
    }
}

/// Looks at every event of `input` and keeps none.
pub fn look(input: impl BufRead, hashes: &Hashes) -> io::Result<Imported> {
    let mut found = Imported::default();
    let mut chunks = Chunks::new(input);
    while let Some(chunk) = chunks.next()? {
        found.add(encode(chunk, "", 1, hashes).found);
    }
    Ok(found)
}

/// Appends every event of `input` to the log, in the name of `source`; malformed ones are left out.
/// `progress` is told how many events are in the log.
///
/// After an error the same file can be imported again: events count once by their ids.
pub async fn import(
    input: impl BufRead + Send + 'static,
    source: &str,
    log: &dyn EventLog,
    hashes: &Hashes,
    mut progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    let chunks = stream::try_unfold(Chunks::new(input), |mut chunks| async move {
        let (chunk, chunks) = tokio::task::spawn_blocking(move || (chunks.next(), chunks)).await?;
        Ok::<_, ImportError>(chunk?.map(|chunk| (chunk, chunks)))
    });
    let partitions = log.partitions();
    // Parsed side by side, appended in order.
    let mut encoded = Box::pin(
        chunks
            .map_ok(|chunk| {
                let (source, hashes) = (source.to_owned(), hashes.clone());
                let work = move || encode(chunk, &source, partitions, &hashes);
                async move { Ok(tokio::task::spawn_blocking(work).await?) }
            })
            .try_buffered(CHUNKS_AT_ONCE),
    );
    let mut imported = Imported::default();
    while let Some(Encoded { batches, found }) = encoded.try_next().await? {
        if !batches.is_empty() {
            log.append(batches).await?;
        }
        imported.add(found);
        progress(imported.accepted);
    }
    Ok(imported)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{KeysConfig, Secret},
        keys::Keys,
        log::{Position, PostgresLog},
        testing::TestPostgres,
        views::{SourceEvent, codec},
    };

    fn hashes() -> Hashes {
        let config =
            KeysConfig { master_seed: Some(Secret::new("ab".repeat(32))), ..KeysConfig::default() };
        Hashes::new(&Keys::load(&config, std::path::Path::new("/nonexistent")).unwrap())
    }

    fn events(count: usize) -> Vec<(String, String)> {
        (0..count).map(|number| (format!("event-{number}"), format!("viewer-{number}"))).collect()
    }

    fn source_event<'a>((id, viewer): &'a (String, String)) -> SourceEvent<'a> {
        let content = "clip".parse().unwrap();
        SourceEvent { id, content, viewer, at_ms: 1, watched_ms: 5_000, relevance: 10_000 }
    }

    fn json_lines(count: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for event in events(count) {
            serde_json::to_writer(&mut text, &source_event(&event)).unwrap();
            text.push(b'\n');
        }
        text
    }

    fn records(count: usize) -> Vec<u8> {
        let mut writer = binary::Writer::default();
        events(count).iter().for_each(|event| writer.push(&source_event(event)).unwrap());
        writer.finish()
    }

    fn chunks(bytes: &[u8]) -> Vec<Chunk> {
        let mut chunks = Chunks::new(bytes);
        std::iter::from_fn(|| chunks.next().unwrap()).collect()
    }

    #[test]
    fn cuts_between_lines_and_records() {
        let count = 120_000;
        for bytes in [json_lines(count), records(count)] {
            let chunks = chunks(&bytes);
            assert!(chunks.len() > 1 && chunks.iter().all(|it| it.bytes.len() < CHUNK_BYTES + 256));
            let all = u64::try_from(count).unwrap();
            let expected = Imported { received: all, accepted: all, ..Imported::default() };
            assert_eq!(look(&bytes[..], &hashes()).unwrap(), expected);
        }
        assert_eq!(chunks(b""), []);
        assert_eq!(chunks(&binary::MAGIC), []);
    }

    #[test]
    fn malformed_lines_have_the_numbers_of_the_file() {
        let mut text = json_lines(120_000);
        text.extend_from_slice(b"nonsense\n\n");
        text.extend_from_slice("x".repeat(10_000_000).as_bytes());
        text.push(b'\n');
        text.extend_from_slice(&json_lines(1));
        text.extend_from_slice(b"the end has no newline");
        let found = look(&text[..], &hashes()).unwrap();
        let lines: Vec<_> = found.malformed_lines.iter().map(|it| it.line).collect();
        assert_eq!(lines, [120_001, 120_003, 120_005]);
        assert_eq!((found.malformed, found.accepted, found.received), (3, 120_001, 120_004));
    }

    #[test]
    fn a_record_that_is_cut_off_is_reported_and_ends_the_file() {
        let mut bytes = records(120_000);
        bytes.truncate(bytes.len() - 1);
        let found = look(&bytes[..], &hashes()).unwrap();
        assert_eq!((found.accepted, found.malformed), (119_999, 1));
        assert_eq!(found.malformed_lines[0].line, 120_000);
        let mut version = records(1);
        version[4] = 9;
        let error = look(&version[..], &hashes()).unwrap_err().to_string();
        assert_eq!(error, "version 9 of the compact form is not known");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn both_forms_put_the_same_events_into_the_log_in_order() {
        let hashes = hashes();
        let mut all = Vec::new();
        for bytes in [json_lines(100_000), records(100_000)] {
            let log = PostgresLog::new(TestPostgres::start().await.pool);
            let mut told = 0;
            let input = io::Cursor::new(bytes);
            let imported =
                import(input, "file", &log, &hashes, |events| told = events).await.unwrap();
            assert_eq!((imported.accepted, told), (100_000, 100_000));
            let mut ids = Vec::new();
            let mut position = Position::START;
            loop {
                let wait = std::time::Duration::ZERO;
                let read = log.read(Partition(0), position, 50_000, wait).await.unwrap();
                let Some(last) = read.last() else { break };
                position = last.position;
                for logged in &read {
                    assert_eq!(logged.batch.source, "file");
                    let events = codec::decode(&logged.batch.payload).unwrap();
                    ids.extend(events.iter().map(|event| event.id));
                }
            }
            all.push(ids);
        }
        let expected: Vec<_> =
            events(100_000).iter().map(|(id, _)| hashes.event(id.as_bytes())).collect();
        assert!(all[0].len() == 100_000 && all[0] == expected && all[1] == expected);
    }
}
