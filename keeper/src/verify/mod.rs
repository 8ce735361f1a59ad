//! Recomputes every balance from what is published, and compares with the chain. Needs no database:
//! a stranger can run it with the program's id, the platform's address and the files.
//!
//! **What it proves.** Each file's entries are those that the program executed, in their order: the
//! shard's running hash, which the program keeps, chains them all. From them, with the program's own
//! formulas, follow views, earnings and remainder of every content, to the last fraction of a base
//! unit, and balance and withdrawals of every creator; each must be what the account says, and so
//! must the shard's totals. Rounds are part of it: from what files state of their openings, deliveries
//! and claims follows each baseline, each lane and each payment. The vault must hold what the shard owes. Files name the hash of the file
//! before, so none can be altered, lost or exchanged after it was published, even where the account
//! does not depend on it.
//!
//! **What a liar could still do** who publishes files and controls no key: nothing to a balance. He
//! could state another slot, time or transaction for a batch before he publishes it; a base rate and
//! a quality that differ from the true ones but multiply to the same rate for every entry; changes
//! that cancel each other out. What the views were worth counting, the chain cannot know: that is
//! what the keeper's key stands for, and what the program caps by the day.
//!
//! **How it goes with a keeper at work.** The account is read once. Files are booked up to the batch
//! that the account had then; of what followed that batch (tips, withdrawals), as much as makes the
//! books agree. What is not published yet comes from the chain's own history.

mod accounts;
mod books;
mod compare;
mod ledger;
mod report;
mod rounds;
mod shard;
mod source;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Instant};

use anchor_lang::{AccountDeserialize, prelude::Pubkey};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use pixr::state::Platform;

pub use accounts::{ContentBooks, CreatorBooks, Totals};
pub use report::{Difference, Report, ShardReport, Subject, Verdict};

use crate::{
    chain::{Chain, ChainError, Commitment},
    index::files::{MANIFEST_FORMAT, Manifest, Place, manifest_path},
};
use shard::Check;
use source::Found;

/// How far a check goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Shards that are checked at the same time; each takes the memory of its account twice.
    pub shards_at_once: usize,
    /// Most transactions of the chain's history that are read for what is not published.
    pub history_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { shards_at_once: cores.min(8), history_max: 100_000 }
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub shard: u32,
    /// The batch that was booked last.
    pub sequence: u64,
    /// The batch that the account has.
    pub through: u64,
    /// Entries of this shard so far.
    pub lines: u64,
}

/// Why nothing can be checked. Differences are no errors: the report has them.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the published files cannot be read: {0}")]
    Objects(#[from] object_store::Error),
    #[error("there is no platform of this program at {0}")]
    NoPlatform(Pubkey),
    #[error("there is no shard of this platform and version at {0}")]
    NoShard(Pubkey),
    #[error("there is no token account at {0}")]
    NoVault(Pubkey),
    #[error("the money of shard {0} moves all the time; try again")]
    Restless(Pubkey),
}

/// Checks all shards of a platform.
pub async fn verify(
    chain: &Arc<dyn Chain>,
    objects: &Arc<dyn ObjectStore>,
    platform: &Pubkey,
    options: &Options,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report, VerifyError> {
    let started = Instant::now();
    let account = chain.account(platform, Commitment::Finalized).await?;
    let account = account.filter(|account| account.owner == pixr::ID);
    let account = account.ok_or(VerifyError::NoPlatform(*platform))?;
    let state = Platform::try_deserialize(&mut account.data.as_slice())
        .map_err(|_| VerifyError::NoPlatform(*platform))?;
    let (addresses, unlisted) = match listed(&**objects, platform, &state).await? {
        Ok(addresses) => (addresses, None),
        Err(difference) => (Vec::new(), Some(difference)),
    };
    let checks = (0_u32..).zip(addresses).map(|(number, address)| {
        let place = Place::new(*platform, number, address);
        async move { Check { chain: &**chain, objects, place, options, progress }.run().await }
    });
    let shards = stream::iter(checks).buffered(options.shards_at_once.max(1)).try_collect().await?;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Report { program: pixr::ID, platform: *platform, shards, unlisted, milliseconds })
}

/// The addresses of all shards, or what is wrong with the list of them. Each address is checked with
/// its shard: the account there names its platform and number.
async fn listed(
    objects: &dyn ObjectStore,
    platform: &Pubkey,
    state: &Platform,
) -> Result<Result<Vec<Pubkey>, Difference>, VerifyError> {
    let wrong = |field, expected: String, found: String| {
        Ok(Err(Difference { shard: 0, subject: Subject::Manifest, field, expected, found }))
    };
    let manifest = match source::read::<Manifest>(objects, &manifest_path(platform)).await? {
        Found::File(manifest, _) => manifest,
        Found::Missing if state.shard_count == 0 => return Ok(Ok(Vec::new())),
        Found::Missing => return wrong("file", "a list of shards".into(), "missing".into()),
        Found::Unreadable(problem) => return wrong("file", "a list of shards".into(), problem),
    };
    if manifest.format != MANIFEST_FORMAT {
        return wrong("format", MANIFEST_FORMAT.into(), manifest.format);
    }
    let listed = u32::try_from(manifest.shards.len()).unwrap_or(u32::MAX);
    // A shard that was opened since the platform was read may be listed.
    if listed < state.shard_count {
        return wrong("shards", state.shard_count.to_string(), listed.to_string());
    }
    Ok(Ok(manifest.shards))
}
