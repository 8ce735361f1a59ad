//! Which events count.
//!
//! An event gets the first verdict of these that fits:
//!
//! 1. *future*: dated more than `ahead_max` after its batch came in
//! 2. *stale*: dated more than `age_max` before
//! 3. *too short*: watched for less than `watched_ms_min`
//! 4. *unknown content*: no shard has a slot for it
//! 5. *duplicate id*: an event with its id counted within the last `id_seconds`
//! 6. *duplicate view*: its viewer's view of its content counted already in the window of
//!    `view_window` that it is dated in
//! 7. *impossible rate*: `viewer_views_max` views of its viewer counted already in the window of
//!    `viewer_window` that it is dated in
//!
//! Only what counts is remembered, so whoever sends an event again after it was refused for a reason
//! that has passed is not told that it is a duplicate.
//!
//! Time is when a batch came in, as the log has it, never a clock: judging the log again gives the
//! same verdicts, whenever that is, as long as the same contents are known.

use std::{hash::Hasher as _, time::Duration};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::expiring::Expiring;
use crate::{
    config::CountingConfig,
    views::{Verdict, ViewEvent},
};

/// Events whose places in memory are fetched at once: each alone would be a wait for main memory.
const CHUNK: usize = 32;

/// Judges the events of one partition.
pub struct Judge {
    rules: Rules,
    ids: Expiring,
    views: Expiring,
    rates: Expiring,
}

/// What is remembered of an event.
#[derive(Clone, Copy, Default)]
struct Marks {
    id: u128,
    view: u128,
    rate: u128,
}

impl Judge {
    /// Knows no event yet.
    pub fn new(config: &CountingConfig) -> Self {
        let rules = Rules::new(config);
        Self {
            ids: Expiring::new(millis(rules.ids_ms)),
            views: Expiring::new(millis(rules.view_life_ms())),
            rates: Expiring::new(millis(rules.rate_life_ms())),
            rules,
        }
    }

    /// How far back events matter.
    pub fn memory(config: &CountingConfig) -> Duration {
        let rules = Rules::new(config);
        millis(rules.ids_ms.max(rules.view_life_ms()).max(rules.rate_life_ms()))
    }

    /// Judges the events of a batch that came in at `received_ms`; `known` says which of their
    /// contents have a slot. Adds a verdict for each to `verdicts`.
    pub fn judge(
        &mut self,
        events: &[ViewEvent],
        known: impl Fn(usize) -> bool,
        received_ms: i64,
        verdicts: &mut Vec<Verdict>,
    ) {
        self.advance(received_ms);
        for (chunk, events) in events.chunks(CHUNK).enumerate() {
            let mut marks = [Marks::default(); CHUNK];
            for (marks, event) in marks.iter_mut().zip(events) {
                *marks = self.rules.marks(event);
                self.ids.prefetch(marks.id);
                self.views.prefetch(marks.view);
                self.rates.prefetch(marks.rate);
            }
            for (offset, event) in events.iter().enumerate() {
                let known = known(chunk * CHUNK + offset);
                let verdict = self.verdict(event, &marks[offset], known, received_ms);
                if verdict == Verdict::Counted {
                    self.remember_marks(event, &marks[offset], received_ms);
                }
                verdicts.push(verdict);
            }
        }
    }

    /// Remembers events of a batch that counted before.
    pub fn remember<'a>(&mut self, counted: impl Iterator<Item = &'a ViewEvent>, received_ms: i64) {
        self.advance(received_ms);
        for event in counted {
            self.remember_marks(event, &self.rules.marks(event), received_ms);
        }
    }

    /// Ids that are remembered.
    pub fn live_ids(&self) -> usize {
        self.ids.len()
    }

    /// Memory of the ids, and of everything, in bytes.
    pub fn bytes(&self) -> (usize, usize) {
        let ids = self.ids.bytes();
        (ids, ids + self.views.bytes() + self.rates.bytes())
    }

    fn advance(&mut self, received_ms: i64) {
        for memory in [&mut self.ids, &mut self.views, &mut self.rates] {
            memory.advance(received_ms);
        }
    }

    fn verdict(&self, event: &ViewEvent, marks: &Marks, known: bool, received_ms: i64) -> Verdict {
        let Rules { ahead_max_ms, age_max_ms, watched_ms_min, viewer_views_max, .. } = self.rules;
        if event.at_ms > received_ms.saturating_add(ahead_max_ms) {
            Verdict::Future
        } else if event.at_ms < received_ms.saturating_sub(age_max_ms) {
            Verdict::Stale
        } else if event.watched_ms < watched_ms_min {
            Verdict::TooShort
        } else if !known {
            Verdict::UnknownContent
        } else if self.ids.count(marks.id) > 0 {
            Verdict::DuplicateId
        } else if self.views.count(marks.view) > 0 {
            Verdict::DuplicateView
        } else if self.rates.count(marks.rate) >= viewer_views_max {
            Verdict::ImpossibleRate
        } else {
            Verdict::Counted
        }
    }

    fn remember_marks(&mut self, event: &ViewEvent, marks: &Marks, received_ms: i64) {
        let rules = &self.rules;
        // A window matters as long as an event dated in it may still come.
        let window_end = |window_ms| end_of_window(event.at_ms, window_ms) + rules.age_max_ms;
        self.ids.add(marks.id, received_ms + rules.ids_ms);
        self.views.add(marks.view, window_end(rules.view_window_ms));
        self.rates.add(marks.rate, window_end(rules.viewer_window_ms));
    }
}

/// The configuration in milliseconds.
struct Rules {
    ids_ms: i64,
    view_window_ms: i64,
    age_max_ms: i64,
    ahead_max_ms: i64,
    watched_ms_min: u32,
    viewer_views_max: u16,
    viewer_window_ms: i64,
}

impl Rules {
    fn new(config: &CountingConfig) -> Self {
        Self {
            ids_ms: config.id_seconds.millis(),
            view_window_ms: config.view_window_seconds.millis().max(1),
            age_max_ms: config.age_max_seconds.millis(),
            ahead_max_ms: config.ahead_max_seconds.millis(),
            watched_ms_min: config.watched_ms_min,
            viewer_views_max: config.viewer_views_max,
            viewer_window_ms: config.viewer_window_seconds.millis().max(1),
        }
    }

    fn view_life_ms(&self) -> i64 {
        self.age_max_ms + self.ahead_max_ms + self.view_window_ms
    }

    fn rate_life_ms(&self) -> i64 {
        self.age_max_ms + self.ahead_max_ms + self.viewer_window_ms
    }

    fn marks(&self, event: &ViewEvent) -> Marks {
        // Viewers are keyed hashes, so nobody can choose what these hashes are made of.
        let hash = |window_ms: i64, content: &[u8]| {
            let mut hasher = SipHasher13::new();
            hasher.write(&event.viewer);
            hasher.write_i64(event.at_ms.div_euclid(window_ms));
            hasher.write(content);
            hasher.finish128().as_u128()
        };
        Marks {
            id: u128::from_le_bytes(event.id),
            view: hash(self.view_window_ms, &event.content.0),
            rate: hash(self.viewer_window_ms, &[]),
        }
    }
}

fn end_of_window(at_ms: i64, window_ms: i64) -> i64 {
    at_ms.saturating_sub(at_ms.rem_euclid(window_ms)).saturating_add(window_ms)
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

#[cfg(test)]
mod tests;
