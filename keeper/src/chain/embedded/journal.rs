//! The journal: every change of the chain, one record each, in segments that are never rewritten.
//!
//! A segment starts with [`MAGIC`]; a record is its length (4 bytes), a checksum (8 bytes) and the
//! Borsh encoding of a [`Record`]. The checksum is keyed with the record's place, so that bytes left
//! over from something else are not taken for a record. Segments stay as the chain's history.

use std::{
    fs::{File, OpenOptions},
    hash::Hasher,
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anchor_lang::{AnchorDeserialize, AnchorSerialize, prelude::Pubkey};
use siphasher::sip::SipHasher13;

use crate::chain::ChainTime;

/// What every segment starts with.
const MAGIC: [u8; 8] = *b"pixrjnl1";
/// Where the first record of a segment lies.
pub const START: u64 = 8;
/// Bytes before a record: its length and its checksum.
const FRAME_BYTES: u64 = 12;
/// Largest record, in bytes: a program of 10 MiB is the largest thing that is recorded.
const RECORD_BYTES_MAX: u32 = 16 << 20;

/// A place in the journal, in bytes from the start of a segment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, AnchorSerialize, AnchorDeserialize,
)]
pub struct Position {
    pub segment: u32,
    pub offset: u64,
}

/// A change, and the chain's time at which it was made.
#[derive(Clone, Debug, PartialEq, Eq, AnchorSerialize, AnchorDeserialize)]
pub struct Record {
    pub slot: u64,
    pub unix_seconds: i64,
    pub change: Change,
}

/// What changes the chain.
#[derive(Clone, Debug, PartialEq, Eq, AnchorSerialize, AnchorDeserialize)]
pub enum Change {
    /// The chain begins. Its blockhashes follow from `seed`, its slots from `unix_millis`.
    Genesis { seed: [u8; 32], unix_millis: u64 },
    /// The program was put in its place, or replaced.
    Program { elf: Vec<u8> },
    /// Lamports out of nowhere.
    Airdrop { to: Pubkey, lamports: u64 },
    /// The chain's clock was moved to so far ahead of the machine's.
    Ahead { millis: u64 },
    /// A transaction was executed.
    Transaction(Executed),
}

/// A transaction and what it did.
#[derive(Clone, Debug, PartialEq, Eq, AnchorSerialize, AnchorDeserialize)]
pub struct Executed {
    /// As it was sent.
    pub bytes: Vec<u8>,
    /// The error as RPC nodes write it in JSON, if it failed.
    pub error: Option<String>,
    pub fee_lamports: u64,
    pub compute_units: u64,
    pub logs: Vec<String>,
}

impl Record {
    pub fn time(&self) -> ChainTime {
        ChainTime { slot: self.slot, unix_seconds: self.unix_seconds }
    }
}

/// The file of a segment.
pub fn path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(format!("journal.{segment:06}"))
}

/// The numbers of the segments in a folder, ascending.
pub fn segments(folder: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("journal."));
        found.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn checksum(at: Position, payload: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(at.segment.into(), at.offset);
    hasher.write(payload);
    hasher.finish()
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message.into())
}

fn length_of(payload: &[u8]) -> io::Result<u32> {
    u32::try_from(payload.len())
        .ok()
        .filter(|length| *length <= RECORD_BYTES_MAX)
        .ok_or_else(|| invalid(format!("a record has at most {RECORD_BYTES_MAX} bytes")))
}

/// The end of the journal, where records are added.
pub struct Journal {
    folder: PathBuf,
    segment: u32,
    file: File,
    /// Bytes of the segment that are durable.
    durable: u64,
    /// Records after them.
    buffer: Vec<u8>,
    /// Whether what is written is waited for. Without, a crash of the machine may cost records.
    sync: bool,
    /// Whether bytes may lie behind `durable` that must not be read again.
    dirty: bool,
}

impl Journal {
    /// Starts a segment.
    pub fn create(folder: &Path, segment: u32, sync: bool) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path(folder, segment))?;
        file.write_all_at(&MAGIC, 0)?;
        if sync {
            file.sync_all()?;
            sync_folder(folder)?;
        }
        let folder = folder.to_owned();
        Ok(Self { folder, segment, file, durable: START, buffer: Vec::new(), sync, dirty: false })
    }

    /// Opens a segment whose last record ends at `end`, and cuts off what lies behind it.
    pub fn open(folder: &Path, end: Position, sync: bool) -> io::Result<Self> {
        if end.offset == START {
            return Self::create(folder, end.segment, sync);
        }
        let file = OpenOptions::new().read(true).write(true).open(path(folder, end.segment))?;
        let mut journal = Self {
            folder: folder.to_owned(),
            segment: end.segment,
            file,
            durable: end.offset,
            buffer: Vec::new(),
            sync,
            dirty: true,
        };
        journal.clean()?;
        Ok(journal)
    }

    /// Where the next record goes.
    pub fn end(&self) -> Position {
        let buffered = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        Position { segment: self.segment, offset: self.durable.saturating_add(buffered) }
    }

    /// Bytes that wait to be written.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Adds a record, not yet durable. Returns where it is.
    pub fn append(&mut self, record: &Record) -> io::Result<Position> {
        let at = self.end();
        let payload = anchor_lang::prelude::borsh::to_vec(record)?;
        self.buffer.extend_from_slice(&length_of(&payload)?.to_le_bytes());
        self.buffer.extend_from_slice(&checksum(at, &payload).to_le_bytes());
        self.buffer.extend_from_slice(&payload);
        Ok(at)
    }

    /// Makes durable what was added. On an error nothing of it is.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.clean()?;
        self.dirty = true;
        self.file.write_all_at(&self.buffer, self.durable)?;
        if self.sync {
            self.file.sync_data()?;
        }
        self.durable = self.end().offset;
        self.buffer.clear();
        self.dirty = false;
        Ok(())
    }

    /// Forgets what was added and did not become durable.
    pub fn discard(&mut self) {
        self.buffer.clear();
    }

    /// Cuts off what an error left behind the durable records: it must never count.
    pub fn clean(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.set_len(self.durable)?;
            if self.sync {
                self.file.sync_all()?;
            }
            self.dirty = false;
        }
        Ok(())
    }

    /// Goes on in the next segment.
    pub fn next_segment(&mut self) -> io::Result<()> {
        let next = self.segment.checked_add(1).ok_or_else(|| invalid("too many segments"))?;
        *self = Self::create(&self.folder, next, self.sync)?;
        Ok(())
    }

    #[cfg(test)]
    pub fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }
}

/// Reads the records of one segment, up to the first that is not whole.
pub struct Records {
    file: BufReader<File>,
    at: Position,
    length: u64,
}

impl Records {
    /// From `start` on. A segment that ends before its first record has none.
    pub fn open(folder: &Path, start: Position) -> io::Result<Self> {
        let mut file = File::open(path(folder, start.segment))?;
        let length = file.metadata()?.len();
        if length >= START {
            let mut magic = [0; MAGIC.len()];
            file.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(invalid("not a journal of this version"));
            }
        }
        if length < start.offset && start.offset > START {
            return Err(invalid(format!("{length} bytes, but {} were there", start.offset)));
        }
        file.seek(SeekFrom::Start(start.offset))?;
        Ok(Self { file: BufReader::with_capacity(1 << 18, file), at: start, length })
    }

    /// Behind the last whole record.
    pub fn end(&self) -> Position {
        self.at
    }

    /// Bytes that are no whole record.
    pub fn torn_bytes(&self) -> u64 {
        self.length.saturating_sub(self.at.offset)
    }

    /// The next record, or `None` at the end of what is whole.
    pub fn read_next(&mut self) -> io::Result<Option<(Position, Record)>> {
        let whole = read_frame(&mut self.file, self.at);
        match whole {
            Ok((bytes, record)) => {
                let at = self.at;
                self.at.offset = at.offset.saturating_add(bytes);
                Ok(Some((at, record)))
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Reads the record at a position.
pub fn read(folder: &Path, at: Position) -> io::Result<Record> {
    let mut file = File::open(path(folder, at.segment))?;
    file.seek(SeekFrom::Start(at.offset))?;
    read_frame(&mut file, at).map(|(_, record)| record)
}

fn read_frame(file: &mut impl Read, at: Position) -> io::Result<(u64, Record)> {
    let (mut length, mut sum) = ([0; 4], [0; 8]);
    file.read_exact(&mut length)?;
    file.read_exact(&mut sum)?;
    let length = u32::from_le_bytes(length);
    if length > RECORD_BYTES_MAX {
        return Err(invalid("a length that cannot be"));
    }
    let mut payload = Vec::new();
    let read = file.take(length.into()).read_to_end(&mut payload)?;
    if u32::try_from(read).ok() != Some(length) {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    if checksum(at, &payload) != u64::from_le_bytes(sum) {
        return Err(invalid("a wrong checksum"));
    }
    let record = Record::try_from_slice(&payload)?;
    Ok((FRAME_BYTES.saturating_add(length.into()), record))
}
