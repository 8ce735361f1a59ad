//! The books of a shard under way, and how they stand to its account.

use pixr::state::shard::ShardRef;
use solana_signature::Signature;

use super::{Difference, Subject, compare::Comparison, ledger::Ledger};
use crate::index::{
    files::{Change, Digest, Outcome, Registered},
    steps::SentStep,
};

/// Books that are kept until they agree with the account.
pub struct Books<'a> {
    pub account: ShardRef<'a>,
    pub ledger: Ledger,
    /// Once the books have every batch that the account has.
    comparison: Option<Comparison>,
    /// The last transaction that is booked, where it is known.
    pub through: Option<Signature>,
    /// The last file that is booked.
    pub last_file: Option<Digest>,
    /// Batches that came from the chain's history.
    pub unpublished: u64,
}

impl<'a> Books<'a> {
    pub fn new(account: ShardRef<'a>) -> Self {
        let ledger = Ledger::new(&account);
        let (comparison, through, last_file) = (None, None, None);
        let mut new = Self { account, ledger, comparison, through, last_file, unpublished: 0 };
        new.compare();
        new
    }

    /// The account's last batch.
    pub fn account_sequence(&self) -> u64 {
        self.account.header.next_sequence.saturating_sub(1)
    }

    /// Whether every balance is as the account has it.
    pub fn agree(&self) -> bool {
        self.comparison.as_ref().is_some_and(Comparison::agrees)
    }

    /// What differs where the books came closest; nothing while batches are missing.
    pub fn difference(&self) -> Option<Difference> {
        self.comparison.as_ref().and_then(Comparison::difference).cloned()
    }

    fn compare(&mut self) {
        if self.ledger.sequence == self.account_sequence() {
            self.comparison = Some(Comparison::new(&self.ledger, &self.account));
        }
    }

    /// Books what happened between two batches, or as much of it as makes the books agree.
    pub fn between(
        &mut self,
        contents: &[Registered],
        changes: impl IntoIterator<Item = Change>,
        at: Subject,
    ) -> Result<(), Difference> {
        for new in contents {
            self.ledger.register(new, at)?;
        }
        if !contents.is_empty() {
            self.compare();
        }
        for change in changes {
            if self.agree() {
                break;
            }
            match &mut self.comparison {
                Some(comparison) => {
                    comparison.change(&mut self.ledger, &self.account, &change, at)?;
                }
                None => self.ledger.change(&change, at)?,
            }
        }
        Ok(())
    }

    /// Books the next batch.
    pub fn batch(&mut self, batch: &Outcome, entries: Vec<u8>) -> Result<(), Difference> {
        self.ledger.batch(batch, entries)?;
        self.compare();
        Ok(())
    }

    /// Books a step of the chain's history. `false` at the first batch that the account does not
    /// have: the books cannot agree behind it.
    pub fn step(&mut self, step: SentStep) -> Result<bool, Difference> {
        let at = Subject::History;
        match step {
            SentStep::Registered(new) => self.between(&[new], [], at)?,
            // An event that tells no shard is of another one.
            SentStep::Changed(change) if self.is_of_another_shard(&change) => {}
            SentStep::Changed(change) => self.between(&[], [change], at)?,
            SentStep::Batch(..) if self.ledger.sequence >= self.account_sequence() => {
                return Ok(false);
            }
            SentStep::Batch(batch, entries) => {
                self.batch(&batch, entries)?;
                self.unpublished += 1;
            }
        }
        Ok(true)
    }

    fn is_of_another_shard(&self, change: &Change) -> bool {
        let opens = matches!(change, Change::Opened { .. });
        !opens && change.round().is_some_and(|round| !self.ledger.rounds().knows(round))
    }
}
