//! From a counted view to the batch that paid it.

use std::collections::BTreeSet;

use anchor_lang::prelude::Pubkey;
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use pixr::entries::Packed;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};

use super::{
    ExplainError, Payment, batch, corrupt,
    replay::{content_slot, replay},
};
use crate::{
    app::{App, Ledger},
    index::registry,
    settle::Kind,
    store::{
        StoreError,
        schema::{batches, contents, windows},
    },
    views::ContentId,
};

/// Views of one content at one relevance that were counted, or are to be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub kind: Kind,
    pub content: ContentId,
    pub relevance: u16,
    /// -1 for a reversal.
    pub partition: i16,
    /// Position in the log; the number of a finding for a reversal.
    pub position: i64,
}

/// The batch that has the entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settled {
    pub sequence: u64,
    /// What the entry paid; nothing until the batch is on the chain and indexed.
    pub payment: Option<Payment>,
    /// What landing cost for each entry of the batch.
    pub fee_share: Option<String>,
}

/// What became of counted views.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fate {
    pub shard: u32,
    /// Slot of the content, and of the creator whom it credits.
    pub content: u32,
    pub creator: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub authority: Pubkey,
    /// The window that counts them, and the plan that took it.
    pub window: i64,
    pub plan: Option<i64>,
    /// The batches of that plan with the entry; several only above 2^24 views.
    pub batches: Vec<Settled>,
}

/// Follows counted views. Nothing when no window has them: the content is in no shard, or the window
/// is older than this database.
pub async fn follow(app: &App, counted: Counted) -> Result<Option<Fate>, ExplainError> {
    for (shard, content) in places(app, counted.content).await? {
        if let Some((window, plan)) = window(app, shard, content, counted).await? {
            return fate(app, (shard, content), counted, window, plan).await.map(Some);
        }
    }
    Ok(None)
}

/// Slots of a content, by shard. Which of several counted a view is told by the windows.
async fn places(app: &App, id: ContentId) -> Result<Vec<(u32, u32)>, ExplainError> {
    let rows: Vec<(i32, i32)> = contents::table
        .filter(contents::id.eq(id.0.as_slice()))
        .order(contents::shard)
        .select((contents::shard, contents::content))
        .load(&mut app.store.get().await.map_err(StoreError::from)?)
        .await?;
    let number = |number: i32| u32::try_from(number).map_err(|_| corrupt("a slot"));
    rows.into_iter().map(|(shard, content)| Ok((number(shard)?, number(content)?))).collect()
}

/// The first window of the shard that goes as far as the views, if it has them.
async fn window(
    app: &App,
    shard: u32,
    content: u32,
    counted: Counted,
) -> Result<Option<(i64, Option<i64>)>, ExplainError> {
    let of_shard = windows::table
        .filter(windows::shard.eq(registry::signed(shard)?))
        .filter(windows::kind.eq(counted.kind.name()))
        .filter(windows::partition.eq(counted.partition))
        .filter(windows::through.ge(counted.position));
    let row: Option<(i64, Option<i64>, Vec<u8>)> = of_shard
        .order(windows::through)
        .select((windows::id, windows::plan, windows::entries))
        .first(&mut app.store.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    let Some((window, plan, entries)) = row else { return Ok(None) };
    Ok(has(entries, content, counted.relevance)?.then_some((window, plan)))
}

/// Whether packed entries have one of this content and relevance.
fn has(entries: Vec<u8>, content: u32, relevance: u16) -> Result<bool, ExplainError> {
    let packed = Packed::new(entries).map_err(|_| corrupt("packed entries"))?;
    for entry in packed.entries() {
        let entry = entry.map_err(|_| corrupt("packed entries"))?;
        if (entry.content, entry.relevance) == (content.into(), relevance.into()) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn fate(
    app: &App,
    (number, content): (u32, u32),
    counted: Counted,
    window: i64,
    plan: Option<i64>,
) -> Result<Fate, ExplainError> {
    let ledger = Ledger::finalized(app);
    let (shard, decimals) = (ledger.shard(number).await?, ledger.mint().await?.decimals);
    let slot = content_slot(app, &shard, content).await?;
    let creator = ledger.creator(number, slot.creator).await?;
    let sequences = match plan {
        Some(plan) => sequences(app, plan, content, counted.relevance).await?,
        None => BTreeSet::new(),
    };
    let mut payments = Vec::new();
    if let Some(last) = sequences.last() {
        replay(app, &shard, (content, &slot), decimals, *last, |payment| {
            if sequences.contains(&payment.sequence)
                && payment.relevance == u64::from(counted.relevance)
            {
                payments.push(payment);
            }
        })
        .await?;
    }
    let mut settled = Vec::new();
    for sequence in sequences {
        let payment = payments.iter().find(|payment| payment.sequence == sequence).cloned();
        let fee_share = match payment {
            Some(_) => batch::story(app, number, sequence).await?.fee_share(),
            None => None,
        };
        settled.push(Settled { sequence, payment, fee_share });
    }
    let (creator, authority) = (slot.creator, creator.slot.authority);
    Ok(Fate { shard: number, content, creator, authority, window, plan, batches: settled })
}

/// The batches of a plan that have an entry of this content and relevance.
async fn sequences(
    app: &App,
    plan: i64,
    content: u32,
    relevance: u16,
) -> Result<BTreeSet<u64>, ExplainError> {
    let rows: Vec<(i64, Vec<u8>)> = batches::table
        .filter(batches::plan.eq(plan))
        .select((batches::sequence, batches::entries))
        .load(&mut app.store.get().await.map_err(StoreError::from)?)
        .await?;
    let mut sequences = BTreeSet::new();
    for (sequence, entries) in rows {
        if has(entries, content, relevance)? {
            sequences.insert(u64::try_from(sequence).map_err(|_| corrupt("a sequence"))?);
        }
    }
    Ok(sequences)
}
