//! The check of one shard.

use std::sync::Arc;

use anchor_lang::AccountDeserialize;
use anchor_lang::prelude::Pubkey;
use anchor_spl::token_interface::TokenAccount;
use futures::{StreamExt, pin_mut};
use object_store::ObjectStore;
use pixr::state::shard::{HEADER_BYTES, ShardRef, read_header};
use solana_account::Account;

use super::{
    Difference, Options, Progress, ShardReport, Subject, Verdict, VerifyError,
    books::Books,
    source::{self, Found},
};
use crate::{
    chain::{Chain, ChainError, Commitment},
    index::{
        files::{BATCH_FORMAT, BatchFile, Digest, Place, TAIL_FORMAT, TailFile},
        history_after,
        steps::sent_steps,
    },
};

/// Transactions that are asked for at once.
const HISTORY_AT_ONCE: usize = 200;
/// How often the vault is read until it does not change while the shard is read.
const VAULT_TRIES: usize = 20;

/// What a shard is checked with.
pub struct Check<'a> {
    pub chain: &'a dyn Chain,
    pub objects: &'a Arc<dyn ObjectStore>,
    pub place: Place,
    pub options: &'a Options,
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// Why a check ends before it has found that all agrees.
enum Stop {
    Differs(Difference),
    /// It cannot be told, and why.
    Undecided(String),
    Failed(VerifyError),
}

impl From<Difference> for Stop {
    fn from(difference: Difference) -> Self {
        Self::Differs(difference)
    }
}

impl From<VerifyError> for Stop {
    fn from(error: VerifyError) -> Self {
        Self::Failed(error)
    }
}

impl From<ChainError> for Stop {
    fn from(error: ChainError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<object_store::Error> for Stop {
    fn from(error: object_store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl Check<'_> {
    /// Reads the account once, and recomputes it from files and, for what has none yet, from the
    /// chain's history.
    pub async fn run(&self) -> Result<ShardReport, VerifyError> {
        let address = self.place.address;
        let account = self.account(&address).await?;
        let account = account.filter(|account| account.owner == pixr::ID);
        let account = account.ok_or(VerifyError::NoShard(address))?;
        let account = ShardRef::parse(&account.data).map_err(|_| VerifyError::NoShard(address))?;
        if (account.header.platform, account.header.number)
            != (self.place.platform, self.place.shard)
        {
            return Err(VerifyError::NoShard(address));
        }
        let (contents, creators) = (account.contents.len(), account.creators.len());
        let mut books = Books::new(account);
        let (verdict, vault) = match self.recompute(&mut books).await {
            Ok(vault) => (Verdict::Agrees, Some(vault)),
            Err(Stop::Differs(difference)) => (Verdict::Differs { difference }, None),
            Err(Stop::Undecided(reason)) => {
                let (published, chain) = (books.ledger.sequence, books.account_sequence());
                (Verdict::Behind { published, chain, reason }, None)
            }
            Err(Stop::Failed(error)) => return Err(error),
        };
        let Books { ledger, unpublished, .. } = books;
        Ok(ShardReport {
            number: self.place.shard,
            address,
            verdict,
            batches: ledger.sequence,
            unpublished,
            lines: ledger.lines,
            contents,
            creators,
            balances: ledger.totals.balances(),
            totals: ledger.totals,
            vault,
        })
    }

    async fn account(&self, address: &Pubkey) -> Result<Option<Account>, ChainError> {
        self.chain.account(address, Commitment::Finalized).await
    }

    /// Returns the tokens in the vault once all agrees.
    async fn recompute(&self, books: &mut Books<'_>) -> Result<u64, Stop> {
        let tail = self.tail().await?;
        self.files(books, tail.as_ref()).await?;
        if !books.agree() && !self.after_files(books, tail).await? {
            self.history(books).await?;
        }
        match books.difference() {
            Some(difference) => Err(difference.into()),
            None => self.vault().await,
        }
    }

    async fn tail(&self) -> Result<Option<TailFile>, Stop> {
        match source::read::<TailFile>(&**self.objects, &self.place.tail_path()).await? {
            Found::File(tail, _) => {
                self.require(Subject::Tail, "format", TAIL_FORMAT, &tail.format)?;
                self.require_place(Subject::Tail, &tail.place)?;
                Ok(Some(tail))
            }
            Found::Missing => Ok(None),
            Found::Unreadable(problem) => Err(self.no_file(Subject::Tail, problem)),
        }
    }

    /// Books every file up to the account's last batch, or to the first that is not there.
    async fn files(&self, books: &mut Books<'_>, tail: Option<&TailFile>) -> Result<(), Stop> {
        let through = books.account_sequence();
        let files = source::batches(self.objects, &self.place, 1..through.saturating_add(1));
        pin_mut!(files);
        let mut sequence = 0;
        while let Some(found) = files.next().await {
            sequence += 1;
            let at = Subject::Batch { sequence };
            match found? {
                Found::File(file, digest) => {
                    self.before_batch(books, &file, sequence)?;
                    books.batch(&file.batch, file.entries)?;
                    books.through = Some(file.signature);
                    books.last_file = Some(digest);
                }
                Found::Unreadable(problem) => return Err(self.no_file(at, problem)),
                // Not published yet.
                Found::Missing if tail.is_none_or(|tail| tail.sequence < sequence) => break,
                Found::Missing => return Err(self.no_file(at, "missing".into())),
            }
            let (shard, lines) = (self.place.shard, books.ledger.lines);
            (self.progress)(Progress { shard, sequence, through, lines });
        }
        Ok(())
    }

    /// Checks what a file says of itself, and books all of it but its batch.
    fn before_batch(
        &self,
        books: &mut Books<'_>,
        file: &BatchFile,
        sequence: u64,
    ) -> Result<(), Stop> {
        let at = Subject::Batch { sequence };
        self.require(at, "format", BATCH_FORMAT, &file.format)?;
        self.require_place(at, &file.place)?;
        self.require(at, "sequence", &sequence, &file.batch.sequence)?;
        self.require_previous(at, books, file.previous_file, file.previous_hash)?;
        let changes = file.changes.iter().map(|changed| changed.change);
        Ok(books.between(&file.contents, changes, at)?)
    }

    /// Books what is published of the time after the last file. Says whether that is everything up
    /// to a batch that the account does not have, so that there is no use in looking further.
    async fn after_files(
        &self,
        books: &mut Books<'_>,
        tail: Option<TailFile>,
    ) -> Result<bool, Stop> {
        let next = books.ledger.sequence.saturating_add(1);
        match tail {
            // The next batch was published since the account was read.
            Some(tail) if tail.sequence >= next => {
                let path = self.place.batch_path(next);
                let at = Subject::Batch { sequence: next };
                match source::read::<BatchFile>(&**self.objects, &path).await? {
                    Found::File(file, _) => self.before_batch(books, &file, next)?,
                    Found::Missing => return Err(self.no_file(at, "missing".into())),
                    Found::Unreadable(problem) => return Err(self.no_file(at, problem)),
                }
                Ok(true)
            }
            Some(tail) if tail.sequence + 1 == next => {
                let at = Subject::Tail;
                self.require_previous(at, books, tail.previous_file, tail.previous_hash)?;
                let changes = tail.changes.iter().map(|changed| changed.change);
                books.between(&tail.contents, changes, at)?;
                books.through = Some(tail.through);
                Ok(false)
            }
            // Older than the last file: the chain goes on where that ends.
            _ => Ok(false),
        }
    }

    /// Books what the chain itself tells of what is not published.
    async fn history(&self, books: &mut Books<'_>) -> Result<(), Stop> {
        let mut seen = 0;
        while !books.agree() {
            if seen >= self.options.history_max {
                return Err(undecided(books, &format!("{seen} transactions are not published")));
            }
            let platform = &self.place.platform;
            let history = history_after(self.chain, platform, books.through, HISTORY_AT_ONCE);
            let transactions = history.await?.ok_or_else(|| {
                undecided(books, "the chain has forgotten the transactions that come next")
            })?;
            if transactions.is_empty() {
                break;
            }
            seen += transactions.len();
            for transaction in transactions {
                books.through = Some(transaction.signature);
                let steps = sent_steps(&transaction, &self.place.address)
                    .map_err(|problem| undecided(books, &problem))?;
                for step in steps {
                    if books.agree() || !books.step(step)? {
                        return Ok(());
                    }
                }
            }
        }
        if !books.agree() && books.difference().is_none() {
            return Err(undecided(books, "the chain's history ends before"));
        }
        Ok(())
    }

    /// The tokens in the vault; fewer than the shard owes are a difference.
    async fn vault(&self) -> Result<u64, Stop> {
        let address = self.place.address;
        let mut before = None;
        for _ in 0..VAULT_TRIES {
            let part = self.chain.account_part(&address, 0, HEADER_BYTES, Commitment::Finalized);
            let header = part.await?.and_then(|part| read_header(&part.data).ok());
            let header = header.ok_or(VerifyError::NoShard(address))?;
            let vault = self.account(&header.vault).await?;
            let vault = vault.and_then(|account| {
                TokenAccount::try_deserialize(&mut account.data.as_slice()).ok()
            });
            let amount = vault.ok_or(VerifyError::NoVault(header.vault))?.amount;
            let owed = header.liabilities().unwrap_or(u64::MAX);
            if amount >= owed {
                return Ok(amount);
            }
            // Money may have moved between the two requests.
            if before == Some((owed, amount)) {
                let expected = format!("at least {owed}");
                return Err(self.difference(Subject::Shard, "vault", expected, amount));
            }
            before = Some((owed, amount));
        }
        Err(VerifyError::Restless(address).into())
    }

    fn require_previous(
        &self,
        at: Subject,
        books: &Books,
        file: Option<Digest>,
        hash: Digest,
    ) -> Result<(), Stop> {
        let show = |digest: Option<Digest>| digest.map_or("none".into(), |it| it.to_string());
        let (expected, found) = (show(books.last_file), show(file));
        self.require(at, "SHA-256 of the file before", &expected, &found)?;
        self.require(at, "hash before", &books.ledger.hash, &hash)
    }

    fn require_place(&self, at: Subject, place: &Place) -> Result<(), Stop> {
        self.require(at, "program", &self.place.program, &place.program)?;
        self.require(at, "platform", &self.place.platform, &place.platform)?;
        self.require(at, "shard", &self.place.shard, &place.shard)?;
        self.require(at, "address", &self.place.address, &place.address)
    }

    fn require<T: ToString + PartialEq<U> + ?Sized, U: ToString + ?Sized>(
        &self,
        subject: Subject,
        field: &'static str,
        expected: &T,
        found: &U,
    ) -> Result<(), Stop> {
        if *expected == *found {
            return Ok(());
        }
        Err(self.difference(subject, field, expected.to_string(), found.to_string()))
    }

    fn no_file(&self, at: Subject, found: String) -> Stop {
        self.difference(at, "file", "a published file of this form", found)
    }

    fn difference(
        &self,
        subject: Subject,
        field: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Stop {
        let (expected, found) = (expected.to_string(), found.to_string());
        Stop::Differs(Difference { shard: self.place.shard, subject, field, expected, found })
    }
}

/// Why it cannot be told, and what differs so far.
fn undecided(books: &Books, reason: &str) -> Stop {
    let so_far = books.difference().map(|difference| format!(" (so far: {difference})"));
    Stop::Undecided(format!("{reason}{}", so_far.unwrap_or_default()))
}
