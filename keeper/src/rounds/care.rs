//! What a keeper does for rounds by itself: nobody waits for a person.
//!
//! ```text
//! funded     ─▶ its upgrade is queued; once that is made, and for what needs no work at once: deliver
//! time over  ─▶ retire the lane, pay every position, close
//! failed     ─▶ after the deadline pay every position back, close
//! ```
//!
//! Each step is an operation that is done at most once, and the next one follows from what the index
//! then says: a crash between two changes nothing.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use pixr::state::{self, RoundKind};
use pixr_media::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tokio_util::sync::CancellationToken;

use super::{Acts, Delivery, key};
use crate::{
    app::{App, Ledger, LedgerError},
    chain::ChainError,
    index::rounds::{self, Position, Round, RoundStatus},
    keys::Purpose,
    media::{FinishedJob, UpgradeError, jobs},
    settle::operations::{self, Operation, OperationError},
    store::{StoreError, contents::Slot, hold},
};

/// The lease: one keeper cares for rounds.
const LEASE: &str = "rounds";
const LEASE_LASTS: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(5);
/// What was refused is tried again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Positions that are paid in one pass.
const POSITIONS_AT_ONCE: usize = 256;

/// Why rounds cannot be cared for now.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    #[error(transparent)]
    Operation(#[from] OperationError),
}

/// What is made, by the round that pays for it.
type Made = HashMap<String, FinishedJob>;

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = Text)]
    address: String,
}

/// Cares for rounds until it is told to stop, while this keeper has the lease. `owner` names this
/// keeper.
pub async fn run(app: App, owner: String, stop: CancellationToken) {
    hold(&app.store, LEASE, &owner, LEASE_LASTS, &stop, || follow(&app)).await;
}

async fn follow(app: &App) {
    let mut care = Care::new(app);
    loop {
        if let Err(error) = care.pass().await {
            tracing::warn!(%error, "rounds wait");
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Passes over the rounds that something is to be done for.
pub struct Care<'a> {
    app: &'a App,
    keeper: Arc<Keypair>,
    /// Operations that were refused, and when.
    refused: HashMap<String, Instant>,
}

impl<'a> Care<'a> {
    pub fn new(app: &'a App) -> Self {
        let keeper = Arc::new(app.keys.key(Purpose::Keeper));
        Self { app, keeper, refused: HashMap::new() }
    }

    /// Does what is to be done now; returns how many operations landed.
    pub async fn pass(&mut self) -> Result<u64, CareError> {
        let unix_seconds = self.app.chain.time().await?.unix_seconds;
        let now = DateTime::from_timestamp(unix_seconds, 0).unwrap_or_default();
        self.refused.retain(|_, at| at.elapsed() < AGAIN_AFTER);
        let made = jobs::finished_jobs_with_round(&self.app.store).await?;
        let made = made.into_iter().map(|job| (job.round.clone(), job)).collect();
        let mut due = Vec::new();
        for address in self.due(now).await? {
            if let Some(round) = rounds::round(&self.app.store, &address).await? {
                due.extend(self.next(&round, now, &made).await?);
            }
        }
        due.retain(|operation| !self.refused.contains_key(&operation.key));
        let refused = &mut self.refused;
        let done = operations::run_many(self.app, due, |key, outcome| match outcome {
            Ok(landed) => tracing::info!(operation = key, signature = %landed.signature, "done"),
            Err(error) => {
                tracing::warn!(operation = key, %error, "refused; again in a minute");
                refused.insert(key.to_owned(), Instant::now());
            }
        })
        .await?;
        Ok(done.landed)
    }

    /// Rounds that are not only waiting for investors or earning.
    async fn due(&self, now: DateTime<Utc>) -> Result<Vec<Pubkey>, CareError> {
        let rows: Vec<Due> = sql_query(
            "SELECT address FROM rounds
             WHERE status IN ('funded', 'refunding', 'retired')
                 OR (status = 'open' AND deadline <= $1)
                 OR (status = 'delivered'
                     AND delivered_at + term_seconds * INTERVAL '1 second' < $1)
             ORDER BY opened_at, address",
        )
        .bind::<Timestamptz, _>(now)
        .load(&mut self.app.store.get().await.map_err(StoreError::from)?)
        .await
        .map_err(StoreError::from)?;
        let parse = |Due { address }: Due| {
            address.parse().map_err(|_| StoreError::Corrupt(format!("round {address}")).into())
        };
        rows.into_iter().map(parse).collect()
    }

    /// What is to be done for a round.
    async fn next(
        &self,
        round: &Round,
        now: DateTime<Utc>,
        made: &Made,
    ) -> Result<Vec<Operation>, CareError> {
        if round.refunds(now) {
            return match now.timestamp() >= round.terms.deadline {
                true => self.refund(round).await,
                // Until then only the owners may ask for it.
                false => Ok(Vec::new()),
            };
        }
        match (round.status, round.terms.kind) {
            (RoundStatus::Funded, _) => self.deliver(round, now, made).await,
            (RoundStatus::Retired, _) | (RoundStatus::Delivered, RoundKind::Support) => {
                self.pay(round).await
            }
            (RoundStatus::Delivered, _) => {
                let acts = Acts::of(self.app, round.address).await?;
                Ok(vec![self.operation(key(&round.address, "retire"), [acts.retire()], false)])
            }
            (RoundStatus::Open | RoundStatus::Refunding | RoundStatus::Closed, _) => Ok(Vec::new()),
        }
    }

    async fn deliver(
        &self,
        round: &Round,
        now: DateTime<Utc>,
        made: &Made,
    ) -> Result<Vec<Operation>, CareError> {
        let Some(delivery) = self.made(round, made).await? else { return Ok(Vec::new()) };
        let settings = Ledger::finalized(self.app).platform().await?.settings;
        let measured = (now - round.opened_at).num_seconds();
        if round.terms.has_returns() && measured < settings.baseline_seconds_min.into() {
            return Ok(Vec::new());
        }
        let acts = Acts::of(self.app, round.address).await?;
        let instructions = delivery.instructions(self.app, &acts).await?;
        Ok(vec![self.operation(key(&round.address, "deliver"), instructions, true)])
    }

    /// What was made for a funded round. Queues its upgrade where that was not done.
    async fn made(&self, round: &Round, made: &Made) -> Result<Option<Delivery>, CareError> {
        let plan = round.terms.plan_hash;
        if Delivery::needs_no_work(round.terms.kind) {
            return Ok(Some(Delivery { manifest_hash: plan, quality: 0 }));
        }
        let address = round.address.to_string();
        let pool = &self.app.store;
        if let Some(job) = made.get(&address) {
            let manifest_hash = job.manifest.to_bytes();
            return Ok(Some(Delivery { manifest_hash, quality: job.quality_bps }));
        }
        let slot = Slot { shard: round.shard, content: round.content };
        match jobs::enqueue(pool, slot, Hash::from(plan), Some(&address)).await {
            // Somebody else makes it, and delivers it with `pixr round deliver`.
            Ok(_) | Err(UpgradeError::NoPlan { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn refund(&self, round: &Round) -> Result<Vec<Operation>, CareError> {
        self.end(round, "refund", |acts, at, position| {
            acts.refund(self.keeper.pubkey(), at, position)
        })
        .await
    }

    async fn pay(&self, round: &Round) -> Result<Vec<Operation>, CareError> {
        self.end(round, "last claim", |acts, at, position| {
            acts.claim(self.keeper.pubkey(), at, position)
        })
        .await
    }

    /// Ends every position in the way of `act`, and the round once there is none.
    async fn end(
        &self,
        round: &Round,
        name: &str,
        act: impl Fn(&Acts, Pubkey, &state::Position) -> [Instruction; 2],
    ) -> Result<Vec<Operation>, CareError> {
        let ledger = Ledger::finalized(self.app);
        let acts = Acts::of(self.app, round.address).await?;
        let positions = rounds::positions_of_round(&self.app.store, &round.address).await?;
        let mut operations = Vec::new();
        let open = positions.into_iter().filter(|position| !position.closed);
        for Position { address, .. } in open.take(POSITIONS_AT_ONCE) {
            let position = ledger.position(&address).await?;
            operations.push(self.operation(
                key(&address, name),
                act(&acts, address, &position),
                true,
            ));
        }
        if operations.is_empty() {
            let treasury = ledger.platform().await?.treasury;
            let close = acts.close(&treasury);
            operations.push(self.operation(key(&round.address, "close"), close, false));
        }
        Ok(operations)
    }

    fn operation(
        &self,
        key: String,
        instructions: impl IntoIterator<Item = Instruction>,
        signed: bool,
    ) -> Operation {
        let signers = if signed { vec![Arc::clone(&self.keeper)] } else { Vec::new() };
        Operation { key, instructions: instructions.into_iter().collect(), signers }
    }
}
