//! Registering, however many there are and however often it is interrupted.
//!
//! What is registered is on the chain alone: every run first finishes what earlier ones had under
//! way, reads every slot, and registers what is missing. One process does this at a time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anchor_lang::prelude::Pubkey;
use diesel::{ExpressionMethods, QueryDsl, TextExpressionMethods};
use diesel_async::RunQueryDsl;
use serde::Serialize;
use sha2::{Digest, Sha256};
use solana_instruction::Instruction;
use tokio_util::task::AbortOnDropHandle;

use super::{
    open_shard,
    plan::{Entry, PlacedContent, Plan},
    rows::Wanted,
    state::State,
};
use crate::{
    app::{App, CreatorName, Ledger, ShardHead},
    index::registry,
    keys::Purpose,
    settle::operations::{Operation, OperationError, run_many},
    store::{
        StoreError,
        leases::{self, Lease},
        schema::transactions,
    },
    views::ContentId,
};

/// Registrations of one transaction. Bounded by what a transaction of 1,232 bytes holds and by the
/// 10,000 bytes of logs that a cluster keeps: behind them events would be lost.
const CREATORS_AT_ONCE: usize = 16;
const CONTENTS_AT_ONCE: usize = 24;
/// Begins the keys of these operations.
const KEY: &str = "register/";
/// The lease of whoever registers.
const LEASE: &str = "register";
const LEASE_LASTS: Duration = Duration::from_secs(15);
const LEASE_LOOK: Duration = Duration::from_millis(500);
/// An endpoint may lag behind the one that said that something is final.
const LAG_LOOKS_MAX: u32 = 60;
const LAG_LOOK: Duration = Duration::from_millis(500);

/// What was registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Registered {
    pub creators: u64,
    pub contents: u64,
    /// Had slots before.
    pub known_creators: u64,
    pub known_contents: u64,
    pub shards_opened: u64,
    pub transactions: u64,
    pub fee_lamports: u64,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

/// Why a row cannot be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("creator {0} does not exist")]
    NoCreator(CreatorName),
    #[error(
        "keys.keeper is {own}, but the platform's keeper is {keeper}: run this where its key is"
    )]
    NotKeeper { own: Pubkey, keeper: Pubkey },
    #[error("another process is registering")]
    Busy,
    #[error("there is no shard yet: `pixr shard open` makes one")]
    NoShard,
    #[error("{count} transactions were refused, the first because {first}; the rest is registered")]
    Refused { count: u64, first: String },
    #[error("{0} transactions have no outcome yet; run the same command again")]
    Open(u64),
    #[error("the endpoint does not show what was registered; run the same command again")]
    Lag,
}

/// Gives everybody and everything in `wanted` a slot that has none. `progress` is told how far it is.
pub async fn register(
    app: &App,
    wanted: &[Wanted],
    mut progress: impl FnMut(Progress) + Send,
) -> anyhow::Result<Registered> {
    let keeper = Ledger::finalized(app).platform().await?.keeper;
    let own = app.keys.address(Purpose::Keeper);
    if own != keeper {
        return Err(RegisterError::NotKeeper { own, keeper }.into());
    }
    let owner = format!("{}/{}", std::process::id(), uuid::Uuid::new_v4());
    let lease = take_lease(app, &owner).await?;
    let kept = {
        let (store, lease) = (app.store.clone(), lease.clone());
        AbortOnDropHandle::new(tokio::spawn(async move {
            leases::keep(&store, &lease, LEASE_LASTS).await;
        }))
    };
    let work = async {
        finish_earlier(app).await?;
        let mut run = Run { app, done: Registered::default(), progress: &mut progress };
        run.all(wanted).await?;
        Ok(run.done)
    };
    let done = tokio::select! {
        done = work => done,
        _ = kept => Err(RegisterError::Busy.into()),
    };
    leases::release(&app.store, &lease).await?;
    done
}

/// Takes the lease. That of a process that was killed ends by itself, so it is waited for.
async fn take_lease(app: &App, owner: &str) -> anyhow::Result<Lease> {
    let started = Instant::now();
    loop {
        if let Some(lease) = leases::acquire(&app.store, LEASE, owner, LEASE_LASTS).await? {
            return Ok(lease);
        }
        if started.elapsed() > LEASE_LASTS {
            return Err(RegisterError::Busy.into());
        }
        tokio::time::sleep(LEASE_LOOK).await;
    }
}

/// Waits until no transaction of an earlier run can land any more.
async fn finish_earlier(app: &App) -> anyhow::Result<()> {
    let mut connection = app.store.get().await.map_err(StoreError::from)?;
    let pending: Vec<Option<String>> = transactions::table
        .filter(transactions::outcome.eq("pending"))
        .filter(transactions::operation.like(format!("{KEY}%")))
        .select(transactions::operation)
        .load(&mut connection)
        .await
        .map_err(StoreError::from)?;
    drop(connection);
    // Should one expire, a transaction that does nothing takes its place: what it was to do is
    // planned anew, under another key.
    let waits = pending.into_iter().flatten().map(|key| Operation {
        key,
        instructions: Vec::new(),
        signers: Vec::new(),
    });
    let open = run_many(app, waits.collect::<Vec<_>>(), |_, _| {}).await?.open;
    if open > 0 { Err(RegisterError::Open(open).into()) } else { Ok(()) }
}

struct Run<'a, P> {
    app: &'a App,
    done: Registered,
    progress: &'a mut P,
}

/// One slot to be filled in some shard.
#[derive(Clone, Copy)]
enum Step {
    Creator(Pubkey),
    Content { id: ContentId, creator: u32 },
}

impl Step {
    fn instruction(self, app: &App, keeper: Pubkey, shard: &ShardHead) -> Instruction {
        let (address, receiver) = (shard.address, shard.header.rent_receiver);
        match self {
            Self::Creator(authority) => {
                app.platform.register_creator(keeper, address, receiver, authority)
            }
            Self::Content { id, creator } => {
                app.platform.register_content(keeper, address, receiver, creator, id.0)
            }
        }
    }
}

/// What became of some transactions.
#[derive(Default)]
struct Outcomes {
    refused: u64,
    first: Option<String>,
    open: u64,
}

impl<P: FnMut(Progress) + Send> Run<'_, P> {
    async fn all(&mut self, wanted: &[Wanted]) -> anyhow::Result<()> {
        let mut state = State::read(self.app).await?;
        if state.shards.is_empty() {
            return Err(RegisterError::NoShard.into());
        }
        let mut entries = self.entries(&state, wanted)?;
        let total = u64::try_from(entries.len())?;
        let lacking = state.slots.lacking(&entries, state.next_room()?);
        if lacking > 0 {
            for _ in 0..lacking {
                self.open_shard(&state).await?;
            }
            state = State::read(self.app).await?;
        }
        loop {
            let plan = state.slots.plan(entries);
            self.done.known_creators += plan.known_creators;
            self.done.known_contents += plan.known_contents;
            self.report(total);
            self.creators(&state, &plan, total).await?;
            if !plan.creators.is_empty() {
                state = self.after_creators(&plan).await?;
            }
            self.contents(&state, &plan, total).await?;
            for shard in &state.shards {
                let platform = &self.app.platform.address;
                let (store, chain) = (&self.app.store, &*self.app.chain);
                registry::sync_shard(store, chain, platform, &shard.address).await?;
            }
            if plan.left.is_empty() {
                return Ok(());
            }
            self.open_shard(&state).await?;
            state = State::read(self.app).await?;
            entries = plan.left;
        }
    }

    /// Opens a shard as large as the last one.
    async fn open_shard(&mut self, state: &State) -> anyhow::Result<()> {
        open_shard(self.app, state.last_capacities()?).await?;
        self.done.shards_opened += 1;
        Ok(())
    }

    /// Rows with names in place of addresses.
    fn entries(&self, state: &State, wanted: &[Wanted]) -> anyhow::Result<Vec<Entry>> {
        // Deriving a custodial creator's key takes longer than looking it up.
        let mut known: HashMap<CreatorName, Pubkey> = HashMap::new();
        let mut authority = |name: CreatorName| match known.get(&name) {
            Some(authority) => Ok(*authority),
            None => {
                let authority = match name {
                    CreatorName::Slot { shard, index } => state.authority(shard, index),
                    name => name.authority(&self.app.keys),
                };
                let authority = authority.ok_or(RegisterError::NoCreator(name))?;
                known.insert(name, authority);
                Ok::<_, RegisterError>(authority)
            }
        };
        let entry = |wanted: &Wanted| match *wanted {
            Wanted::Creator(name) => Ok(Entry::Creator(authority(name)?)),
            Wanted::Content { id, creator } => {
                Ok(Entry::Content { id, creator: authority(creator)? })
            }
        };
        wanted.iter().map(entry).collect()
    }

    fn report(&mut self, total: u64) {
        let Registered { creators, contents, known_creators, known_contents, .. } = self.done;
        let done = creators + contents + known_creators + known_contents;
        // Creators that only contents name come on top.
        (self.progress)(Progress { done: done.min(total), total });
    }

    async fn creators(&mut self, state: &State, plan: &Plan, total: u64) -> anyhow::Result<()> {
        let step = |(shard, authority): &(u32, Pubkey)| {
            Ok((state.shard(*shard)?, Step::Creator(*authority)))
        };
        let steps = plan.creators.iter().map(step).collect::<anyhow::Result<_>>()?;
        self.run(steps, CREATORS_AT_ONCE, total, |done| &mut done.creators).await
    }

    async fn contents(&mut self, state: &State, plan: &Plan, total: u64) -> anyhow::Result<()> {
        let indices = state.indices();
        let step = |content: &PlacedContent| {
            let creator = indices.get(&(content.shard, content.creator));
            let creator = *creator.ok_or(RegisterError::Lag)?;
            Ok((state.shard(content.shard)?, Step::Content { id: content.id, creator }))
        };
        let steps = plan.contents.iter().map(step).collect::<anyhow::Result<_>>()?;
        self.run(steps, CONTENTS_AT_ONCE, total, |done| &mut done.contents).await
    }

    /// Runs steps, those of a shard together. Their instructions are made when their turn comes: all
    /// those of a million would take a gigabyte.
    async fn run(
        &mut self,
        mut steps: Vec<(&ShardHead, Step)>,
        at_once: usize,
        total: u64,
        count: fn(&mut Registered) -> &mut u64,
    ) -> anyhow::Result<()> {
        let (app, keeper) = (self.app, self.app.keys.address(Purpose::Keeper));
        steps.sort_by_key(|(shard, _)| shard.number);
        let sizes: Mutex<HashMap<String, u64>> = Mutex::default();
        let operation = |part: &[(&ShardHead, Step)]| {
            let one = |(shard, step): &(&ShardHead, Step)| step.instruction(app, keeper, shard);
            let instructions: Vec<_> = part.iter().map(one).collect();
            let key = key(&instructions);
            let size = u64::try_from(part.len()).unwrap_or(u64::MAX);
            sizes.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), size);
            Operation { key, instructions, signers: Vec::new() }
        };
        let operations = steps
            .chunk_by(|(a, _), (b, _)| a.number == b.number)
            .flat_map(|shard| shard.chunks(at_once))
            .map(operation);
        let mut outcomes = Outcomes::default();
        let done = run_many(app, operations, |key, outcome| {
            let size = sizes.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
            match outcome {
                Ok(_) => {
                    *count(&mut self.done) += size.unwrap_or(0);
                    self.done.transactions += 1;
                    self.report(total);
                }
                Err(OperationError::Pending | OperationError::Expired) => outcomes.open += 1,
                Err(error) => {
                    outcomes.refused += 1;
                    outcomes.first.get_or_insert_with(|| error.to_string());
                }
            }
        });
        let fees = done.await?.fees_lamports;
        self.done.fee_lamports = self.done.fee_lamports.saturating_add(fees);
        match outcomes {
            Outcomes { first: Some(first), refused: count, .. } => {
                Err(RegisterError::Refused { count, first }.into())
            }
            Outcomes { open: 0, .. } => Ok(()),
            Outcomes { open, .. } => Err(RegisterError::Open(open).into()),
        }
    }

    /// The shards once they show the creators that were registered.
    async fn after_creators(&self, plan: &Plan) -> anyhow::Result<State> {
        for _ in 0..LAG_LOOKS_MAX {
            let state = State::read(self.app).await?;
            let indices = state.indices();
            if plan.creators.iter().all(|creator| indices.contains_key(creator)) {
                return Ok(state);
            }
            tokio::time::sleep(LAG_LOOK).await;
        }
        Err(RegisterError::Lag.into())
    }
}

/// Names what instructions do: the same ones have the same key.
fn key(instructions: &[Instruction]) -> String {
    let mut hash = Sha256::new();
    for instruction in instructions {
        for account in &instruction.accounts {
            hash.update(account.pubkey);
        }
        hash.update(&instruction.data);
    }
    format!("{KEY}{}", hex::encode(hash.finalize()))
}
