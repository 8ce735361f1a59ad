//! A file with view events of the user's, plain or compressed, in either form.

use std::{
    collections::HashSet,
    io::{BufRead, Read},
    ops::RangeInclusive,
    path::Path,
};

use anyhow::{Context, bail};

use crate::{
    cli::input::Input,
    views::{ContentId, Form, Hashes, binary, jsonl},
};

/// Largest request that is made of a file, in bytes.
const CHUNK_BYTES_MAX: usize = 8 << 20;

/// Events of a file, as the body of a request.
pub struct Chunk {
    pub body: Vec<u8>,
    /// Lines or records in it.
    pub events: u64,
}

/// A file that is read from its start.
pub struct EventFile {
    input: Input,
    form: Form,
    later_ms: i64,
}

/// What is known of a file's events before they are sent.
#[derive(Default)]
pub struct Contents {
    pub events: u64,
    /// In the order in which they come first.
    pub ids: Vec<ContentId>,
    /// When the oldest view was and when the newest, in Unix milliseconds.
    pub dated: Option<RangeInclusive<i64>>,
}

impl EventFile {
    /// Opens a file; its first bytes tell its form.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut input = Input::open(path)?;
        let start = input.fill_buf().with_context(|| format!("{}", path.display()))?;
        // The first look may show less than the whole magic; no JSON starts with a part of it.
        let form = match start.first() {
            Some(first) if *first == binary::MAGIC[0] => Form::Binary,
            _ => Form::JsonLines,
        };
        if form == Form::Binary {
            let mut magic = binary::MAGIC;
            let read = input.read_exact(&mut magic);
            if read.is_err() || magic != binary::MAGIC {
                anyhow::bail!("{}: neither JSON lines nor the binary form", path.display());
            }
        }
        Ok(Self { input, form, later_ms: 0 })
    }

    /// The same file with every event dated `by_ms` later.
    pub fn dated_later(self, by_ms: i64) -> Self {
        Self { later_ms: by_ms, ..self }
    }

    /// Its form.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The next events, at most `events_max`; `None` at the end.
    pub fn next_chunk(&mut self, events_max: usize) -> anyhow::Result<Option<Chunk>> {
        let mut chunk = match self.form {
            Form::JsonLines => Chunk { body: Vec::new(), events: 0 },
            Form::Binary => Chunk { body: binary::MAGIC.to_vec(), events: 0 },
        };
        while chunk.events < events_max as u64 && chunk.body.len() < CHUNK_BYTES_MAX {
            let more = match self.form {
                Form::JsonLines => self.line(&mut chunk.body)?,
                Form::Binary => self.record(&mut chunk.body)?,
            };
            if !more {
                break;
            }
            chunk.events += 1;
        }
        Ok((chunk.events > 0).then_some(chunk))
    }

    /// Adds a line. One that is too long is cut off and reported by whoever reads it.
    fn line(&mut self, body: &mut Vec<u8>) -> anyhow::Result<bool> {
        let (start, most) = (body.len(), jsonl::LINE_BYTES_MAX as u64 + 2);
        if self.input.by_ref().take(most).read_until(b'\n', body)? == 0 {
            return Ok(false);
        }
        if body.last() != Some(&b'\n') {
            if body.len() - start == most as usize {
                self.input.skip_until(b'\n')?;
            }
            body.push(b'\n');
        }
        if self.later_ms != 0
            && let Some(later) = jsonl::dated_later(body[start..].trim_ascii_end(), self.later_ms)
        {
            body.truncate(start);
            body.extend_from_slice(&later);
            body.push(b'\n');
        }
        Ok(true)
    }

    /// Adds a binary record.
    fn record(&mut self, body: &mut Vec<u8>) -> anyhow::Result<bool> {
        let mut fixed = [0; binary::FIXED_BYTES];
        if self.input.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.input.read_exact(&mut fixed).context("the last record is cut off")?;
        binary::date_later(&mut fixed, self.later_ms);
        let texts = usize::from(fixed[0]) + usize::from(fixed[1]);
        let start = body.len() + binary::FIXED_BYTES;
        body.extend_from_slice(&fixed);
        body.resize(start + texts, 0);
        self.input.read_exact(&mut body[start..]).context("the last record is cut off")?;
        Ok(true)
    }

    /// Reads it all, to know what it is about.
    pub fn look_through(mut self, hashes: &Hashes) -> anyhow::Result<Contents> {
        let (mut contents, mut seen) = (Contents::default(), HashSet::new());
        while let Some(chunk) = self.next_chunk(100_000)? {
            let parsed = self.form.parse(&chunk.body, hashes, chunk.events, |event| {
                if seen.insert(event.content) {
                    contents.ids.push(event.content);
                }
                let at = event.at_ms;
                contents.dated = Some(match &contents.dated {
                    None => at..=at,
                    Some(dated) => at.min(*dated.start())..=at.max(*dated.end()),
                });
            })?;
            contents.events += parsed.received - parsed.malformed.count;
        }
        if contents.events == 0 {
            bail!("there is no event in it: see the forms in the documentation");
        }
        Ok(contents)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        demo::{catalogue::Catalogue, encode::Body, events::Events},
        testing::hashes,
    };

    fn written(body: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), body).unwrap();
        file
    }

    #[test]
    fn chunks_of_both_forms_are_the_file() {
        for form in [Form::JsonLines, Form::Binary] {
            let catalogue = Arc::new(Catalogue::new(1, 3, 30));
            let mut body = Body::new(form);
            Events::new(1, 2_500, catalogue, 1_790_000_000_000).for_each(|it| body.push(&it));
            let body = body.finish();
            let file = written(&body);
            let mut opened = EventFile::open(file.path()).unwrap();
            assert_eq!(opened.form(), form);
            let (mut counts, mut joined) = (Vec::new(), Vec::new());
            while let Some(chunk) = opened.next_chunk(1_000).unwrap() {
                counts.push(chunk.events);
                let skipped = if form == Form::Binary { binary::MAGIC.len() } else { 0 };
                joined.extend_from_slice(&chunk.body[skipped..]);
            }
            assert_eq!(counts, [1_000, 1_000, 500]);
            assert!(body.ends_with(&joined) && body.len() - joined.len() <= binary::MAGIC.len());
            let known = EventFile::open(file.path()).unwrap().look_through(&hashes()).unwrap();
            assert_eq!(known.events, 2_500);
            assert!((20..=80).contains(&known.ids.len()), "{} contents", known.ids.len());
        }
    }

    #[test]
    fn long_and_last_lines_stay_lines() {
        let long = "x".repeat(10_000);
        let file = written(format!("{long}\nshort\n\nlast").as_bytes());
        let chunk = EventFile::open(file.path()).unwrap().next_chunk(10).unwrap().unwrap();
        let lines: Vec<usize> =
            chunk.body.split(|byte| *byte == b'\n').map(|line| line.len()).collect();
        assert_eq!(lines, [jsonl::LINE_BYTES_MAX + 2, 5, 0, 4, 0]);
    }

    #[test]
    fn events_dated_later_differ_in_nothing_else() {
        const LATER: i64 = 400 * 86_400_000 + 123;
        for form in [Form::JsonLines, Form::Binary] {
            let catalogue = Arc::new(Catalogue::new(1, 3, 30));
            let mut body = Body::new(form);
            Events::new(1, 500, catalogue, 1_700_000_000_000).for_each(|it| body.push(&it));
            let file = written(&body.finish());
            let read = |file: EventFile| {
                let (mut file, mut events) = (file, Vec::new());
                while let Some(chunk) = file.next_chunk(100).unwrap() {
                    let all = form.parse(&chunk.body, &hashes(), 100, |event| events.push(event));
                    assert_eq!(all.unwrap().malformed.count, 0);
                }
                events
            };
            let mut before = read(EventFile::open(file.path()).unwrap());
            let after = read(EventFile::open(file.path()).unwrap().dated_later(LATER));
            before.iter_mut().for_each(|event| event.at_ms += LATER);
            assert!(before == after);
        }
        let mixed = concat!(
            r#"{"id":"a \"b\"","content":"c-7","viewer":"é","at":"2024-01-01T00:00:00Z","#,
            r#""watched_ms":5000,"relevance":9500}"#,
            "\r\nno event\n"
        );
        let file = EventFile::open(written(mixed.as_bytes()).path()).unwrap();
        let chunk = file.dated_later(1_000).next_chunk(10).unwrap().unwrap();
        let text = String::from_utf8(chunk.body).unwrap();
        let (event, rest) = text.split_once('\n').unwrap();
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        assert_eq!(
            (&event["id"], &event["at"]),
            (&"a \"b\"".into(), &1_704_067_201_000_i64.into())
        );
        assert_eq!((&event["viewer"], rest), (&"é".into(), "no event\n"), "malformed lines stay");
    }

    #[test]
    fn a_file_without_events_is_refused() {
        for body in ["", "\n\n", "hello\n"] {
            let file = written(body.as_bytes());
            assert!(EventFile::open(file.path()).unwrap().look_through(&hashes()).is_err());
        }
    }
}
