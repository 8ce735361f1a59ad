//! The keeper's batches, and how they come to the edge of what is allowed.

use num_bigint::BigInt;
use pixr::{entries::Entry, state::Settings};
use pixr_tests::model::{Action, Batch, Model};

use super::View;
use crate::{command::*, harness::TREASURY};

impl View<'_> {
    pub(super) fn batch(self, batch: &Measurement) -> Batch {
        let shard = self.busy_shard(batch.shard, |shard| !shard.contents.is_empty());
        let next = self.state_of(shard).sequence;
        let sequence = match batch.sequence {
            Sequence::Next => next,
            Sequence::Replayed(pick) => u64::from(pick) % next,
            Sequence::Gap(more) => next + 1 + u64::from(more),
        };
        let entry = |views: &Views| Entry {
            content: self.content(shard, views.content).into(),
            views: views.views,
            relevance: views.relevance,
        };
        let mut entries: Vec<_> = batch.entries.iter().map(entry).collect();
        if batch.sorted {
            entries.sort_by_key(|entry| (entry.relevance, entry.content));
        }
        let by = self.who(batch.who, self.model.state.platform.keeper);
        Batch { shard, by, sequence, entries, flaw: batch.flaw }
    }

    /// A batch of contents that mostly have views, and mostly as many as are taken back.
    pub(super) fn reversal(self, batch: &Measurement) -> Batch {
        let mut batch = self.batch(batch);
        let contents = &self.state_of(batch.shard).contents;
        let viewed: Vec<_> = (0_u64..)
            .zip(contents)
            .filter(|(_, content)| content.views > BigInt::ZERO)
            .map(|(index, content)| (index, small(&content.views)))
            .collect();
        let unknown = u64::try_from(contents.len()).expect("64 bits");
        for entry in batch.entries.iter_mut().filter(|entry| entry.content < unknown) {
            let turn = usize::try_from(entry.content).expect("64 bits");
            let Some((content, views)) = turn.checked_rem(viewed.len()).map(|at| viewed[at]) else {
                continue;
            };
            entry.content = content;
            // One in eight stays as it was drawn, which may be too much.
            if entry.views % 8 != 0 {
                entry.views = (entry.views - 1) % views + 1;
            }
        }
        batch
    }

    /// Settings or funds that are just enough for a batch, or one base unit short of it; the batch;
    /// and the settings of before.
    pub(super) fn edge(
        self,
        batch: &Measurement,
        edge: Edge,
        reverse: bool,
        short: bool,
    ) -> Vec<Action> {
        let batch = if reverse { self.reversal(batch) } else { self.batch(batch) };
        let shard = batch.shard;
        let sent = if reverse { Action::Reverse(batch) } else { Action::Settle(batch) };
        let by = self.model.state.platform.admin;
        let Some(after) = self.without_bounds(shard, &sent) else { return vec![sent] };
        let before = self.state_of(shard);
        let after = &after.state.shards[shard];
        let now = if reverse { &after.day.reversed } else { &after.day.credited };
        let settings = self.model.state.platform.settings;
        let less = u64::from(short);
        let narrow = |batch_cap: Option<u64>, day_cap: Option<u64>| {
            let batch_cap = batch_cap.unwrap_or(1);
            let narrowed = Settings { batch_cap, day_cap: day_cap.unwrap_or(u64::MAX), ..settings };
            vec![
                Action::UpdateSettings { by, settings: narrowed },
                sent.clone(),
                Action::UpdateSettings { by, settings },
            ]
        };
        let credited = after.credited() - before.credited();
        match edge {
            Edge::BatchCap => narrow(Some(small(&credited).saturating_sub(less)), None),
            Edge::DayCap => {
                let day_cap = small(now).saturating_sub(less);
                let batch_cap = if reverse { 1 } else { day_cap };
                narrow(Some(batch_cap), Some(day_cap))
            }
            Edge::Budget => {
                let missing = small(&(after.credited() - &before.funded));
                let amount = missing.saturating_sub(less);
                let funder = TREASURY;
                let fund = Action::Fund { shard, by: funder, amount };
                if amount > 0 { vec![fund, sent] } else { vec![sent] }
            }
        }
    }

    /// The model after an action that no cap and no budget holds back, if nothing else does.
    fn without_bounds(self, shard: usize, action: &Action) -> Option<Model> {
        let mut model = self.model.clone();
        let settings = &mut model.state.platform.settings;
        settings.batch_cap = u64::MAX;
        settings.day_cap = u64::MAX;
        model.state.shards[shard].funded += u64::MAX;
        model.apply(action).ok()?;
        model.state.shards[shard].funded -= u64::MAX;
        Some(model)
    }
}

/// An amount as far as it fits 64 bits, and zero below.
fn small(amount: &BigInt) -> u64 {
    u64::try_from(amount.clone().max(BigInt::ZERO)).unwrap_or(u64::MAX)
}
