//! What is to be registered, from CSV or JSON lines.

use std::io::BufRead;

use serde::Deserialize;

use crate::{app::CreatorName, views::ContentId};

/// Bytes of a line at most: addresses and ids are short.
const LINE_BYTES_MAX: usize = 4_096;
/// Malformed lines that are named; the others are only counted.
const MALFORMED_NAMED_MAX: usize = 20;

/// A creator or a content that is to have a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Creator(CreatorName),
    Content { id: ContentId, creator: CreatorName },
}

/// A line that says nothing that can be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// From 1.
    pub line: u64,
    pub reason: String,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    #[error("{}", several(lines, *count))]
    Malformed { lines: Vec<BadLine>, count: usize },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn several(lines: &[BadLine], count: usize) -> String {
    let named: Vec<_> =
        lines.iter().map(|bad| format!("line {}: {}", bad.line, bad.reason)).collect();
    let more = count - lines.len();
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", named.join("; "))
}

/// A row as it is written. A creator's has an authority or none, a content's has an id and a
/// creator.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    authority: Option<String>,
    id: Option<String>,
    creator: Option<String>,
}

impl Row {
    /// `number` counts the rows from 0: a creator without authority is the custodial one with this
    /// number.
    fn wanted(&self, number: u64) -> Result<Wanted, String> {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let name = |field: &str, text: String| {
            text.parse::<CreatorName>().map_err(|expected| format!("{field} {text:?}: {expected}"))
        };
        match (given(&self.authority), given(&self.id), given(&self.creator)) {
            (authority, None, None) => match authority {
                Some(text) => match name("authority", text.clone())? {
                    CreatorName::Slot { .. } => Err(format!("authority {text:?} names a slot")),
                    creator => Ok(Wanted::Creator(creator)),
                },
                None => Ok(Wanted::Creator(CreatorName::Custodial(number))),
            },
            (None, Some(id), Some(creator)) => Ok(Wanted::Content {
                id: id.parse().map_err(|problem| format!("id {id:?} {problem}"))?,
                creator: name("creator", creator)?,
            }),
            (None, Some(_), None) => Err("a content needs a creator".into()),
            (_, None, Some(_)) => Err("a content needs an id".into()),
            (Some(_), Some(_), _) => Err("a row is a creator or a content, not both".into()),
        }
    }
}

/// Reads a whole file: JSON lines if it begins with `{`, else CSV with a header. Nothing is taken of
/// a file with malformed lines.
pub fn read(mut input: impl BufRead) -> Result<Vec<Wanted>, RowsError> {
    let json = input.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let mut rows = Rows::default();
    if json {
        read_json(input, &mut rows)?
    } else {
        read_csv(input, &mut rows)
    }
    match rows.malformed {
        0 => Ok(rows.wanted),
        count => Err(RowsError::Malformed { lines: rows.bad, count }),
    }
}

#[derive(Default)]
struct Rows {
    number: u64,
    wanted: Vec<Wanted>,
    bad: Vec<BadLine>,
    malformed: usize,
}

impl Rows {
    fn add(&mut self, line: u64, row: Result<Row, String>) {
        match row.and_then(|row| row.wanted(self.number)) {
            Ok(wanted) => self.wanted.push(wanted),
            Err(reason) => {
                self.malformed += 1;
                if self.bad.len() < MALFORMED_NAMED_MAX {
                    self.bad.push(BadLine { line, reason });
                }
            }
        }
        self.number += 1;
    }
}

fn read_json(mut input: impl BufRead, rows: &mut Rows) -> std::io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = std::io::Read::take(&mut input, limit).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if read == LINE_BYTES_MAX && !line.ends_with(b"\n") {
            input.skip_until(b'\n')?;
            rows.add(number, Err(format!("is longer than {LINE_BYTES_MAX} bytes")));
        } else if !line.trim_ascii().is_empty() {
            let row = serde_json::from_slice(&line).map_err(|error| error.to_string());
            rows.add(number, row);
        }
    }
    Ok(())
}

fn read_csv(input: impl BufRead, rows: &mut Rows) {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => return rows.add(1, Err(error.to_string())),
    };
    if let Some(odd) = headers.iter().find(|name| !["authority", "id", "creator"].contains(name)) {
        let reason = format!("column {odd:?}: expected authority, or id and creator");
        return rows.add(1, Err(reason));
    }
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let row = record.deserialize(Some(&headers)).map_err(|error| error.to_string());
                rows.add(line, row);
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                rows.add(line, Err(error.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use anchor_lang::prelude::Pubkey;

    use super::*;

    const ADDRESS: Pubkey = Pubkey::new_from_array([7; 32]);

    fn content(id: &str, creator: CreatorName) -> Wanted {
        Wanted::Content { id: id.parse().unwrap(), creator }
    }

    fn bad(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_creators() {
        let expected = [
            Wanted::Creator(CreatorName::Authority(ADDRESS)),
            Wanted::Creator(CreatorName::Custodial(1)),
            Wanted::Creator(CreatorName::Custodial(40)),
        ];
        let csv = format!("authority\n{ADDRESS}\n\"\"\n@40\n");
        assert_eq!(read(csv.as_bytes()).unwrap(), expected);
        let json = format!("{{\"authority\":\"{ADDRESS}\"}}\n{{}}\n\n{{\"authority\":\"@40\"}}");
        assert_eq!(read(json.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn reads_contents() {
        let expected = [
            content("clip-1", CreatorName::Authority(ADDRESS)),
            content("550e8400-e29b-41d4-a716-446655440000", CreatorName::Custodial(3)),
            content("clip,2", CreatorName::Slot { shard: 1, index: 2 }),
        ];
        let csv = format!(
            "id, creator\nclip-1,{ADDRESS}\n550e8400-e29b-41d4-a716-446655440000,@3\n\"clip,2\",1/2\n"
        );
        assert_eq!(read(csv.as_bytes()).unwrap(), expected);
        let json = format!(
            "{{\"id\":\"clip-1\",\"creator\":\"{ADDRESS}\"}}\n\
             {{\"creator\":\"@3\",\"id\":\"550e8400-e29b-41d4-a716-446655440000\"}}\n\
             {{\"id\":\"clip,2\",\"creator\":\"1/2\"}}\n"
        );
        assert_eq!(read(json.as_bytes()).unwrap(), expected);
        assert_eq!(read(&b""[..]).unwrap(), []);
        assert_eq!(read(&b"id,creator\n"[..]).unwrap(), []);
    }

    #[test]
    fn names_every_malformed_line() {
        let error = bad("id,creator\nok,@1\n,@1\nx,nobody\ntoolongtoolongtoolong,@1\ny,\n");
        assert!(error.starts_with("line 3: a content needs an id; line 4: creator \"nobody\": "));
        assert!(error.contains("line 5: id \"toolongtoolongtoolong\" is 21 bytes long"), "{error}");
        assert!(error.ends_with("line 6: a content needs a creator"), "{error}");
        assert!(bad("{\"id\":1}\n").starts_with("line 1: invalid type: integer"));
        assert!(bad("{\"name\":\"x\"}\n").contains("unknown field `name`"));
        assert!(bad("name\nx\n").starts_with("line 1: column \"name\": expected authority"));
        assert!(bad("id,creator\na,@1,more\n").starts_with("line 2: "));
        assert!(bad("authority\n0/1\n").contains("names a slot"));
        let long = format!("{{\"id\":\"{}\"}}\n{{\"id\":1}}\n", "x".repeat(LINE_BYTES_MAX));
        let error = bad(&long);
        assert!(error.starts_with("line 1: is longer than 4096 bytes; line 2: "), "{error}");
        let many = format!("id,creator\n{}", ",@1\n".repeat(100));
        assert!(bad(&many).ends_with("; and 80 more"));
    }
}
