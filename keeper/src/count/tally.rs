//! What was counted since the last commit: a window per shard, and what became of each batch.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use pixr::{
    entries::{Entry, WriteError, Writer},
    math::earnings::VIEWS_MAX,
};

use super::registry::Slot;
use crate::{
    log::{LoggedBatch, Position},
    views::{VERDICTS, Verdict},
};

const CONTENT_BITS: u32 = 24;
const RELEVANCE_BITS: u32 = 14;

/// What was counted since the last commit.
pub struct Tally {
    /// The last batch of the commit before.
    pub previous: Position,
    /// The last batch of this one.
    pub through: Position,
    pub batches: Vec<CountedBatch>,
    /// Events of the batches, whatever their verdict.
    pub events: usize,
    /// For each counted view: shard, relevance and content, from the highest bit on.
    views: Vec<u64>,
    /// For each shard, when the first batch came in that has one of its views.
    oldest: HashMap<u32, DateTime<Utc>>,
}

/// What became of a batch.
pub struct CountedBatch {
    pub position: Position,
    pub source: String,
    pub received_at: DateTime<Utc>,
    /// How many events got each verdict, by its number.
    pub counts: [u32; VERDICTS.len()],
    /// One byte an event, compressed.
    pub verdicts: Vec<u8>,
}

/// Counted views of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardViews {
    pub shard: u32,
    pub views: u64,
    /// Packed, in ascending order of relevance and content.
    pub entries: Vec<u8>,
}

impl Tally {
    /// Nothing after `position`.
    pub fn after(position: Position) -> Self {
        Self {
            previous: position,
            through: position,
            batches: Vec::new(),
            events: 0,
            views: Vec::new(),
            oldest: HashMap::new(),
        }
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Adds a batch that was judged; `slots` and `relevances` are those of its events.
    pub fn add(
        &mut self,
        logged: &LoggedBatch,
        verdicts: &[Verdict],
        compressed: Vec<u8>,
        views: impl Iterator<Item = (Slot, u16)>,
    ) {
        let mut counts = [0; VERDICTS.len()];
        for verdict in verdicts {
            counts[*verdict as usize] += 1;
        }
        let received_at = logged.batch.received_at;
        let mut last = None;
        for (slot, relevance) in views {
            self.views.push(pack(slot, relevance));
            if last != Some(slot.shard) {
                last = Some(slot.shard);
                let oldest = self.oldest.entry(slot.shard).or_insert(received_at);
                *oldest = received_at.min(*oldest);
            }
        }
        self.through = logged.position;
        self.events += verdicts.len();
        self.batches.push(CountedBatch {
            position: logged.position,
            source: logged.batch.source.clone(),
            received_at,
            counts,
            verdicts: compressed,
        });
    }

    /// The counted views of each shard, and when the first of them came in.
    pub fn windows(&mut self) -> Result<Vec<(ShardViews, DateTime<Utc>)>, WriteError> {
        let shards = pack_views(&mut self.views)?;
        let with_oldest = |views: ShardViews| {
            let oldest = self.oldest.get(&views.shard).copied().unwrap_or_default();
            (views, oldest)
        };
        Ok(shards.into_iter().map(with_oldest).collect())
    }
}

/// Packs views, each given as a slot and a relevance.
pub fn pack_slots(views: impl Iterator<Item = (Slot, u16)>) -> Result<Vec<ShardViews>, WriteError> {
    let mut views: Vec<_> = views.map(|(slot, relevance)| pack(slot, relevance)).collect();
    pack_views(&mut views)
}

fn pack(slot: Slot, relevance: u16) -> u64 {
    (u64::from(slot.shard) << RELEVANCE_BITS | u64::from(relevance)) << CONTENT_BITS
        | u64::from(slot.content)
}

fn pack_views(views: &mut [u64]) -> Result<Vec<ShardViews>, WriteError> {
    views.sort_unstable();
    let shard_of = |view: &u64| view >> (CONTENT_BITS + RELEVANCE_BITS);
    views
        .chunk_by(|a, b| shard_of(a) == shard_of(b))
        .map(|views| {
            let mut writer = Writer::default();
            for same in views.chunk_by(|a, b| a == b) {
                let content = same[0] & ((1 << CONTENT_BITS) - 1);
                let relevance = same[0] >> CONTENT_BITS & ((1 << RELEVANCE_BITS) - 1);
                for part in same.chunks(VIEWS_MAX as usize) {
                    writer.push(Entry { content, views: part.len() as u64, relevance })?;
                }
            }
            let shard = shard_of(&views[0]) as u32;
            Ok(ShardViews { shard, views: views.len() as u64, entries: writer.finish() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use pixr::entries::Packed;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{log::testing::logged, testing::cases};

    fn unpacked(views: &[ShardViews]) -> Vec<(u32, Entry)> {
        views
            .iter()
            .flat_map(|shard| {
                let packed = Packed::new(shard.entries.clone()).unwrap();
                let entries: Vec<_> =
                    packed.entries().map(|entry| (shard.shard, entry.unwrap())).collect();
                let sum: u64 = entries.iter().map(|(_, entry)| entry.views).sum();
                assert_eq!(sum, shard.views);
                entries
            })
            .collect()
    }

    proptest! {
        #![proptest_config(cases(100))]

        #[test]
        fn no_view_is_lost(
            views in vec((0..4_u32, 0..30_u32, 0..3_u16), 0..300),
            largest: bool,
        ) {
            let scale = if largest { ((1 << 26) - 4, (1 << 24) - 30, 9_998) } else { (0, 0, 0) };
            let views: Vec<_> = views
                .iter()
                .map(|(shard, content, relevance)| {
                    let (shard, content) = (shard + scale.0, content + scale.1);
                    (Slot { shard, content }, relevance + scale.2)
                })
                .collect();
            let mut model = std::collections::BTreeMap::new();
            for (slot, relevance) in &views {
                *model.entry((slot.shard, *relevance, slot.content)).or_insert(0) += 1;
            }
            let expected: Vec<_> = model
                .into_iter()
                .map(|((shard, relevance, content), views)| {
                    let (relevance, content) = (relevance.into(), content.into());
                    (shard, Entry { content, views, relevance })
                })
                .collect();
            prop_assert_eq!(unpacked(&pack_slots(views.into_iter()).unwrap()), expected);
        }
    }

    #[test]
    fn a_tally_knows_its_batches() {
        let at = |number: i64| {
            let mut logged = logged(number, 3, 1);
            logged.batch.received_at += chrono::TimeDelta::seconds(number);
            logged
        };
        let slot = |shard, content| (Slot { shard, content }, 10_000);
        let mut tally = Tally::after(Position(4));
        assert!(tally.is_empty());
        let (late, early) = (at(9), at(7));
        let verdicts = [Verdict::Counted, Verdict::Counted, Verdict::Future];
        tally.add(&late, &verdicts, vec![1], [slot(1, 5), slot(2, 5)].into_iter());
        tally.add(&early, &verdicts, vec![2], [slot(1, 5), slot(3, 0)].into_iter());
        assert_eq!((tally.previous, tally.through), (Position(4), Position(7)));
        assert_eq!((tally.events, tally.views.len()), (6, 4));
        assert_eq!(tally.batches[1].counts, [2, 0, 0, 0, 1, 0, 0, 0]);
        let windows = tally.windows().unwrap();
        let found: Vec<_> =
            windows.iter().map(|(views, at)| (views.shard, views.views, *at)).collect();
        let (late, early) = (late.batch.received_at, early.batch.received_at);
        assert_eq!(found, [(1, 2, early), (2, 1, late), (3, 1, early)]);
    }
}
