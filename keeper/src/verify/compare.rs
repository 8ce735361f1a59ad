//! Books against an account.

use pixr::state::shard::ShardRef;

use super::{
    Difference, Subject,
    ledger::{Ledger, Totals},
};
use crate::{
    index::files::{Change, Digest},
    views::ContentId,
};

/// How far books are from an account, kept up to date change by change.
///
/// The account was read at some moment after its last batch. The books agree with it after one of
/// the changes that follow the batch, and it is not known which: so each is tried.
pub struct Comparison {
    /// Contents and creators that differ.
    slots: usize,
    /// The difference at the point that came closest, and how many there were.
    closest: (usize, Option<Difference>),
}

impl Comparison {
    /// Compares everything.
    pub fn new(ledger: &Ledger, account: &ShardRef) -> Self {
        let contents = (0..account.contents.len()).filter(|at| content(ledger, account, *at));
        let creators = (0..account.creators.len()).filter(|at| creator(ledger, account, *at));
        let slots = contents.count() + creators.count();
        let mut new = Self { slots, closest: (usize::MAX, None) };
        new.judge(ledger, account);
        new
    }

    /// Whether the books agree with the account now.
    pub fn agrees(&self) -> bool {
        self.closest.0 == 0
    }

    /// The first difference at the point that came closest.
    pub fn difference(&self) -> Option<&Difference> {
        self.closest.1.as_ref()
    }

    /// Books a change and compares what it touches.
    pub fn change(
        &mut self,
        ledger: &mut Ledger,
        account: &ShardRef,
        change: &Change,
        at: Subject,
    ) -> Result<(), Difference> {
        let differs = |ledger: &Ledger| match *change {
            Change::Quality { content: number, .. } => content(ledger, account, slot(number)),
            Change::Tip { creator: number, .. }
            | Change::Withdrawn { creator: number, .. }
            | Change::Requested { creator: number, .. }
            | Change::Cancelled { creator: number, .. } => creator(ledger, account, slot(number)),
            Change::Executed { .. } | Change::Funded { .. } | Change::FeesCollected { .. } => false,
        };
        let before = differs(ledger);
        ledger.change(change, at)?;
        let after = differs(ledger);
        self.slots = self.slots - usize::from(before) + usize::from(after);
        self.judge(ledger, account);
        Ok(())
    }

    fn judge(&mut self, ledger: &Ledger, account: &ShardRef) {
        let totals = header(ledger, account).filter(differs).count();
        let count = self.slots + totals + usize::from(ledger.hash.0 != account.header.hash);
        if count < self.closest.0 {
            self.closest = (count, first(ledger, account));
        }
    }
}

fn slot(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Name, what follows from the files, what the account says.
type Field = (&'static str, i128, i128);

fn differs((_, expected, found): &Field) -> bool {
    expected != found
}

/// Whether a content differs; one without a slot in the account does not.
fn content(ledger: &Ledger, account: &ShardRef, at: usize) -> bool {
    content_fields(ledger, account, at).is_some_and(|fields| fields.iter().any(differs))
}

fn content_fields(ledger: &Ledger, account: &ShardRef, at: usize) -> Option<[Field; 4]> {
    let (books, slot) = (ledger.contents().get(at)?, account.contents.get(at)?);
    Some([
        ("views", books.views.into(), slot.views.into()),
        ("earned", books.earned.into(), slot.earned.into()),
        ("remainder", books.remainder.into(), slot.remainder.into()),
        ("quality", books.quality.into(), slot.quality().into()),
    ])
}

fn creator(ledger: &Ledger, account: &ShardRef, at: usize) -> bool {
    creator_fields(ledger, account, at).is_some_and(|fields| fields.iter().any(differs))
}

fn creator_fields(ledger: &Ledger, account: &ShardRef, at: usize) -> Option<[Field; 2]> {
    let (books, slot) = (ledger.creators().get(at)?, account.creators.get(at)?);
    Some([
        ("balance", books.balance.into(), slot.balance.into()),
        ("withdrawn", books.withdrawn.into(), slot.withdrawn.into()),
    ])
}

/// Every total of the header. Sums of checked totals do not overflow here.
fn header(ledger: &Ledger, account: &ShardRef) -> impl Iterator<Item = Field> {
    let Totals { views, credited, funded, tipped, withdrawn, delayed, .. } = ledger.totals;
    let Totals { platform_fees, processing_fees, .. } = ledger.totals;
    let wide = i128::from;
    let header = account.header;
    let balances = wide(ledger.totals.balances());
    [
        ("views in all", wide(views), wide(header.views)),
        ("credited in all", wide(credited), wide(header.credited)),
        ("tipped in all", wide(tipped), wide(header.tipped)),
        ("withdrawn in all", wide(withdrawn), wide(header.withdrawn)),
        ("delayed withdrawals", wide(delayed), wide(header.delayed)),
        ("balances in all", balances, wide(header.balances)),
        ("funded in all", wide(funded), wide(header.funded)),
        ("reward budget", wide(funded) - wide(credited), wide(header.reward_budget)),
        ("platform fees", wide(platform_fees), wide(header.platform_fees)),
        ("processing fees", wide(processing_fees), wide(header.processing_fees)),
    ]
    .into_iter()
}

fn first(ledger: &Ledger, account: &ShardRef) -> Option<Difference> {
    let shard = account.header.number;
    if ledger.hash.0 != account.header.hash {
        let (subject, field) = (Subject::Batch { sequence: ledger.sequence }, "hash");
        let (expected, found) = (ledger.hash.to_string(), Digest(account.header.hash).to_string());
        return Some(Difference { shard, subject, field, expected, found });
    }
    let contents = account.contents.iter().enumerate().filter_map(|(at, slot)| {
        let field = content_fields(ledger, account, at)?.into_iter().find(differs)?;
        Some((Subject::Content { content: at, id: ContentId(slot.id) }, field))
    });
    let creators = account.creators.iter().enumerate().filter_map(|(at, slot)| {
        let field = creator_fields(ledger, account, at)?.into_iter().find(differs)?;
        Some((Subject::Creator { creator: at, authority: slot.authority }, field))
    });
    let header = header(ledger, account).filter(differs).map(|field| (Subject::Shard, field));
    let (subject, (field, expected, found)) = contents.chain(creators).chain(header).next()?;
    let (expected, found) = (expected.to_string(), found.to_string());
    Some(Difference { shard, subject, field, expected, found })
}
