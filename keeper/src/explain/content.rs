//! The story of a content.

use std::{collections::VecDeque, fmt};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};
use solana_signature::Signature;

use super::{
    ExplainError, Payment, RoundStory, corrupt,
    replay::{content_slot, replay},
    round, text,
};
use crate::{
    amount::Amount,
    app::{App, Ledger},
    index::{
        batches::{Range, steps},
        files::Change,
        registry,
        steps::Step,
    },
    settle::Kind,
    store::{StoreError, schema::contents},
    views::ContentId,
};

/// The payments that are told one by one: the last ones.
const PAYMENTS_SHOWN: usize = 10;
/// The quality changes that are told: the first ones.
const QUALITIES_SHOWN: i64 = 100;

/// A change of a content's quality, in basis points.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QualityChange {
    pub before: u16,
    pub after: u16,
    #[serde_as(as = "DisplayFromStr")]
    pub signature: Signature,
    pub block_time: Option<DateTime<Utc>>,
}

/// What a content has come to, and how.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContentStory {
    pub id: ContentId,
    pub shard: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub shard_address: Pubkey,
    pub content: u32,
    /// Who is credited.
    pub creator: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub authority: Pubkey,
    /// Settled, less those reversed.
    pub views: u64,
    pub earned: Amount,
    /// Fractions of a base unit, times 10^7.
    #[serde_as(as = "DisplayFromStr")]
    pub remainder: i64,
    /// Basis points.
    pub quality: u16,
    pub qualities: Vec<QualityChange>,
    /// What people invested in it, and what they are owed of what it earned.
    pub rounds: Vec<RoundStory>,
    /// How many entries of how many batches credited it, and took back.
    pub payments: u64,
    pub reversals: u64,
    /// The last ones, in order.
    pub last: Vec<Payment>,
    /// Whether all of them together give what the account says. Where not, the index is behind.
    pub complete: bool,
}

/// Tells the story of the content with this id. In several shards, of the first.
pub async fn story(app: &App, id: ContentId) -> Result<ContentStory, ExplainError> {
    let row: Option<(i32, i32)> = contents::table
        .filter(contents::id.eq(id.0.as_slice()))
        .order(contents::shard)
        .select((contents::shard, contents::content))
        .first(&mut app.store.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    let place = row.and_then(|(shard, content)| {
        Some((u32::try_from(shard).ok()?, u32::try_from(content).ok()?))
    });
    let (number, content) = place
        .ok_or_else(|| ExplainError::Unknown(format!("content {id} has no slot in any shard")))?;
    let ledger = Ledger::finalized(app);
    let (shard, decimals) = (ledger.shard(number).await?, ledger.mint().await?.decimals);
    let slot = content_slot(app, &shard, content).await?;
    let creator = ledger.creator(number, slot.creator).await?;

    let (mut payments, mut reversals, mut last) = (0, 0, VecDeque::new());
    let books = replay(app, &shard, (content, &slot), decimals, u64::MAX, |payment| {
        match payment.kind.0 {
            Kind::Views => payments += 1,
            Kind::Reversal => reversals += 1,
        }
        if last.len() == PAYMENTS_SHOWN {
            last.pop_front();
        }
        last.push_back(payment);
    })
    .await?;
    let complete = (books.views, books.earned, books.remainder, books.quality)
        == (slot.views, slot.earned, slot.remainder, slot.quality());
    Ok(ContentStory {
        id,
        shard: number,
        shard_address: shard.address,
        content,
        creator: slot.creator,
        authority: creator.slot.authority,
        views: slot.views,
        earned: Amount::new(slot.earned, decimals),
        remainder: slot.remainder,
        quality: slot.quality(),
        qualities: qualities(app, number, content).await?,
        rounds: round::of_content(app, number, content).await?,
        payments,
        reversals,
        last: last.into(),
        complete,
    })
}

async fn qualities(
    app: &App,
    shard: u32,
    content: u32,
) -> Result<Vec<QualityChange>, ExplainError> {
    let range = Range {
        shard: registry::signed(shard)?,
        after: 0,
        through: i64::MAX,
        names: &["QualityChanged"],
        content: Some(registry::signed(content)?),
        limit: QUALITIES_SHOWN,
    };
    let steps = steps(&app.store, range).await?.into_iter();
    steps
        .map(|step| match step.step {
            Step::Changed(Change::Quality { before, after, .. }) => Ok(QualityChange {
                before,
                after,
                signature: step.signature,
                block_time: step.block_time,
            }),
            _ => Err(corrupt(format!("event {}", step.id))),
        })
        .collect()
}

impl fmt::Display for ContentStory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { id, shard, content, creator, authority, views, .. } = self;
        writeln!(f, "Content {id}: slot {content} of shard {shard} ({})", self.shard_address)?;
        writeln!(f, "  credits creator {shard}/{creator}, withdraw authority {authority}")?;
        writeln!(f, "  {views} views settled, {} earned", text::money(&self.earned))?;
        writeln!(f, "  remainder {}: {}", self.remainder, text::remainder(self.remainder))?;
        let quality = text::percent(self.quality);
        writeln!(f, "  quality {quality}; it scales the base rate from the next batch on")?;
        for QualityChange { before, after, signature, .. } in &self.qualities {
            let (before, after) = (text::percent(*before), text::percent(*after));
            writeln!(f, "    from {before} to {after} in transaction {signature}")?;
        }
        writeln!(
            f,
            "  {} entries credited it, {} took views back{}",
            self.payments,
            self.reversals,
            if self.last.is_empty() { "" } else { "; the last ones:" }
        )?;
        for payment in &self.last {
            writeln!(f, "{payment}")?;
        }
        for round in &self.rounds {
            writeln!(f, "{round}")?;
        }
        if self.complete {
            write!(f, "  All of them together give exactly what the account says.")
        } else {
            write!(f, "  Not every batch is indexed yet: the account says more than these.")
        }
    }
}

impl fmt::Display for Payment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { sequence, views, slot, signature, .. } = self;
        let relevance = text::percent(self.relevance);
        let what = match self.kind.0 {
            Kind::Views => format!("{} credited", text::money(&self.amount)),
            Kind::Reversal => format!("taken back, worth {}", text::money(&self.amount)),
        };
        writeln!(f, "    batch {sequence}: {views} views at relevance {relevance}: {what}")?;
        writeln!(f, "      {}", self.rate_formula())?;
        writeln!(f, "      {}", self.formula())?;
        let after = text::remainder(self.remainder_after);
        writeln!(
            f,
            "      remainder {} -> {}: {after}",
            self.remainder_before, self.remainder_after
        )?;
        write!(f, "      transaction {signature}, slot {slot}")?;
        match &self.block_time {
            Some(time) => write!(f, ", {}", text::time(time)),
            None => Ok(()),
        }
    }
}
