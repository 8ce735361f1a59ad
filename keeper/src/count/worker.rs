//! Judges batches, on a thread that may compute.

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{CountError, corrupt, judge::Judge, registry::Registry, tally::Tally};
use crate::{
    count::registry::Slot,
    log::{LoggedBatch, Partition},
    store::StoreError,
    views::{
        Verdict, ViewEvent,
        codec::{decode_into, encode_verdicts},
    },
};

/// Pause before new contents are looked for again, when the database did not answer.
const RETRY_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// Judges batches of one partition into a tally.
pub struct Worker {
    pub partition: Partition,
    pub judge: Judge,
    pub tally: Tally,
    events: Vec<ViewEvent>,
    slots: Vec<Option<Slot>>,
    verdicts: Vec<Verdict>,
}

impl Worker {
    /// Goes on where `tally` starts.
    pub fn new(partition: Partition, judge: Judge, tally: Tally) -> Self {
        let (events, slots, verdicts) = Default::default();
        Self { partition, judge, tally, events, slots, verdicts }
    }

    /// Judges batches, in order. Blocks, also for the database when a content is not known, until
    /// `stop`.
    pub fn work(
        &mut self,
        batches: &[LoggedBatch],
        registry: &Registry,
        runtime: &Handle,
        stop: &CancellationToken,
    ) -> Result<(), CountError> {
        for logged in batches {
            self.events.clear();
            decode_into(&logged.batch.payload, &mut self.events)
                .map_err(|error| corrupt(self.partition, logged.position, error))?;
            self.resolve(registry);
            if self.slots.contains(&None) {
                let refresh = refreshed(registry, logged, stop);
                runtime.block_on(refresh)?;
                self.resolve(registry);
            }
            self.add(logged);
        }
        Ok(())
    }

    fn resolve(&mut self, registry: &Registry) {
        let look = registry.look();
        self.slots.clear();
        self.slots.extend(self.events.iter().map(|event| look.slot(&event.content)));
    }

    fn add(&mut self, logged: &LoggedBatch) {
        let received_ms = logged.batch.received_at.timestamp_millis();
        self.verdicts.clear();
        let known = |index: usize| self.slots[index].is_some();
        self.judge.judge(&self.events, known, received_ms, &mut self.verdicts);
        let counted = self
            .verdicts
            .iter()
            .zip(self.slots.iter().zip(&self.events))
            .filter(|(verdict, _)| **verdict == Verdict::Counted)
            .filter_map(|(_, (slot, event))| slot.map(|slot| (slot, event.relevance)));
        self.tally.add(logged, &self.verdicts, encode_verdicts(&self.verdicts), counted);
    }
}

/// Looks for new contents until the database answers: no event is refused for its silence.
async fn refreshed(
    registry: &Registry,
    logged: &LoggedBatch,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    loop {
        match registry.refresh(logged.batch.received_at).await {
            Err(error) if !matches!(error, StoreError::Corrupt(_)) && !stop.is_cancelled() => {
                tracing::warn!(%error, "cannot look for new contents");
            }
            done => return done,
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}
