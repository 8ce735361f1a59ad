//! What is settled: views over contents by Zipf's law, as on a video platform.

use pixr::{
    entries::Entry,
    state::{ContentSlot, CreatorSlot, shard::Capacities},
};
use pixr_tests::world::World;
use solana_address::Address;

/// Contents in a shard.
pub const CONTENTS: u32 = 100_000;
/// Creators in a shard: two contents each.
pub const CREATORS: u32 = CONTENTS / 2;
/// Views in the window that is settled.
pub const VIEWS: u64 = 1_000_000;
/// Relevance is graded in steps of this many basis points, from 5,000 to 10,000.
pub const RELEVANCE_STEP: u64 = 500;

/// How views are graded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Grades {
    /// Eleven grades, as a platform would have.
    Steps,
    /// Any relevance in basis points, another one for every content.
    Any,
}

/// A count as a number that can be divided.
pub fn float(count: usize) -> f64 {
    count as f64
}

/// A small generator with a fixed seed, so that every run settles the same views.
pub struct Random(u64);

impl Random {
    /// Starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits (SplitMix64, Steele et al. 2014).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A funded shard with [`CONTENTS`] contents, written straight into its account.
pub fn full_shard(world: &mut World) -> Address {
    let capacities = Capacities { creators: CREATORS, contents: CONTENTS, lanes: 64 };
    let shard = world.funded_shard(capacities, 1 << 50);
    world.forge_shard(&shard, |view| {
        for _ in 0..CREATORS {
            view.add_creator(CreatorSlot {
                authority: Address::new_unique(),
                balance: 0,
                withdrawn: 0,
                window_spent: 0,
                window_start: 0,
                next_withdrawal: 0,
            })
            .expect("a free slot");
        }
        for content in 0..CONTENTS {
            let id = u128::from(content).to_le_bytes();
            let slot = ContentSlot::new(id, content % CREATORS, 10_000);
            view.add_content(slot).expect("a free slot");
        }
    });
    shard
}

/// The views of one window: each view falls on the content of rank r with probability
/// proportional to 1/r, and ranks are scattered over the shard. One entry a content, all with a
/// relevance of its own, sorted by grade and content.
pub fn zipf_window(seed: u64, views: u64, grades: Grades) -> Vec<Entry> {
    let mut random = Random::new(seed);
    let mut content_of_rank: Vec<u32> = (0..CONTENTS).collect();
    for last in (1..content_of_rank.len()).rev() {
        let other = random.below(last as u64 + 1) as usize;
        content_of_rank.swap(last, other);
    }
    // Cumulative weights scaled to integers.
    let mut total = 0_u64;
    let cumulative: Vec<u64> = (1..=u64::from(CONTENTS))
        .map(|rank| {
            total += (1 << 40) / rank;
            total
        })
        .collect();
    let mut counts = vec![0_u64; CONTENTS as usize];
    for _ in 0..views {
        let at = random.below(total);
        let rank = cumulative.partition_point(|bound| *bound <= at);
        counts[content_of_rank[rank] as usize] += 1;
    }
    let mut entries: Vec<Entry> = (0..u64::from(CONTENTS))
        .zip(counts)
        .filter(|(_, views)| *views > 0)
        .map(|(content, views)| {
            let relevance = match grades {
                Grades::Steps => 10_000 - RELEVANCE_STEP * random.below(11),
                Grades::Any => random.below(10_001),
            };
            Entry { content, views, relevance }
        })
        .collect();
    if grades == Grades::Steps {
        entries.sort_by_key(|entry| (entry.relevance, entry.content));
    }
    entries
}
