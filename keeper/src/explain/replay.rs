//! What each entry of a content earned.

use chrono::{DateTime, Utc};
use pixr::{
    entries::{Entry, Packed},
    math::earnings::{SCALE, rate_floor},
    state::{ContentSlot, CreatorSlot, shard::HEADER_BYTES},
};
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};
use solana_signature::Signature;

use super::{ExplainError, corrupt, text};
use crate::{
    amount::Amount,
    app::{App, ShardHead},
    chain::Commitment,
    index::{
        batches::{IndexedStep, Range, steps},
        files::{Change, KindName, Outcome},
        registry,
        steps::Step,
    },
    settle::Kind,
    verify::ContentBooks,
};

/// Steps that are read at once: a batch has up to 4 KiB.
const STEPS_AT_ONCE: i64 = 500;

/// An entry of a batch, and what it did to its content.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Payment {
    pub sequence: u64,
    pub kind: KindName,
    #[serde_as(as = "DisplayFromStr")]
    pub signature: Signature,
    pub slot: u64,
    pub block_time: Option<DateTime<Utc>>,
    pub views: u64,
    /// Basis points.
    pub relevance: u64,
    /// Base units for 1,000 views at full quality and relevance.
    #[serde_as(as = "DisplayFromStr")]
    pub base_rate: u64,
    /// Basis points.
    pub quality: u16,
    /// What follows from these two.
    #[serde_as(as = "DisplayFromStr")]
    pub rate: u64,
    /// Fractions of a base unit, times 10^7.
    #[serde_as(as = "DisplayFromStr")]
    pub remainder_before: i64,
    #[serde_as(as = "DisplayFromStr")]
    pub remainder_after: i64,
    /// What was credited; what the views are worth that were taken back.
    pub amount: Amount,
}

impl Payment {
    /// The rate's formula with its numbers.
    pub fn rate_formula(&self) -> String {
        let Self { base_rate, quality, rate, .. } = self;
        format!("rate = floor({base_rate} x {quality} / 10000) = {rate}")
    }

    /// The amount's formula with its numbers.
    pub fn formula(&self) -> String {
        let Self { views, relevance, rate, remainder_before: before, amount, .. } = self;
        let amount = amount.base_units;
        match self.kind.0 {
            Kind::Views if self.remainder_after < 0 => format!(
                "{views} x {relevance} x {rate} + ({before}) is below zero: nothing is earned, the \
                 debt shrinks to {}",
                self.remainder_after
            ),
            Kind::Views => format!(
                "earned = floor(({views} x {relevance} x {rate} + ({before})) / {SCALE}) = {amount}"
            ),
            Kind::Reversal => format!(
                "worth = ceil({views} x {relevance} x {rate} / {SCALE}) = {amount}; no balance \
                 changes, the remainder goes down by {views} x {relevance} x {rate}"
            ),
        }
    }

    /// What one view of this entry is worth, exactly, in base units.
    pub fn worth_of_a_view(&self) -> String {
        text::scaled(i128::from(self.relevance) * i128::from(self.rate))
    }
}

/// A content's finalized slot.
pub async fn content_slot(
    app: &App,
    shard: &ShardHead,
    content: u32,
) -> Result<ContentSlot, ExplainError> {
    let unknown = || {
        let count = shard.header.content_count;
        ExplainError::Unknown(format!(
            "shard {} has no content {content}: there are {count}",
            shard.number
        ))
    };
    let bytes = |count: u32, size: usize| usize::try_from(count).ok()?.checked_mul(size);
    let offset = bytes(shard.header.creator_capacity, size_of::<CreatorSlot>())
        .zip(bytes(content, size_of::<ContentSlot>()))
        .and_then(|(creators, contents)| HEADER_BYTES.checked_add(creators)?.checked_add(contents))
        .filter(|_| content < shard.header.content_count)
        .ok_or_else(unknown)?;
    let length = size_of::<ContentSlot>();
    let part =
        app.chain.account_part(&shard.address, offset, length, Commitment::Finalized).await?;
    let slot = part.and_then(|part| bytemuck::try_pod_read_unaligned(&part.data).ok());
    slot.ok_or_else(unknown)
}

/// The content under replay.
struct Replay<'a> {
    app: &'a App,
    shard: &'a ShardHead,
    content: u32,
    decimals: u8,
    books: ContentBooks,
}

/// Counts every entry of a content up to the batch `through` and shows each to `visit`; returns what
/// the content has come to then. `now` is its slot.
pub async fn replay(
    app: &App,
    shard: &ShardHead,
    (content, now): (u32, &ContentSlot),
    decimals: u8,
    through: u64,
    mut visit: impl FnMut(Payment),
) -> Result<ContentBooks, ExplainError> {
    let range = Range {
        shard: registry::signed(shard.number)?,
        after: 0,
        through: i64::MAX,
        names: &["ContentRegistered", "QualityChanged", "BatchSettled", "ViewsReversed"],
        content: Some(registry::signed(content)?),
        limit: STEPS_AT_ONCE,
    };
    let quality = first_quality(app, range).await?.unwrap_or(now.quality());
    let books = ContentBooks { quality, ..ContentBooks::default() };
    let mut replay = Replay { app, shard, content, decimals, books };
    let mut after = 0;
    loop {
        let found = steps(&app.store, Range { after, ..range }).await?;
        let Some(last) = found.last() else { return Ok(replay.books) };
        after = last.id;
        for step in found {
            match step.step {
                Step::Changed(Change::Quality { after, .. }) => replay.books.quality = after,
                Step::Batch(batch) if batch.sequence > through => return Ok(replay.books),
                Step::Batch(batch) => replay.batch(step, &batch, &mut visit).await?,
                Step::Registered(_) | Step::Changed(_) => {}
            }
        }
    }
}

/// The quality that a content began with, where the index tells.
async fn first_quality(app: &App, range: Range<'_>) -> Result<Option<u16>, ExplainError> {
    let names = &["ContentRegistered", "QualityChanged"];
    let first = steps(&app.store, Range { names, limit: 1, ..range }).await?;
    Ok(first.first().and_then(|first| match first.step {
        Step::Registered(new) => Some(new.quality),
        Step::Changed(Change::Quality { before, .. }) => Some(before),
        _ => None,
    }))
}

impl Replay<'_> {
    async fn batch(
        &mut self,
        mut step: IndexedStep,
        batch: &Outcome,
        visit: &mut impl FnMut(Payment),
    ) -> Result<(), ExplainError> {
        let shard = (self.shard.number, &self.shard.address);
        let entries = step.entries(&*self.app.chain, shard, batch).await?;
        let wrong = || corrupt(format!("the entries of batch {}", batch.sequence));
        let packed = Packed::new(entries).map_err(|_| wrong())?;
        for entry in packed.entries() {
            let entry = entry.map_err(|_| wrong())?;
            if entry.content == u64::from(self.content) {
                let payment = self.count(&step, batch, &entry).ok_or_else(wrong)?;
                visit(payment);
            }
        }
        Ok(())
    }

    fn count(&mut self, step: &IndexedStep, batch: &Outcome, entry: &Entry) -> Option<Payment> {
        let ContentBooks { quality, remainder, .. } = self.books;
        let amount = self.books.count(batch.kind.0, entry, batch.base_rate)?;
        Some(Payment {
            sequence: batch.sequence,
            kind: batch.kind,
            signature: step.signature,
            slot: step.slot,
            block_time: step.block_time,
            views: entry.views,
            relevance: entry.relevance,
            base_rate: batch.base_rate,
            quality,
            rate: rate_floor(batch.base_rate, quality),
            remainder_before: remainder,
            remainder_after: self.books.remainder,
            amount: Amount::new(amount, self.decimals),
        })
    }
}
