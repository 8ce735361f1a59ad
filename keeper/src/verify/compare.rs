//! Books against an account.

use pixr::state::shard::{Lane, ShardRef, number_of};

use super::{Difference, Subject, accounts::Totals, ledger::Ledger};
use crate::{
    index::files::{Change, Digest},
    views::ContentId,
};

/// How far books are from an account, kept up to date change by change.
///
/// The account was read at some moment after its last batch. The books agree with it after one of
/// the changes that follow the batch, and it is not known which: so each is tried.
pub struct Comparison {
    /// Contents, creators and lanes that differ.
    slots: usize,
    /// The difference at the point that came closest, and how many there were.
    closest: (usize, Option<Difference>),
}

impl Comparison {
    /// Compares everything.
    pub fn new(ledger: &Ledger, account: &ShardRef) -> Self {
        let contents = (0..account.contents.len()).filter(|at| content(ledger, account, *at));
        let creators = (0..account.creators.len()).filter(|at| creator(ledger, account, *at));
        let slots = contents.count() + creators.count() + lanes(ledger, account).count();
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
        let place = change.round().and_then(|round| ledger.rounds().content_of(round));
        let differing = |ledger: &Ledger| match *change {
            Change::Quality { content: number, .. } | Change::Opened { content: number, .. } => {
                usize::from(content(ledger, account, slot(number)))
            }
            Change::Tip { creator: number, .. }
            | Change::Withdrawn { creator: number, .. }
            | Change::Requested { creator: number, .. }
            | Change::Cancelled { creator: number, .. }
            | Change::Supported { creator: number, .. } => {
                usize::from(creator(ledger, account, slot(number)))
            }
            Change::Delivered { .. } | Change::Retired { .. } => {
                let content = place.is_some_and(|at| content(ledger, account, slot(at)));
                lanes(ledger, account).count() + usize::from(content)
            }
            Change::Executed { .. }
            | Change::Funded { .. }
            | Change::FeesCollected { .. }
            | Change::Invested { .. }
            | Change::Refunded { .. }
            | Change::Claimed { .. }
            | Change::Closed { .. } => 0,
        };
        let before = differing(ledger);
        ledger.change(change, at)?;
        let after = differing(ledger);
        self.slots = self.slots - before + after;
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

fn content_fields(ledger: &Ledger, account: &ShardRef, at: usize) -> Option<[Field; 7]> {
    let (books, slot) = (ledger.contents().get(at)?, account.contents.get(at)?);
    let first_lane = ledger.rounds().first_lane(u32::try_from(at).ok()?);
    Some([
        ("views", books.views.into(), slot.views.into()),
        ("earned", books.earned.into(), slot.earned.into()),
        ("remainder", books.remainder.into(), slot.remainder.into()),
        ("quality", books.quality.into(), slot.quality().into()),
        ("next round", books.next_round.into(), slot.next_round.into()),
        ("first lane", number_of(first_lane).into(), number_of(slot.first_lane.into()).into()),
        ("flag of lanes", (first_lane > 0).into(), slot.has_lanes().into()),
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

/// The lanes that differ, each with its first difference. Those that only one side has are told by
/// the header.
fn lanes(ledger: &Ledger, account: &ShardRef) -> impl Iterator<Item = (Subject, Field)> {
    let books = ledger.rounds().lanes();
    let pairs = books.into_iter().zip(account.lanes).zip(1_usize..);
    pairs.filter_map(|((books, found), lane)| {
        let field = lane_fields(&books, found).into_iter().find(differs)?;
        // Which round it is as far as it is one by the books.
        let Lane { content, round, .. } = if books.share_bps > 0 { books } else { *found };
        Some((Subject::Lane { lane, content, round }, field))
    })
}

fn lane_fields(books: &Lane, found: &Lane) -> [Field; 14] {
    let number = |link| i128::from(number_of(link));
    let field = |name, of: fn(&Lane) -> i128| (name, of(books), of(found));
    [
        field("content", |it| it.content.into()),
        field("round", |it| it.round.into()),
        field("share", |it| it.share_bps.into()),
        field("cap", |it| it.cap.into()),
        field("uplift at the cap", |it| it.uplift_at_cap.into()),
        field("term", |it| it.term_seconds.into()),
        field("time of delivery", |it| it.delivered_at.into()),
        field("earned at delivery", |it| it.earned_at_delivery.into()),
        field("baseline, whole base units a second", |it| it.baseline_quotient.into()),
        field("baseline, base units left over", |it| it.baseline_remainder.into()),
        field("baseline, seconds", |it| it.baseline_seconds.into()),
        field("highest uplift", |it| it.uplift_high.into()),
        field("owed", |it| it.owed.into()),
        ("next lane", number(books.next), number(found.next)),
    ]
}

/// Every total of the header. Sums of checked totals do not overflow here.
fn header(ledger: &Ledger, account: &ShardRef) -> impl Iterator<Item = Field> {
    let Totals { views, credited, funded, tipped, withdrawn, delayed, .. } = ledger.totals;
    let Totals { platform_fees, processing_fees, shared, owed, claimed, supported, .. } =
        ledger.totals;
    let wide = i128::from;
    let header = account.header;
    let balances = wide(ledger.totals.balances());
    let count = |count: usize| i128::try_from(count).unwrap_or(i128::MAX);
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
        ("shared in all", wide(shared), wide(header.shared)),
        ("owed to rounds", wide(owed), wide(header.owed)),
        ("claimed in all", wide(claimed), wide(header.claimed)),
        ("supported in all", wide(supported), wide(header.supported)),
        ("lanes", count(ledger.rounds().lanes_used()), header.lane_count.into()),
        ("free lanes", count(ledger.rounds().free_lanes()), header.free_lanes.into()),
        ("first free lane", ledger.rounds().first_free_lane().into(), header.free_lane.into()),
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
    let lanes = lanes(ledger, account);
    let mut all = contents.chain(creators).chain(lanes).chain(header);
    let (subject, (field, expected, found)) = all.next()?;
    let (expected, found) = (expected.to_string(), found.to_string());
    Some(Difference { shard, subject, field, expected, found })
}
