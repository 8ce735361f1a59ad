//! The accounts at one point of the journal, in one file, so that a start need not replay it all.
//!
//! The file is replaced as a whole. It can be deleted: the journal has everything from the beginning.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Error, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use anchor_lang::{AnchorDeserialize, AnchorSerialize, prelude::Pubkey};
use solana_account::{Account, AccountSharedData, ReadableAccount};

use super::journal::{Position, sync_folder};
use crate::chain::ChainTime;

const MAGIC: [u8; 8] = *b"pixrsnp1";
/// Speed before size: it is written while the chain runs.
const COMPRESSION_LEVEL: i32 = 1;
/// Largest account, in bytes.
const ACCOUNT_BYTES_MAX: u64 = 10 << 20;

/// What a chain is, besides its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AnchorSerialize, AnchorDeserialize)]
pub struct Head {
    /// Its blockhashes follow from this.
    pub seed: [u8; 32],
    /// When it began, in milliseconds since 1970.
    pub genesis_millis: u64,
    /// How far its clock is ahead of the machine's, in milliseconds.
    pub ahead_millis: u64,
    /// The slot of the last record.
    pub slot: u64,
    /// The time of the last record.
    pub unix_seconds: i64,
}

impl Head {
    pub fn time(&self) -> ChainTime {
        ChainTime { slot: self.slot, unix_seconds: self.unix_seconds }
    }
}

/// Accounts by address.
pub type Accounts = Vec<(Pubkey, AccountSharedData)>;

/// The chain at one point of the journal.
pub struct Snapshot {
    /// The first record that is not in it.
    pub position: Position,
    pub head: Head,
    /// Those that differ from the accounts that every chain begins with.
    pub accounts: Accounts,
}

#[derive(AnchorSerialize, AnchorDeserialize)]
struct Start {
    magic: [u8; 8],
    position: Position,
    head: Head,
    accounts: u64,
}

#[derive(AnchorSerialize, AnchorDeserialize)]
struct Stored {
    address: Pubkey,
    lamports: u64,
    owner: Pubkey,
    executable: bool,
    rent_epoch: u64,
    data_bytes: u64,
}

fn path(folder: &Path) -> PathBuf {
    folder.join("snapshot")
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Writes the snapshot and, once it is whole, puts it in the place of the one before.
pub fn write(folder: &Path, snapshot: &Snapshot, sync: bool) -> io::Result<()> {
    let new = path(folder).with_extension("new");
    let file = File::create(&new)?;
    let mut encoder = zstd::Encoder::new(BufWriter::new(&file), COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    let Snapshot { position, head, accounts } = snapshot;
    let accounts_count = size(accounts.len());
    Start { magic: MAGIC, position: *position, head: *head, accounts: accounts_count }
        .serialize(&mut encoder)?;
    for (address, account) in accounts {
        Stored {
            address: *address,
            lamports: account.lamports(),
            owner: *account.owner(),
            executable: account.executable(),
            rent_epoch: account.rent_epoch(),
            data_bytes: size(account.data().len()),
        }
        .serialize(&mut encoder)?;
        encoder.write_all(account.data())?;
    }
    encoder.finish()?.flush()?;
    if sync {
        file.sync_all()?;
    }
    std::fs::rename(&new, path(folder))?;
    if sync {
        sync_folder(folder)?;
    }
    Ok(())
}

/// Reads the snapshot, if there is one.
pub fn read(folder: &Path) -> io::Result<Option<Snapshot>> {
    let file = match File::open(path(folder)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(1 << 18, file))?;
    let start = Start::deserialize_reader(&mut decoder)?;
    if start.magic != MAGIC {
        return Err(Error::new(ErrorKind::InvalidData, "not a snapshot of this version"));
    }
    let mut accounts = Vec::new();
    for _ in 0..start.accounts {
        accounts.push(read_account(&mut decoder)?);
    }
    // The checksum is compared where the stream ends.
    if decoder.read(&mut [0])? != 0 {
        return Err(Error::new(ErrorKind::InvalidData, "more accounts than it should have"));
    }
    Ok(Some(Snapshot { position: start.position, head: start.head, accounts }))
}

fn read_account(from: &mut impl Read) -> io::Result<(Pubkey, AccountSharedData)> {
    let stored = Stored::deserialize_reader(from)?;
    if stored.data_bytes > ACCOUNT_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidData, "an account larger than can be"));
    }
    let mut data = vec![0; usize::try_from(stored.data_bytes).map_err(Error::other)?];
    from.read_exact(&mut data)?;
    let Stored { address, lamports, owner, executable, rent_epoch, .. } = stored;
    Ok((address, Account { lamports, data, owner, executable, rent_epoch }.into()))
}
