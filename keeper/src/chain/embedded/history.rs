//! Which transactions there are: by signature, and by the addresses that they name.
//!
//! For every key (a signature or an address) the places of its transactions, sorted. Those of the
//! segment that grows are in memory; each earlier one has them in a file of its own, searched where
//! it lies. So memory does not grow with the chain. Keys are hashed to 8 bytes: what is found is
//! compared with the record.

use std::{
    collections::BTreeSet,
    fs::File,
    hash::Hasher,
    io::{self, BufWriter, Error, ErrorKind, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anchor_lang::prelude::Pubkey;
use siphasher::sip::SipHasher13;
use solana_signature::Signature;

use super::journal::{self, Change, Executed, Position, Record, Records, START, sync_folder};
use crate::chain::{ChainTime, transactions};

const MAGIC: [u8; 8] = *b"pixridx1";
/// Magic, last slot, number of pairs.
const HEADER_BYTES: u64 = 24;
const PAIR_BYTES: u64 = 16;

/// A hashed key, and the offset of a transaction in its segment.
type Pair = (u64, u64);

enum Pairs {
    Memory(BTreeSet<Pair>),
    /// So many, in the segment's index file.
    File(u64),
}

struct Segment {
    pairs: Pairs,
    /// The slot of its last record.
    last_slot: u64,
}

impl Segment {
    /// One that goes on after `last_slot`.
    fn new(last_slot: u64) -> Self {
        Self { pairs: Pairs::Memory(BTreeSet::new()), last_slot }
    }
}

/// The index of all segments.
pub struct History {
    folder: PathBuf,
    segments: Vec<Segment>,
}

fn key(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

fn path(folder: &Path, segment: usize) -> PathBuf {
    folder.join(format!("index.{segment:06}"))
}

fn number(segment: usize) -> io::Result<u32> {
    u32::try_from(segment).map_err(Error::other)
}

impl History {
    /// Opens the index of the first `closed` segments. Where a file is missing, it is made again
    /// from the segment, and kept in memory unless `write` is set.
    pub fn open(folder: &Path, closed: u32, write: bool) -> io::Result<Self> {
        let mut history = Self { folder: folder.to_owned(), segments: Vec::new() };
        for number in 0..closed {
            let segment = match open_file(folder, history.segments.len()) {
                Ok(segment) => segment,
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) =>
                {
                    rebuild(folder, number)?
                }
                Err(error) => return Err(error),
            };
            history.segments.push(segment);
            if write {
                history.store_last(true)?;
            }
        }
        history.push();
        Ok(history)
    }

    /// Adds a record of the segment that grows. Returns the addresses that its transaction names.
    pub fn add(&mut self, at: Position, record: &Record) -> Option<Vec<Pubkey>> {
        self.segments.last_mut()?.add(at.offset, record)
    }

    /// Closes the segment that grows: its index goes into a file. On an error it stays in memory.
    pub fn next_segment(&mut self, sync: bool) -> io::Result<()> {
        let stored = self.store_last(sync);
        self.push();
        stored
    }

    fn push(&mut self) {
        let last_slot = self.segments.last().map_or(0, |segment| segment.last_slot);
        self.segments.push(Segment::new(last_slot));
    }

    fn store_last(&mut self, sync: bool) -> io::Result<()> {
        let number = self.segments.len().saturating_sub(1);
        let Some(segment) = self.segments.last_mut() else { return Ok(()) };
        let Pairs::Memory(pairs) = &segment.pairs else { return Ok(()) };
        write_file(&self.folder, number, segment.last_slot, pairs, sync)?;
        segment.pairs = Pairs::File(u64::try_from(pairs.len()).map_err(Error::other)?);
        Ok(())
    }

    /// Where the transaction with this signature is. One whose last slot is below `since` may be
    /// overlooked.
    pub fn find(&self, signature: &Signature, since: u64) -> io::Result<Option<Position>> {
        let key = key(signature.as_ref());
        for (number, segment) in self.segments.iter().enumerate().rev() {
            if segment.last_slot < since {
                break;
            }
            for at in self.places(number, key, START, usize::MAX)? {
                if transactions::signature(&self.read(at)?.bytes).ok() == Some(*signature) {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    /// Places, oldest first, of at most `limit` transactions after the one at `after` that name
    /// `address`, or only seem to.
    pub fn naming(
        &self,
        address: &Pubkey,
        after: Option<Position>,
        limit: usize,
    ) -> io::Result<Vec<Position>> {
        let key = key(address.as_ref());
        let mut found = Vec::new();
        let (first, mut from) = match after {
            None => (0, START),
            Some(at) => (at.segment, at.offset.saturating_add(1)),
        };
        for segment in usize::try_from(first).map_err(Error::other)?..self.segments.len() {
            let left = limit.saturating_sub(found.len());
            if left == 0 {
                break;
            }
            found.extend(self.places(segment, key, from, left)?);
            from = START;
        }
        Ok(found)
    }

    /// The transaction at a position.
    pub fn read(&self, at: Position) -> io::Result<Executed> {
        read(&self.folder, at).map(|(executed, _)| executed)
    }

    fn places(
        &self,
        segment: usize,
        key: u64,
        from: u64,
        limit: usize,
    ) -> io::Result<Vec<Position>> {
        let number = number(segment)?;
        let offsets = match &self.segments[segment].pairs {
            Pairs::Memory(pairs) => pairs
                .range((key, from)..=(key, u64::MAX))
                .take(limit)
                .map(|(_, offset)| *offset)
                .collect(),
            Pairs::File(count) => {
                search(&File::open(path(&self.folder, segment))?, *count, (key, from), limit)?
            }
        };
        Ok(offsets.into_iter().map(|offset| Position { segment: number, offset }).collect())
    }
}

/// The transaction at a position, and the record's time.
pub fn read(folder: &Path, at: Position) -> io::Result<(Executed, ChainTime)> {
    let record = journal::read(folder, at)?;
    let time = record.time();
    match record.change {
        Change::Transaction(executed) => Ok((executed, time)),
        _ => Err(Error::new(ErrorKind::InvalidData, "not a transaction")),
    }
}

impl Segment {
    fn add(&mut self, offset: u64, record: &Record) -> Option<Vec<Pubkey>> {
        self.last_slot = record.slot;
        let (Pairs::Memory(pairs), Change::Transaction(executed)) =
            (&mut self.pairs, &record.change)
        else {
            return None;
        };
        // What was executed parses.
        let transaction = transactions::parse(&executed.bytes).ok()?;
        pairs.extend(transaction.signatures.first().map(|it| (key(it.as_ref()), offset)));
        let addresses = transaction.message.static_account_keys().to_vec();
        pairs.extend(addresses.iter().map(|address| (key(address.as_ref()), offset)));
        Some(addresses)
    }
}

fn rebuild(folder: &Path, number: u32) -> io::Result<Segment> {
    let mut segment = Segment::new(0);
    let mut records = Records::open(folder, Position { segment: number, offset: START })?;
    while let Some((at, record)) = records.read_next()? {
        segment.add(at.offset, &record);
    }
    Ok(segment)
}

fn write_file(
    folder: &Path,
    number: usize,
    last_slot: u64,
    pairs: &BTreeSet<Pair>,
    sync: bool,
) -> io::Result<()> {
    let new = path(folder, number).with_extension("new");
    let file = File::create(&new)?;
    let mut writer = BufWriter::new(&file);
    writer.write_all(&MAGIC)?;
    writer.write_all(&last_slot.to_le_bytes())?;
    writer.write_all(&u64::try_from(pairs.len()).map_err(Error::other)?.to_le_bytes())?;
    for (key, offset) in pairs {
        writer.write_all(&key.to_le_bytes())?;
        writer.write_all(&offset.to_le_bytes())?;
    }
    writer.flush()?;
    drop(writer);
    if sync {
        file.sync_all()?;
    }
    std::fs::rename(&new, path(folder, number))?;
    if sync {
        sync_folder(folder)?;
    }
    Ok(())
}

fn open_file(folder: &Path, number: usize) -> io::Result<Segment> {
    let invalid = || Error::new(ErrorKind::InvalidData, "not an index of this version");
    let mut file = File::open(path(folder, number))?;
    let length = file.metadata()?.len();
    let mut header = [[0; 8]; 3];
    file.read_exact(header.as_flattened_mut()).map_err(|_| invalid())?;
    let [magic, last_slot, count] = header;
    let count = u64::from_le_bytes(count);
    let whole = count.checked_mul(PAIR_BYTES).and_then(|bytes| bytes.checked_add(HEADER_BYTES));
    if magic != MAGIC || whole != Some(length) {
        return Err(invalid());
    }
    Ok(Segment { pairs: Pairs::File(count), last_slot: u64::from_le_bytes(last_slot) })
}

/// Offsets of the pairs from `from` on that have its key.
fn search(file: &File, count: u64, from: Pair, limit: usize) -> io::Result<Vec<u64>> {
    let pair = |index: u64| -> io::Result<Pair> {
        let mut bytes = [[0; 8]; 2];
        let at = index.saturating_mul(PAIR_BYTES).saturating_add(HEADER_BYTES);
        file.read_exact_at(bytes.as_flattened_mut(), at)?;
        let [key, offset] = bytes.map(u64::from_le_bytes);
        Ok((key, offset))
    };
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if pair(middle)? < from {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    let mut found = Vec::new();
    while low < count && found.len() < limit {
        let (key, offset) = pair(low)?;
        if key != from.0 {
            break;
        }
        found.push(offset);
        low = low.saturating_add(1);
    }
    Ok(found)
}
