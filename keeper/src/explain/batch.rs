//! The story of a batch.

use std::fmt;

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use diesel_async::RunQueryDsl;
use pixr::entries::Packed;
use serde::Serialize;
use serde_with::{DisplayFromStr, serde_as};
use solana_signature::Signature;

use super::{ExplainError, corrupt, text};
use crate::{
    amount::Amount,
    app::{App, Ledger, ShardHead},
    index::{
        batches::{self, IndexedStep},
        files::{Digest, KindName, Outcome, Place},
        registry,
    },
    settle::Kind,
    store::{
        StoreError,
        schema::{batches as planned_batches, transactions, windows},
    },
};

/// Windows that are told one by one.
const WINDOWS_SHOWN: i64 = 20;

/// Counted views that went into a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable, Selectable)]
#[diesel(table_name = windows)]
pub struct WindowPart {
    pub id: i64,
    pub partition: i16,
    /// Position of the last batch of the log that it counts; the number of a finding where views are
    /// taken back.
    pub through: i64,
    pub views: i64,
    pub oldest_at: DateTime<Utc>,
}

/// Where a batch comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub id: i64,
    /// The first of its windows, and how many it has.
    pub windows: Vec<WindowPart>,
    pub windows_count: i64,
}

/// A transaction that was to settle the batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Queryable, Selectable)]
#[diesel(table_name = transactions)]
pub struct Attempt {
    pub signature: String,
    /// `pending`, `finalized`, `failed` or `expired`.
    pub outcome: String,
    pub error: Option<String>,
    pub signed_at: DateTime<Utc>,
    pub compute_unit_limit: i32,
    /// Micro-lamports a compute unit.
    pub priority_fee: i64,
    pub fee_lamports: Option<i64>,
    pub compute_units: Option<i64>,
}

/// How a batch landed.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Landing {
    /// What was credited; what the views are worth that were taken back.
    pub amount: Amount,
    /// What rounds took of it; creators got the rest.
    pub owed: Amount,
    #[serde_as(as = "DisplayFromStr")]
    pub base_rate: u64,
    pub hash_before: Digest,
    #[serde_as(as = "DisplayFromStr")]
    pub signature: Signature,
    pub slot: u64,
    pub block_time: Option<DateTime<Utc>>,
    /// While the outbox or the chain knows.
    pub fee_lamports: Option<u64>,
}

/// What a batch is made of, and what became of it.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchStory {
    pub shard: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub shard_address: Pubkey,
    pub sequence: u64,
    pub kind: KindName,
    pub views: u64,
    /// Entries, and the bytes that they take.
    pub entries: usize,
    pub entries_bytes: usize,
    /// The shard's running hash after it.
    pub hash: Digest,
    /// Nothing where another keeper planned it.
    pub plan: Option<Plan>,
    pub attempts: Vec<Attempt>,
    /// Nothing until its event is indexed.
    pub landing: Option<Landing>,
    /// Its file in the object store, once it is published.
    pub file: String,
}

/// A batch as it was planned.
#[derive(Queryable, Selectable)]
#[diesel(table_name = planned_batches)]
struct Planned {
    kind: String,
    plan: i64,
    entries: Vec<u8>,
    hash: Vec<u8>,
    views: i64,
}

/// Tells the story of a batch.
pub async fn story(app: &App, number: u32, sequence: u64) -> Result<BatchStory, ExplainError> {
    let unknown = || ExplainError::Unknown(format!("shard {number} has no batch {sequence} yet"));
    let stored = i64::try_from(sequence).map_err(|_| unknown())?;
    let ledger = Ledger::finalized(app);
    let shard = ledger.shard(number).await?;
    let planned = planned(app, number, stored).await?;
    let attempts = attempts(app, number, stored).await?;
    let landed = batches::batch(&app.store, number, sequence).await?;
    let (kind, views, hash, entries, landing) = match (landed, &planned) {
        (Some((mut step, batch)), _) => {
            let place = (number, &shard.address);
            let entries = step.entries(&*app.chain, place, &batch).await?;
            let decimals = ledger.mint().await?.decimals;
            let landing = landing(app, &shard, &step, &batch, decimals, &attempts).await?;
            (batch.kind, batch.views, batch.hash, entries, Some(landing))
        }
        (None, Some(planned)) => {
            let kind = Kind::from_name(&planned.kind).ok_or_else(|| corrupt("a kind"))?;
            let hash = planned.hash.as_slice().try_into().map_err(|_| corrupt("a hash"))?;
            let views = u64::try_from(planned.views).map_err(|_| corrupt("views"))?;
            (KindName(kind), views, Digest(hash), planned.entries.clone(), None)
        }
        (None, None) => return Err(unknown()),
    };
    let plan = match planned {
        Some(planned) => Some(plan(app, planned.plan).await?),
        None => None,
    };
    let place = Place::new(app.platform.address, number, shard.address);
    Ok(BatchStory {
        shard: number,
        shard_address: shard.address,
        sequence,
        kind,
        views,
        entries_bytes: entries.len(),
        entries: Packed::new(entries).map_or(0, |packed| packed.steps().count()),
        hash,
        plan,
        attempts,
        landing,
        file: place.batch_path(sequence).to_string(),
    })
}

async fn planned(app: &App, shard: u32, sequence: i64) -> Result<Option<Planned>, ExplainError> {
    let row = planned_batches::table
        .filter(planned_batches::shard.eq(registry::signed(shard)?))
        .filter(planned_batches::sequence.eq(sequence))
        .select(Planned::as_select())
        .first(&mut app.store.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    Ok(row)
}

async fn attempts(app: &App, shard: u32, sequence: i64) -> Result<Vec<Attempt>, ExplainError> {
    let rows = transactions::table
        .filter(transactions::shard.eq(registry::signed(shard)?))
        .filter(transactions::sequence.eq(sequence))
        .order(transactions::signed_at)
        .select(Attempt::as_select())
        .load(&mut app.store.get().await.map_err(StoreError::from)?)
        .await?;
    Ok(rows)
}

async fn plan(app: &App, id: i64) -> Result<Plan, ExplainError> {
    let mut connection = app.store.get().await.map_err(StoreError::from)?;
    let all = windows::table.filter(windows::plan.eq(id));
    let windows_count = all.count().get_result(&mut connection).await?;
    let first = all.order(windows::id).limit(WINDOWS_SHOWN).select(WindowPart::as_select());
    Ok(Plan { id, windows: first.load(&mut connection).await?, windows_count })
}

async fn landing(
    app: &App,
    shard: &ShardHead,
    step: &IndexedStep,
    batch: &Outcome,
    decimals: u8,
    attempts: &[Attempt],
) -> Result<Landing, ExplainError> {
    let before = match batch.sequence.saturating_sub(1) {
        0 => None,
        before => batches::batch(&app.store, shard.number, before).await?,
    };
    let signature = step.signature;
    let name = signature.to_string();
    let known = attempts.iter().find(|attempt| attempt.signature == name);
    let fee_lamports = match known.and_then(|attempt| attempt.fee_lamports) {
        Some(fee) => u64::try_from(fee).ok(),
        None => app.chain.transaction(&signature).await?.map(|landed| landed.fee_lamports),
    };
    Ok(Landing {
        amount: Amount::new(batch.amount, decimals),
        owed: Amount::new(batch.owed, decimals),
        base_rate: batch.base_rate,
        hash_before: before.map(|(_, before)| before.hash).unwrap_or_default(),
        signature,
        slot: step.slot,
        block_time: step.block_time,
        fee_lamports,
    })
}

impl BatchStory {
    /// What landing cost for each of its entries, in lamports.
    pub fn fee_share(&self) -> Option<String> {
        let fee = self.landing.as_ref()?.fee_lamports?;
        let entries = u64::try_from(self.entries).ok().filter(|entries| *entries > 0)?;
        let hundredths = fee.checked_mul(100)?.div_ceil(entries);
        Some(format!(
            "{fee} lamports for {entries} entries: {}.{:02} each",
            hundredths / 100,
            hundredths % 100
        ))
    }
}

impl fmt::Display for BatchStory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { shard, sequence, views, entries, entries_bytes, .. } = self;
        let what = match self.kind.0 {
            Kind::Views => "credits",
            Kind::Reversal => "takes back",
        };
        writeln!(f, "Batch {sequence} of shard {shard} ({})", self.shard_address)?;
        writeln!(f, "  {what} {views} views in {entries} entries ({entries_bytes} bytes)")?;
        match &self.plan {
            None => writeln!(f, "  planned by another keeper, or before this database")?,
            Some(Plan { id, windows, windows_count }) => {
                writeln!(
                    f,
                    "  part of plan {id}, made of {windows_count} windows of counted views:"
                )?;
                for WindowPart { id, partition, through, views, oldest_at } in windows {
                    let since = text::time(oldest_at);
                    match partition {
                        0.. => writeln!(
                            f,
                            "    window {id}: {views} views of partition {partition} up to \
                             position {through}, the first from {since}"
                        )?,
                        _ => writeln!(f, "    window {id}: {views} views of finding {through}")?,
                    }
                }
            }
        }
        for attempt in &self.attempts {
            let Attempt { signature, outcome, signed_at, error, .. } = attempt;
            let error = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            writeln!(f, "  sent {} as {signature}: {outcome}{error}", text::time(signed_at))?;
        }
        match &self.landing {
            None => write!(f, "  It is not on the chain yet, or not indexed."),
            Some(landing) => self.landed(f, landing),
        }
    }
}

impl BatchStory {
    fn landed(&self, f: &mut fmt::Formatter, landing: &Landing) -> fmt::Result {
        let Landing { base_rate, hash_before, signature, slot, block_time, .. } = landing;
        let amount = text::money(&landing.amount);
        let when =
            block_time.as_ref().map(|at| format!(", {}", text::time(at))).unwrap_or_default();
        writeln!(f, "  landed in transaction {signature}, slot {slot}{when}")?;
        let mark = match self.kind.0 {
            Kind::Views => {
                writeln!(f, "  credited {amount} at a base rate of {base_rate} for 1000 views")?;
                let Landing { amount, owed, .. } = landing;
                if owed.base_units > 0 {
                    let kept = amount.base_units.saturating_sub(owed.base_units);
                    let kept = text::money(&Amount::new(kept, amount.decimals));
                    writeln!(f, "  of it {} to rounds, {kept} to creators", text::money(owed))?;
                }
                ""
            }
            Kind::Reversal => {
                writeln!(f, "  took back what is worth {amount} at a base rate of {base_rate}")?;
                "0xffff, "
            }
        };
        writeln!(f, "  hash before {hash_before}")?;
        writeln!(f, "  hash after  {} = sha256(hash before, {mark}entries)", self.hash)?;
        if let Some(share) = self.fee_share() {
            writeln!(f, "  fee: {share}")?;
        }
        write!(f, "  published as {}", self.file)
    }
}
