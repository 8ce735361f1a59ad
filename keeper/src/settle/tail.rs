//! The batches of a shard that are not finalized yet, and where the chain is among them.

use std::collections::VecDeque;

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use pixr::state::Shard;
use pixr_client::Platform;
use solana_instruction::Instruction;
use solana_signature::Signature;

use super::{Kind, blocked::Blocked};
use crate::chain::transactions::{Limits, Version};

/// A transaction that was signed for a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub signature: Signature,
    pub bytes: Vec<u8>,
    pub version: Version,
    pub limits: Limits,
    pub last_valid_block_height: u64,
    pub signed_at: DateTime<Utc>,
    /// Whether it can still land, for all that is known.
    pub pending: bool,
}

/// A planned batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub sequence: u64,
    pub kind: Kind,
    /// The plan whose windows it is made of.
    pub plan: i64,
    pub entries: Vec<u8>,
    /// The shard's running hash after it.
    pub hash: [u8; 32],
    pub credits: u64,
    pub views: u64,
    pub oldest_at: DateTime<Utc>,
    /// Oldest first. At most one is pending.
    pub attempts: Vec<Attempt>,
    /// When it was first seen to have landed.
    pub confirmed_at: Option<DateTime<Utc>>,
}

impl Batch {
    /// The instruction that makes it the shard's next batch.
    pub fn instruction(&self, platform: &Platform, keeper: Pubkey, shard: Pubkey) -> Instruction {
        self.kind.instruction(platform, keeper, shard, self.sequence, self.entries.clone())
    }

    /// The transaction that can still land.
    pub fn pending(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.pending)
    }
}

/// A batch number with the running hash after that batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub sequence: u64,
    pub hash: [u8; 32],
}

/// The end of a shard's list of batches, as the database has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The first batches that are not finalized, in order; all, or as many as were loaded.
    pub open: VecDeque<Batch>,
    /// The number of the last finalized batch, if there are batches at all; that of the batch
    /// before the first one when none is finalized.
    pub finalized: Option<u64>,
    /// The last batch of all.
    pub last: Option<Link>,
}

/// Where the chain is in a [`Tail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Every batch has landed.
    Drained,
    /// The chain waits for the open batch with this number.
    Next(u64),
    /// The chain has landed every loaded batch, but there are more.
    Unloaded,
}

impl Tail {
    /// The number of the last loaded batch.
    pub fn loaded(&self) -> Option<u64> {
        self.open.back().map(|batch| batch.sequence).or(self.finalized)
    }

    /// The open batch with this number, if it is loaded.
    pub fn batch(&self, sequence: u64) -> Option<&Batch> {
        self.open.get(self.place(sequence)?)
    }

    /// The same, to be changed.
    pub fn batch_mut(&mut self, sequence: u64) -> Option<&mut Batch> {
        let place = self.place(sequence)?;
        self.open.get_mut(place)
    }

    /// Open batches follow each other without a gap.
    fn place(&self, sequence: u64) -> Option<usize> {
        let first = self.open.front()?.sequence;
        usize::try_from(sequence.checked_sub(first)?).ok()
    }

    /// Finds the batch that the chain waits for, and makes sure that database and chain tell the same
    /// story: the running hash that the chain has must lead to the one that the database has.
    pub fn position(&self, shard: u32, header: &Shard) -> Result<Position, Blocked> {
        let (Some(last), Some(finalized)) = (self.last, self.finalized) else {
            return Ok(Position::Drained);
        };
        let next = header.next_sequence;
        if next > last.sequence.saturating_add(1) {
            return Err(Blocked::chain_ahead(shard, next, last.sequence));
        }
        if next <= finalized {
            return Err(Blocked::chain_behind(shard, next, finalized));
        }
        if self.loaded().is_some_and(|loaded| loaded < last.sequence && loaded < next) {
            return Ok(Position::Unloaded);
        }
        if next > last.sequence {
            let same = header.hash == last.hash;
            return if same { Ok(Position::Drained) } else { Err(differs(shard, last, header)) };
        }
        let Some(batch) = self.batch(next) else { return Ok(Position::Unloaded) };
        let link = Link { sequence: batch.sequence, hash: batch.hash };
        if batch.kind.chain(&header.hash, &batch.entries) != batch.hash {
            return Err(differs(shard, link, header));
        }
        Ok(Position::Next(next))
    }
}

fn differs(shard: u32, link: Link, header: &Shard) -> Blocked {
    Blocked::hash_differs(shard, link.sequence, &header.hash)
}

#[cfg(test)]
mod tests;
