//! From the files to a chain.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use tokio::sync::broadcast;

use super::{
    clock::{FIRST_SLOT, unix_millis},
    history::History,
    journal::{self, Change, Journal, Position, Record, Records, START},
    ledger::Ledger,
    snapshot::{self, Head},
    worker::Parts,
};
use crate::chain::ChainError;

/// News that a listener may be behind before it misses some; it is told that it did.
const NEWS_MAX: usize = 1_024;

/// How a chain is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To be changed, by this process alone.
    Write {
        /// Whether what is written is waited for.
        sync: bool,
    },
    /// As it is now, whoever changes it.
    Read,
}

/// What replaying the journal has come to.
struct Replay {
    ledger: Ledger,
    head: Option<Head>,
    history: History,
    took: Duration,
}

fn failed(what: &str, folder: &Path, error: impl std::fmt::Display) -> ChainError {
    ChainError::Storage(format!("{what} in {}: {error}", folder.display()))
}

/// Reads a chain's files; where there are none and it may be written, begins one.
pub fn open(folder: &Path, access: Access) -> Result<Parts, ChainError> {
    let fail = |what: &'static str| move |error: io::Error| failed(what, folder, error);
    let (write, sync) = match access {
        Access::Write { sync } => (true, sync),
        Access::Read => (false, false),
    };
    let lock = if write { Some(lock(folder)?) } else { None };
    // First, since whoever writes may make another, of a segment that is not there yet.
    let snapshot = snapshot::read(folder).map_err(fail(
        "the snapshot cannot be read (without it, the chain is made again from its journal)",
    ))?;
    let segments = journal::segments(folder).map_err(fail("the journal"))?;
    let last = check(&segments).map_err(fail("the journal"))?;
    let history = History::open(folder, last.unwrap_or(0), write).map_err(fail("the index"))?;
    let position = snapshot.as_ref().map(|snapshot| snapshot.position);
    let mut replay =
        Replay { ledger: Ledger::default(), head: None, history, took: Duration::ZERO };
    if let Some(snapshot) = snapshot {
        replay.head = Some(snapshot.head);
        replay.ledger.restore(snapshot.head.time(), snapshot.accounts)?;
    }
    let end = match last {
        Some(last) => Some(replay.run(folder, position, last)?),
        None if position.is_some() => return Err(failed("no journal", folder, "there was one")),
        None => None,
    };
    let writer = match (lock, end) {
        (None, _) => None,
        (Some(lock), Some(end)) => {
            Some((Journal::open(folder, end, sync).map_err(fail("the journal"))?, lock))
        }
        (Some(lock), None) => {
            Some((Journal::create(folder, 0, sync).map_err(fail("the journal"))?, lock))
        }
    };
    finish(folder, replay, writer, sync, position)
}

fn finish(
    folder: &Path,
    mut replay: Replay,
    mut writer: Option<(Journal, File)>,
    sync: bool,
    snapshot: Option<Position>,
) -> Result<Parts, ChainError> {
    let head = match (replay.head, &mut writer) {
        (Some(head), _) => head,
        (None, Some((journal, _))) => {
            begin(journal, &mut replay.history).map_err(|e| failed("the journal", folder, e))?
        }
        (None, None) => return Err(failed("no chain", folder, "nothing is recorded there")),
    };
    Ok(Parts {
        folder: folder.to_owned(),
        head,
        ledger: replay.ledger,
        history: Arc::new(RwLock::new(replay.history)),
        news: broadcast::Sender::new(NEWS_MAX),
        writer,
        sync,
        snapshot,
        replay_time: replay.took,
    })
}

/// Makes sure that nobody else writes to the folder, for as long as the file is open.
fn lock(folder: &Path) -> Result<File, ChainError> {
    let fail = |error: io::Error| failed("the lock", folder, error);
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("lock"))
        .map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // It may just be being written.
            let _ = file.read_to_string(&mut pid);
            let holder = match pid.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(ChainError::InUse { folder: folder.display().to_string(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(fail(error)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(fail)?;
    Ok(file)
}

/// The last segment, if none before it is missing.
fn check(segments: &[u32]) -> io::Result<Option<u32>> {
    for (expected, segment) in (0_u32..).zip(segments) {
        if expected != *segment {
            return Err(io::Error::other(format!("segment {expected} is missing")));
        }
    }
    Ok(segments.last().copied())
}

/// The first record of a chain.
fn begin(journal: &mut Journal, history: &mut History) -> io::Result<Head> {
    let unix_millis = unix_millis();
    let seed = rand::random();
    let head = Head {
        seed,
        genesis_millis: unix_millis,
        ahead_millis: 0,
        slot: FIRST_SLOT,
        unix_seconds: i64::try_from(unix_millis / 1_000).unwrap_or(i64::MAX),
    };
    let record = Record {
        slot: head.slot,
        unix_seconds: head.unix_seconds,
        change: Change::Genesis { seed, unix_millis },
    };
    let at = journal.append(&record)?;
    journal.sync()?;
    history.add(at, &record);
    Ok(head)
}

impl Replay {
    /// Replays what the snapshot at `position` does not have. Returns where the journal ends.
    fn run(
        &mut self,
        folder: &Path,
        position: Option<Position>,
        last: u32,
    ) -> Result<Position, ChainError> {
        let from = position.unwrap_or(Position { segment: 0, offset: START });
        if from.segment > last {
            return Err(failed("the journal", folder, "it ends before the snapshot"));
        }
        for segment in from.segment..last {
            let start = if segment == from.segment { from.offset } else { START };
            let end = self.segment(folder, Position { segment, offset: start }, false, from)?;
            if end.1 > 0 {
                let at = end.0.offset;
                let what = format!("segment {segment} is damaged at byte {at}");
                return Err(failed("the journal", folder, what));
            }
        }
        // All of the last one is read: what it has is in no index yet.
        let start = Position { segment: last, offset: START };
        let (end, torn) = self.segment(folder, start, true, from)?;
        if end < from {
            let what = format!("it is damaged at byte {} of segment {last}", end.offset);
            return Err(failed("the journal", folder, what));
        }
        if torn > 0 {
            tracing::warn!(bytes = torn, "the journal ends in what a crash left of its last write");
        }
        Ok(end)
    }

    /// Replays a segment from `start` on, but nothing before `from`. Returns where it ends and how
    /// many bytes follow there that are no record.
    fn segment(
        &mut self,
        folder: &Path,
        start: Position,
        index: bool,
        from: Position,
    ) -> Result<(Position, u64), ChainError> {
        let fail = |error: io::Error| failed("the journal", folder, error);
        let mut records = Records::open(folder, start).map_err(fail)?;
        while let Some((at, record)) = records.read_next().map_err(fail)? {
            if index {
                self.history.add(at, &record);
            }
            if at >= from {
                self.record(record)?;
            }
        }
        Ok((records.end(), records.torn_bytes()))
    }

    fn record(&mut self, record: Record) -> Result<(), ChainError> {
        let (slot, unix_seconds) = (record.slot, record.unix_seconds);
        let head = match (&record.change, self.head) {
            (Change::Genesis { seed, unix_millis }, None) => Head {
                seed: *seed,
                genesis_millis: *unix_millis,
                ahead_millis: 0,
                slot,
                unix_seconds,
            },
            (Change::Genesis { .. }, Some(_)) | (_, None) => {
                return Err(ChainError::Storage("a chain begins once, at its beginning".into()));
            }
            (Change::Ahead { millis }, Some(head)) => Head { ahead_millis: *millis, ..head },
            (_, Some(head)) => head,
        };
        self.head = Some(Head { slot, unix_seconds, ..head });
        let started = Instant::now();
        self.ledger.replay(record)?;
        self.took += started.elapsed();
        Ok(())
    }
}
