//! A shard's books, kept by replaying what was published.

use anchor_lang::prelude::Pubkey;
use pixr::{
    constants::{BASE_RATE_MAX, BPS_MAX},
    entries::{Entry, Packed},
    state::{ContentSlot, shard::ShardRef},
};

use super::{
    Difference, Subject,
    accounts::{ContentBooks, CreatorBooks, Totals, add, take},
    rounds::{Rounds, Wrong},
};
use crate::{
    index::files::{Change, Digest, Outcome, Registered},
    settle::Kind,
};

/// A shard's books.
pub struct Ledger {
    shard: u32,
    contents: Vec<ContentBooks>,
    /// The creator of each content.
    owners: Vec<usize>,
    creators: Vec<CreatorBooks>,
    rounds: Rounds,
    pub totals: Totals,
    /// The last batch.
    pub sequence: u64,
    /// The running hash after it.
    pub hash: Digest,
    /// Entries of all batches.
    pub lines: u64,
}

impl Ledger {
    /// Empty books with the slots that an account has. Which creator a content credits never changes;
    /// a content of which no file says with what quality it began is taken to have had the present
    /// one from the start.
    pub fn new(account: &ShardRef) -> Self {
        let begin = |slot: &ContentSlot| ContentBooks { quality: slot.quality(), ..<_>::default() };
        Self {
            shard: account.header.number,
            contents: account.contents.iter().map(begin).collect(),
            owners: account.contents.iter().map(|slot| index(slot.creator)).collect(),
            creators: vec![CreatorBooks::default(); account.creators.len()],
            rounds: Rounds::default(),
            totals: Totals::default(),
            sequence: 0,
            hash: Digest::default(),
            lines: 0,
        }
    }

    pub fn contents(&self) -> &[ContentBooks] {
        &self.contents
    }

    pub fn creators(&self) -> &[CreatorBooks] {
        &self.creators
    }

    pub fn rounds(&self) -> &Rounds {
        &self.rounds
    }

    /// Sets the quality of new contents. Those registered after the account was read have no slot.
    pub fn register(&mut self, new: &Registered, at: Subject) -> Result<(), Difference> {
        if new.quality > BPS_MAX {
            return Err(self.difference(at, "quality", "at most 10000", new.quality));
        }
        let first = index(new.first).min(self.contents.len());
        let end = first.saturating_add(index(new.count)).min(self.contents.len());
        for content in &mut self.contents[first..end] {
            content.quality = new.quality;
        }
        Ok(())
    }

    /// Books a change.
    pub fn change(&mut self, change: &Change, at: Subject) -> Result<(), Difference> {
        if let Change::Quality { content, before, after } = *change {
            return self.set_quality(content, before, after, at);
        }
        if let Some(round) = change.round() {
            let booked = self.of_round(round, change);
            booked.map_err(|(field, expected, found)| {
                self.difference(Subject::Round { round: *round }, field, expected, found)
            })?;
        }
        self.book(change).ok_or_else(|| {
            self.difference(at, "change", "one that the books allow", format!("{change:?}"))
        })
    }

    fn set_quality(
        &mut self,
        content: u32,
        before: u16,
        after: u16,
        at: Subject,
    ) -> Result<(), Difference> {
        let Some(books) = self.contents.get(index(content)).copied() else {
            // Registered after the account was read.
            return Ok(());
        };
        if books.quality != before {
            return Err(self.difference(at, "quality before a change", books.quality, before));
        }
        if after > BPS_MAX {
            return Err(self.difference(at, "quality", "at most 10000", after));
        }
        self.contents[index(content)].quality = after;
        Ok(())
    }

    fn of_round(&mut self, round: &Pubkey, change: &Change) -> Result<(), Wrong> {
        match *change {
            Change::Opened { content, .. } => match self.contents.get_mut(index(content)) {
                Some(books) => self.rounds.open(change, books),
                // Registered after the account was read.
                None => Ok(()),
            },
            _ => self.rounds.change(round, change, &self.contents),
        }
    }

    /// Books what a change does to balances and totals.
    fn book(&mut self, change: &Change) -> Option<()> {
        let Self { totals, creators, .. } = self;
        match *change {
            Change::Quality { .. }
            | Change::Opened { .. }
            | Change::Invested { .. }
            | Change::Refunded { .. }
            | Change::Delivered { .. }
            | Change::Retired { .. } => {}
            Change::Supported { creator: number, amount, .. } => {
                add(&mut creators.get_mut(index(number))?.balance, amount)?;
                add(&mut totals.supported, amount)?;
            }
            Change::Claimed { amount, .. } => {
                take(&mut totals.owed, amount)?;
                add(&mut totals.claimed, amount)?;
            }
            Change::Closed { dust, .. } => {
                take(&mut totals.owed, dust)?;
                add(&mut totals.funded, dust)?;
            }
            Change::Tip { creator: number, net, platform_fee, processing_fee } => {
                add(&mut creators.get_mut(index(number))?.balance, net)?;
                add(&mut totals.tipped, net)?;
                add(&mut totals.platform_fees, platform_fee)?;
                add(&mut totals.processing_fees, processing_fee)?;
            }
            Change::Withdrawn { creator: number, amount } => {
                creators.get_mut(index(number))?.debit(amount)?;
                add(&mut totals.withdrawn, amount)?;
            }
            Change::Requested { creator: number, amount } => {
                creators.get_mut(index(number))?.debit(amount)?;
                add(&mut totals.delayed, amount)?;
            }
            Change::Executed { amount, .. } => {
                take(&mut totals.delayed, amount)?;
                add(&mut totals.withdrawn, amount)?;
            }
            Change::Cancelled { creator: number, amount } => {
                take(&mut totals.delayed, amount)?;
                let creator = creators.get_mut(index(number))?;
                take(&mut creator.withdrawn, amount)?;
                add(&mut creator.balance, amount)?;
            }
            Change::Funded { amount } => add(&mut totals.funded, amount)?,
            Change::FeesCollected { platform_fees, processing_fees } => {
                take(&mut totals.platform_fees, platform_fees)?;
                take(&mut totals.processing_fees, processing_fees)?;
            }
        }
        Some(())
    }

    /// Books the next batch: its place, its running hash, every entry, and that its totals are the
    /// ones stated.
    pub fn batch(&mut self, batch: &Outcome, entries: Vec<u8>) -> Result<(), Difference> {
        let at = Subject::Batch { sequence: batch.sequence };
        let next = self.sequence.saturating_add(1);
        if batch.sequence != next {
            return Err(self.difference(at, "sequence", next, batch.sequence));
        }
        let hash = Digest(batch.kind.0.chain(&self.hash.0, &entries));
        if hash != batch.hash {
            return Err(self.difference(at, "hash", hash, batch.hash));
        }
        if batch.base_rate > BASE_RATE_MAX {
            return Err(self.difference(at, "base rate", "at most 2^38", batch.base_rate));
        }
        let Counted { views, amount, owed } = self.count(batch, entries)?;
        if owed != batch.owed {
            return Err(self.difference(at, "owed to rounds", owed, batch.owed));
        }
        if views != batch.views {
            return Err(self.difference(at, "views", views, batch.views));
        }
        if amount != batch.amount {
            let field = match batch.kind.0 {
                Kind::Views => "credited",
                Kind::Reversal => "value of the reversal",
            };
            return Err(self.difference(at, field, amount, batch.amount));
        }
        self.sequence = batch.sequence;
        self.hash = hash;
        Ok(())
    }

    fn count(&mut self, batch: &Outcome, entries: Vec<u8>) -> Result<Counted, Difference> {
        let shard = self.shard;
        let wrong = |found: String| Difference {
            shard,
            subject: Subject::Batch { sequence: batch.sequence },
            field: "entries",
            expected: "what the program accepts".into(),
            found,
        };
        let packed = Packed::new(entries).map_err(|error| wrong(format!("{error:?}")))?;
        let Counted { mut views, mut amount, mut owed } = Counted::default();
        for entry in packed.entries() {
            let entry = entry.map_err(|error| wrong(format!("{error:?}")))?;
            let counted = self.credit(batch, &entry).and_then(|(counted, shared)| {
                add(&mut views, entry.views)?;
                add(&mut amount, counted)?;
                add(&mut owed, shared)
            });
            counted.ok_or_else(|| wrong(format!("{entry:?}")))?;
            self.lines = self.lines.saturating_add(1);
        }
        if batch.kind.0 == Kind::Views {
            let Totals { views: all_views, credited, shared, owed: all_owed, .. } =
                &mut self.totals;
            add(all_views, views)
                .and_then(|()| add(credited, amount))
                .and_then(|()| add(shared, owed))
                .and_then(|()| add(all_owed, owed))
                .ok_or_else(|| wrong("totals above 64 bits".into()))?;
        }
        Ok(Counted { views, amount, owed })
    }

    /// Returns what an entry counts, and what rounds take of it.
    #[inline]
    fn credit(&mut self, batch: &Outcome, entry: &Entry) -> Option<(u64, u64)> {
        let content = usize::try_from(entry.content).ok()?;
        let books = self.contents.get_mut(content)?;
        let amount = books.count(batch.kind.0, entry, batch.base_rate)?;
        if batch.kind.0 == Kind::Reversal {
            return Some((amount, 0));
        }
        let unix_seconds = u64::try_from(batch.unix_seconds?).ok()?;
        let number = u32::try_from(entry.content).ok()?;
        let left = self.rounds.share_out(number, unix_seconds, books.earned, amount)?;
        let owner = *self.owners.get(content)?;
        add(&mut self.creators.get_mut(owner)?.balance, left)?;
        Some((amount, amount.checked_sub(left)?))
    }

    fn difference(
        &self,
        subject: Subject,
        field: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Difference {
        let (expected, found) = (expected.to_string(), found.to_string());
        Difference { shard: self.shard, subject, field, expected, found }
    }
}

/// What a batch adds up to.
#[derive(Default)]
struct Counted {
    views: u64,
    amount: u64,
    /// What rounds take of it.
    owed: u64,
}

pub fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
