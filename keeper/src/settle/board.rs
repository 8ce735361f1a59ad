//! What each shard is doing, for operators.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};

use super::{blocked::Blocked, metrics};

/// What a shard is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It settles, or has nothing to settle.
    Settling,
    /// Another keeper settles it.
    Elsewhere,
    /// It cannot go on.
    Blocked(Blocked),
}

impl State {
    /// What tells one state from another: the wording of an error may change from try to try.
    fn name(&self) -> &str {
        match self {
            Self::Settling => "settling",
            Self::Elsewhere => "elsewhere",
            Self::Blocked(blocked) => &blocked.cause,
        }
    }
}

/// What a shard is doing, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardStatus {
    pub shard: u32,
    pub state: State,
    pub since: DateTime<Utc>,
}

/// The states of all shards of this process.
#[derive(Clone, Default)]
pub struct Board(Arc<RwLock<BTreeMap<u32, ShardStatus>>>);

impl Board {
    /// Every shard, by number.
    pub fn statuses(&self) -> Vec<ShardStatus> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Takes note of a state, and says so in the log when it is another one than before.
    pub(crate) fn set(&self, shard: u32, state: State) {
        let mut statuses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = statuses.get(&shard);
        metrics::blocked(shard, matches!(state, State::Blocked(_)));
        if before.is_some_and(|before| before.state.name() == state.name()) {
            // Only its wording may be new.
            if let Some(status) = statuses.get_mut(&shard) {
                status.state = state;
            }
            return;
        }
        match &state {
            State::Blocked(Blocked { cause, reason, advice, .. }) => {
                tracing::error!(shard, cause, reason, advice, "a shard cannot settle");
            }
            State::Elsewhere => tracing::info!(shard, "another keeper settles this shard"),
            State::Settling => tracing::info!(shard, "settling"),
        }
        statuses.insert(shard, ShardStatus { shard, state, since: Utc::now() });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keeps_the_time_of_the_first_of_equal_states() {
        let board = Board::default();
        let blocked = |cause: &str, reason: &str| {
            State::Blocked(Blocked {
                cause: cause.into(),
                reason: reason.into(),
                advice: String::new(),
                retry_in: Duration::ZERO,
            })
        };
        board.set(1, blocked("a", "first"));
        let first = board.statuses();
        board.set(1, blocked("a", "second"));
        let second = board.statuses();
        assert_eq!(first[0].since, second[0].since);
        assert_eq!(second[0].state, blocked("a", "second"));
        board.set(1, State::Settling);
        board.set(0, State::Elsewhere);
        let last = board.statuses();
        assert_eq!((last[0].shard, &last[1].state), (0, &State::Settling));
        assert!(last[1].since >= first[0].since);
    }
}
