//! Seeded view events, as a day of a video platform would bring them.
//!
//! Popularity by Zipf's law, two peaks a day, viewers who return, long and short views; and what
//! must not count: exact duplicates, bots, unknown contents, wrong clocks. Floats decide here who
//! watches what; what anybody earns is computed elsewhere, in integers.

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, weighted::WeightedAliasIndex};

use super::{catalogue::Catalogue, rhythm::Rhythm};
use crate::views::ContentId;

/// Of 100,000 events: exact duplicates of earlier ones.
pub const DUPLICATES: u64 = 3_000;
/// Of 100,000 events: of bots.
pub const BOTS: u64 = 2_000;
/// Of 100,000 events: for contents that nobody registered.
pub const UNKNOWN: u64 = 300;
/// Of 100,000 events: dated ahead by a wrong clock.
pub const FUTURE: u64 = 100;
/// Of 100,000 events: more than a day old.
pub const STALE: u64 = 100;
/// Of 100,000 views of people: left within seconds.
const BOUNCES: u64 = 6_000;
const WHOLE: u64 = 100_000;

/// How many people watch.
const VIEWERS: u32 = 100_000;
/// How many bots there are, and the events of one of their bursts.
const BOT_VIEWERS: u64 = 12;
const BURST: std::ops::RangeInclusive<u64> = 100..=400;
/// Duplicates are drawn from so many of the last events, or from as many older ones.
const MEMORY: usize = 4_096;
/// One event in so many is remembered for later.
const REMEMBERED: u32 = 64;
/// Relevance is graded in steps, from the lowest to full relevance.
const GRADE_BPS: u16 = 500;
const GRADE_LOWEST_BPS: u16 = 5_000;
const GRADES: u16 = 11;

const HOUR_MS: i64 = 3_600_000;

/// What an event stands for. The keeper is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Person,
    Duplicate,
    Bot,
    Unknown,
    Future,
    Stale,
}

/// A view as its source sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The source's id of this event.
    pub id: u64,
    pub content: ContentId,
    /// Number of the viewer.
    pub viewer: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    pub watched_ms: u32,
    /// Basis points.
    pub relevance: u16,
    pub kind: Kind,
}

/// Makes events, one after the other; the same ones for the same seed, catalogue and end.
pub struct Events {
    random: ChaCha8Rng,
    catalogue: Arc<Catalogue>,
    /// Which content, as an index.
    popularity: WeightedAliasIndex<f32>,
    /// The usual grade of each content.
    grades: Vec<u16>,
    watched: LogNormal<f32>,
    rhythm: Rhythm,
    end_ms: i64,
    made: u64,
    count: u64,
    recent: Vec<Event>,
    older: Vec<Event>,
    bots: u64,
    burst: Burst,
}

/// A bot at work.
struct Burst {
    viewer: u64,
    /// It goes round `contents` contents from this one on.
    first: usize,
    contents: usize,
    at_ms: i64,
    left: u64,
    /// How long the next burst is.
    next: u64,
}

impl Events {
    /// `count` events of the day that ends at `end_ms` (Unix milliseconds).
    pub fn new(seed: u64, count: u64, catalogue: Arc<Catalogue>, end_ms: i64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let contents = catalogue.contents.len();
        let mut weights: Vec<f32> = (1..=contents).map(|rank| 1.0 / rank as f32).collect();
        shuffle(&mut random, &mut weights);
        let grades = (0..contents).map(|_| random.random_range(0..GRADES)).collect();
        let burst = Burst { viewer: 0, first: 0, contents: 1, at_ms: 0, left: 0, next: 0 };
        let mut events = Self {
            popularity: WeightedAliasIndex::new(weights)
                .expect("there are contents, and their weights are from 0 to 1"),
            grades,
            // Half of all views are longer than a minute and a half.
            watched: LogNormal::new(90_000_f32.ln(), 1.1).expect("a deviation above 0"),
            rhythm: Rhythm::new(count, end_ms),
            random,
            catalogue,
            end_ms,
            made: 0,
            count,
            recent: Vec::with_capacity(MEMORY),
            older: Vec::with_capacity(MEMORY),
            bots: 0,
            burst,
        };
        events.burst.next = events.random.random_range(BURST);
        events
    }

    fn event(&mut self) -> Event {
        let at_ms = self.rhythm.next_ms();
        if self.burst.left > 0 {
            return self.bot();
        }
        // A burst starts as soon as it does not make bots more than their share.
        if (self.bots + self.burst.next) * WHOLE <= self.made * BOTS {
            self.start_burst(at_ms);
            return self.bot();
        }
        let lot = self.random.random_range(0..WHOLE);
        let mut below = DUPLICATES;
        if lot < below
            && let Some(event) = self.duplicate()
        {
            return event;
        }
        let mut event = self.person(at_ms);
        let mut drawn = |share: u64| {
            let from = below;
            below += share;
            (from..below).contains(&lot)
        };
        if drawn(UNKNOWN) {
            event.kind = Kind::Unknown;
            event.content = format!("gone-{:04}", self.random.random_range(0..50))
                .parse()
                .expect("nine characters are a content id");
        } else if drawn(FUTURE) {
            event.kind = Kind::Future;
            event.at_ms = self.end_ms + self.random.random_range(2 * HOUR_MS..48 * HOUR_MS);
        } else if drawn(STALE) {
            event.kind = Kind::Stale;
            event.at_ms = self.end_ms - self.random.random_range(25 * HOUR_MS..96 * HOUR_MS);
        } else {
            self.remember(event);
        }
        event
    }

    /// A person's view, sent with a delay of up to two seconds.
    fn person(&mut self, at_ms: i64) -> Event {
        let content = self.popularity.sample(&mut self.random);
        // Density falls with the square root of the rank: a few come back a thousand times.
        let position: f32 = self.random.random();
        let viewer = (position * position * VIEWERS as f32) as u64;
        let watched_ms = if self.random.random_range(0..WHOLE) < BOUNCES {
            self.random.random_range(200..3_000)
        } else {
            (self.watched.sample(&mut self.random) as u32).clamp(3_000, 14_400_000)
        };
        Event {
            id: self.random.random(),
            content: self.catalogue.contents[content].id,
            viewer,
            at_ms: at_ms - self.random.random_range(0..2_000),
            watched_ms,
            relevance: self.relevance(content),
            kind: Kind::Person,
        }
    }

    /// Mostly the usual grade of the content, now and then one up or down.
    fn relevance(&mut self, content: usize) -> u16 {
        let usual = self.grades[content];
        let grade = match self.random.random_range(0..10) {
            0..2 => usual.saturating_sub(1),
            2..4 => (usual + 1).min(GRADES - 1),
            _ => usual,
        };
        GRADE_LOWEST_BPS + grade * GRADE_BPS
    }

    fn remember(&mut self, event: Event) {
        let place = self.random.random_range(0..MEMORY);
        put(&mut self.recent, place, event);
        if self.random.random_ratio(1, REMEMBERED) {
            put(&mut self.older, place, event);
        }
    }

    /// An earlier event once more, as it was.
    fn duplicate(&mut self) -> Option<Event> {
        let from = if self.random.random() { &self.recent } else { &self.older };
        let event = *from.get(self.random.random_range(0..from.len().max(1)))?;
        Some(Event { kind: Kind::Duplicate, ..event })
    }

    fn start_burst(&mut self, at_ms: i64) {
        let contents = self.catalogue.contents.len();
        self.burst = Burst {
            viewer: u64::from(VIEWERS) + self.random.random_range(0..BOT_VIEWERS),
            first: self.random.random_range(0..contents),
            contents: self.random.random_range(20..=120).min(contents),
            at_ms,
            left: self.burst.next,
            next: self.random.random_range(BURST),
        };
    }

    /// The next event of the burst: just long enough to look like a view, and much too fast.
    fn bot(&mut self) -> Event {
        let contents = self.catalogue.contents.len();
        let content =
            (self.burst.first + self.random.random_range(0..self.burst.contents)) % contents;
        self.burst.left -= 1;
        self.burst.at_ms += self.random.random_range(20..200);
        self.bots += 1;
        Event {
            id: self.random.random(),
            content: self.catalogue.contents[content].id,
            viewer: self.burst.viewer,
            at_ms: self.burst.at_ms,
            watched_ms: self.random.random_range(3_000..8_000),
            relevance: self.relevance(content),
            kind: Kind::Bot,
        }
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.made == self.count {
            return None;
        }
        let event = self.event();
        self.made += 1;
        Some(event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match usize::try_from(self.count - self.made) {
            Ok(left) => (left, Some(left)),
            Err(_) => (usize::MAX, None),
        }
    }
}

fn shuffle(random: &mut ChaCha8Rng, weights: &mut [f32]) {
    use rand::seq::SliceRandom;
    weights.shuffle(random);
}

/// Fills `memory` up first; then the event takes the place of another.
fn put(memory: &mut Vec<Event>, place: usize, event: Event) {
    if memory.len() < MEMORY {
        memory.push(event);
    } else {
        memory[place] = event;
    }
}

#[cfg(test)]
mod tests;
