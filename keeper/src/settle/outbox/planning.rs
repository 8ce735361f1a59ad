//! Which batches there are to be: planned from windows, and cut anew where they cannot be settled as
//! they were planned.

use std::time::{Duration, Instant};

use chrono::Utc;
use pixr::state::{Settings, Shard};
use pixr_client::Bounds;

use super::Outbox;
use crate::{
    chain::Commitment,
    crash_point,
    settle::{
        Kind,
        blocked::Blocked,
        metrics,
        pack::{CREDITS_PER_BATCH_MAX, PackError, cut, merge},
        plan::{self, Candidate, List, PlanOf, Window},
        tail::{Batch, Link},
        timing::{Decision, Situation, Timing, decide},
        trouble::Trouble,
    },
    store::StoreError,
};

/// How soon it is looked again whether the chain that an empty database begins with is final.
const BEGIN_RETRY: Duration = Duration::from_millis(500);

/// What batches of a kind may hold. Reversals have no cap of a batch, only one of a day.
fn bounds(kind: Kind, settings: &Settings, room: usize) -> Bounds {
    let value = match kind {
        Kind::Views => settings.batch_cap,
        Kind::Reversal => settings.day_cap,
    };
    Bounds { bytes: room, credits: CREDITS_PER_BATCH_MAX, value, base_rate: settings.base_rate }
}

impl Outbox {
    /// Plans what is due. Returns how long to wait when nothing is.
    pub(super) async fn plan(
        &mut self,
        timing: Timing,
        header: &Shard,
    ) -> Result<Option<Duration>, Trouble> {
        let windows = self.windows().await?;
        self.plan_some(windows, timing, header).await
    }

    async fn windows(&self) -> Result<Vec<Window>, Trouble> {
        let mut connection = self.app.store.get().await.map_err(StoreError::from)?;
        Ok(plan::load_windows(&mut connection, self.shard.number).await?)
    }

    /// Plans the first of what can be planned together that is due.
    async fn plan_some(
        &mut self,
        windows: Vec<Window>,
        timing: Timing,
        header: &Shard,
    ) -> Result<Option<Duration>, Trouble> {
        let config = self.app.config.settlement.clone();
        let shard = self.shard.number;
        let candidates = plan::candidates(windows).map_err(|error| self.unpackable(&error))?;
        metrics::pending(shard, &candidates);
        if candidates.is_empty() {
            metrics::pending_amount(shard, 0);
            return Ok(Some(config.batch_interval_ms.duration()));
        }
        let settings = self.cluster.settings().await?;
        let situation = Situation {
            timing,
            since_last: self.planned_at.map(|at| at.elapsed()),
            priority_fee: self.cluster.priority_fee().await?,
        };
        let now = Utc::now();
        let mut wait = config.batch_interval_ms.duration();
        for candidate in &candidates {
            let waiting = candidate.waiting(settings.base_rate, now);
            if candidate.kind == Kind::Views {
                metrics::pending_amount(shard, waiting.amount);
            }
            match decide(Some(&waiting), &situation, &config) {
                Decision::Go(reason) => {
                    tracing::debug!(shard, ?reason, credits = waiting.credits, "planning");
                    return self.commit_plan(candidate, &settings, header).await;
                }
                Decision::Wait { again_in, .. } => wait = wait.min(again_in),
            }
        }
        Ok(Some(wait))
    }

    async fn commit_plan(
        &mut self,
        candidate: &Candidate,
        settings: &Settings,
        header: &Shard,
    ) -> Result<Option<Duration>, Trouble> {
        let Some(start) = self.start(header).await? else { return Ok(Some(BEGIN_RETRY)) };
        let (_, room) = self.cluster.version().await?;
        let packed = cut(&candidate.entries, &bounds(candidate.kind, settings, room))
            .map_err(|error| self.unpackable(&error))?;
        let list = self.list();
        let batches =
            plan::commit(&self.app.store, list, start, candidate, packed, &self.writes).await?;
        crash_point!("planned");
        self.writes.clear();
        self.planned_at = Some(Instant::now());
        self.steps = self.steps.saturating_add(1);
        metrics::planned(self.shard.number, candidate.kind, batches.len());
        if self.tail.last.is_none() {
            self.tail.finalized = Some(start.sequence);
        }
        self.append(batches);
        Ok(None)
    }

    /// What the next batch follows: the last one, or what the chain has when there is none.
    ///
    /// A database without batches believes only what is final: it could not tell later what was
    /// undone.
    async fn start(&self, header: &Shard) -> Result<Option<Link>, Trouble> {
        if let Some(last) = self.tail.last {
            return Ok(Some(last));
        }
        let finalized = self.cluster.header(Commitment::Finalized).await?;
        let same = finalized.next_sequence == header.next_sequence;
        let sequence = header.next_sequence.saturating_sub(1);
        Ok(same.then_some(Link { sequence, hash: header.hash }))
    }

    fn list(&self) -> List<'_> {
        List { shard: self.shard.number, lease: &self.lease, last: self.tail.last }
    }

    fn append(&mut self, batches: Vec<Batch>) {
        if let Some(last) = batches.last() {
            self.tail.last = Some(Link { sequence: last.sequence, hash: last.hash });
        }
        self.tail.open.extend(batches);
    }

    fn unpackable(&self, error: &PackError) -> Blocked {
        Blocked::unpackable(self.shard.number, error)
    }

    /// Whether a batch that is worth more than one may be can be cut into several.
    pub(super) async fn exceeds_cap(&mut self, sequence: u64) -> Result<bool, Trouble> {
        let (settings, (_, room)) = (self.cluster.settings().await?, self.cluster.version().await?);
        let Some(batch) = self.tail.batch(sequence) else { return Ok(false) };
        let bounds = bounds(batch.kind, &settings, room);
        let parts = merge([batch.entries.as_slice()]).and_then(|entries| cut(&entries, &bounds));
        Ok(parts.map_err(|error| self.unpackable(&error))?.len() > 1)
    }

    /// Cuts all batches from this one on anew, for the version and the settings in force. Returns
    /// false, since the chain waits for another batch then.
    pub(super) async fn recut(&mut self, sequence: u64, header: &Shard) -> Result<bool, Trouble> {
        if self.tail.batch(sequence).is_some_and(|batch| !batch.attempts.is_empty()) {
            return Err(Blocked::too_large(self.shard.number, sequence).into());
        }
        self.load_rest().await?;
        let batches = self.tail.open.iter().filter(|batch| batch.sequence >= sequence);
        let plans = by_plan(batches);
        self.replace(sequence, header, plans).await?;
        Ok(false)
    }

    /// Puts a reversal that the program refuses behind the views that are planned or could be, so
    /// that nobody's earnings wait for it. Returns whether anything else comes first now.
    pub(super) async fn postpone(
        &mut self,
        sequence: u64,
        header: &Shard,
        timing: Timing,
    ) -> Result<bool, Trouble> {
        self.load_rest().await?;
        let is_views = |batch: &Batch| batch.sequence > sequence && batch.kind == Kind::Views;
        if !self.tail.open.iter().any(is_views) {
            let windows = self.windows().await?;
            let views = windows.into_iter().filter(|window| window.kind == Kind::Views).collect();
            if self.plan_some(views, timing, header).await?.is_some() {
                return Ok(false);
            }
        }
        let batches = self.tail.open.iter().filter(|batch| batch.sequence >= sequence);
        let (mut plans, reversals): (Vec<_>, Vec<_>) =
            by_plan(batches).into_iter().partition(|(of, _)| of.kind == Kind::Views);
        plans.extend(reversals);
        self.replace(sequence, header, plans).await?;
        Ok(true)
    }

    async fn load_rest(&mut self) -> Result<(), Trouble> {
        let last = self.tail.last.map(|last| last.sequence);
        while self.tail.loaded() < last {
            self.load_more().await?;
        }
        Ok(())
    }

    /// Replaces all batches from this one on by those of the same entries, cut anew.
    async fn replace(
        &mut self,
        sequence: u64,
        header: &Shard,
        plans: Vec<(PlanOf, Vec<Vec<u8>>)>,
    ) -> Result<(), Trouble> {
        let (settings, (version, room)) =
            (self.cluster.settings().await?, self.cluster.version().await?);
        let mut packed = Vec::with_capacity(plans.len());
        for (of, lists) in plans {
            let batches = merge(lists.iter().map(Vec::as_slice))
                .and_then(|entries| cut(&entries, &bounds(of.kind, &settings, room)));
            packed.push((of, batches.map_err(|error| self.unpackable(&error))?));
        }
        let start = Link { sequence: sequence.saturating_sub(1), hash: header.hash };
        let list = self.list();
        let batches = plan::replace(&self.app.store, list, start, packed, &self.writes).await?;
        self.writes.clear();
        let shard = self.shard.number;
        let count = batches.len();
        tracing::warn!(
            shard,
            sequence,
            count,
            ?version,
            "batches that were never signed are cut anew"
        );
        self.tail.open.retain(|batch| batch.sequence < sequence);
        self.append(batches);
        Ok(())
    }
}

/// The entries of batches by the plan that they are of, in order.
fn by_plan<'a>(batches: impl Iterator<Item = &'a Batch>) -> Vec<(PlanOf, Vec<Vec<u8>>)> {
    let mut plans: Vec<(PlanOf, Vec<Vec<u8>>)> = Vec::new();
    for batch in batches {
        let Batch { plan, kind, oldest_at, ref entries, .. } = *batch;
        match plans.last_mut() {
            Some((of, lists)) if of.plan == plan => lists.push(entries.clone()),
            _ => plans.push((PlanOf { plan, kind, oldest_at }, vec![entries.clone()])),
        }
    }
    plans
}
