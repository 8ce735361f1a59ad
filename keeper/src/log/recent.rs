//! The batches that this process appended last, so that a counter beside it need not read them back.

use std::collections::VecDeque;

use super::{LoggedBatch, Position};

/// Bytes of payloads that are kept at most.
const BYTES_MAX: usize = 64 << 20;

/// A stretch of a partition without gaps: every batch after `start`, up to `end`.
#[derive(Default)]
pub struct Recent {
    start: Position,
    end: Position,
    batches: VecDeque<LoggedBatch>,
    bytes: usize,
}

/// What is known of what follows a position.
pub enum Following {
    /// These batches.
    Batches(Vec<LoggedBatch>),
    /// Nothing that this process appended.
    Nothing,
    /// Not known here.
    Unknown,
}

impl Recent {
    /// Adds batches that follow `before` without a gap, in order of their positions.
    pub fn append(&mut self, before: Position, batches: Vec<LoggedBatch>) {
        let Some(last) = batches.last() else { return };
        let end = last.position;
        if end <= self.end {
            // Two appends at once may come here in the other order; the later one is kept.
            return;
        }
        if before != self.end {
            // Another process appended in between.
            *self = Self { start: before, ..Self::default() };
        }
        self.end = end;
        self.bytes += batches.iter().map(bytes).sum::<usize>();
        self.batches.extend(batches);
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.batches.pop_front()
        {
            self.bytes -= bytes(&oldest);
            self.start = oldest.position;
        }
    }

    /// What follows `position`, until `events_max` events are exceeded.
    pub fn following(&self, position: Position, events_max: usize) -> Following {
        if position < self.start || self.end == Position::START {
            return Following::Unknown;
        }
        let first = self.batches.partition_point(|batch| batch.position <= position);
        let batches = super::until(self.batches.range(first..).cloned(), events_max);
        if batches.is_empty() { Following::Nothing } else { Following::Batches(batches) }
    }
}

fn bytes(batch: &LoggedBatch) -> usize {
    batch.batch.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::logged;

    fn following(recent: &Recent, position: i64) -> Option<Vec<i64>> {
        match recent.following(Position(position), usize::MAX) {
            Following::Batches(batches) => {
                Some(batches.iter().map(|batch| batch.position.0).collect())
            }
            Following::Nothing => Some(Vec::new()),
            Following::Unknown => None,
        }
    }

    #[test]
    fn only_what_has_no_gap_is_known() {
        let mut recent = Recent::default();
        assert_eq!(following(&recent, 0), None);
        recent.append(Position(3), vec![logged(5, 1, 10), logged(6, 1, 10)]);
        recent.append(Position(6), vec![logged(7, 1, 10)]);
        assert_eq!(following(&recent, 2), None);
        assert_eq!(following(&recent, 3), Some(vec![5, 6, 7]));
        assert_eq!(following(&recent, 6), Some(vec![7]));
        assert_eq!(following(&recent, 7), Some(vec![]));

        recent.append(Position(9), vec![logged(10, 1, 10)]);
        assert_eq!(following(&recent, 7), None);
        assert_eq!(following(&recent, 9), Some(vec![10]));
        // What comes too late is left out.
        recent.append(Position(7), vec![logged(8, 1, 10), logged(9, 1, 10)]);
        assert_eq!(following(&recent, 7), None);
        assert_eq!(following(&recent, 9), Some(vec![10]));
    }

    #[test]
    fn bytes_and_events_are_bounded() {
        let mut recent = Recent::default();
        recent.append(Position(0), (1..=8).map(|n| logged(n, 5, 20 << 20)).collect());
        assert_eq!(following(&recent, 4), None);
        assert_eq!(following(&recent, 5), Some(vec![6, 7, 8]));
        let Following::Batches(batches) = recent.following(Position(5), 5) else { panic!() };
        assert_eq!(batches.len(), 2);
    }
}
