//! Kills a child that is cancelled or takes too long.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio_util::sync::CancellationToken;

/// How often a watch looks whether it was cancelled.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Why a child was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    Cancelled,
    TimeLimit,
}

/// The end of a watch.
#[derive(Default)]
pub(super) struct Watch {
    over: Mutex<bool>,
    changed: Condvar,
}

impl Watch {
    /// Blocks until [`Watch::end`], killing `pid` before if it has to.
    pub(super) fn keep(
        &self,
        pid: Pid,
        time: Duration,
        cancel: &CancellationToken,
    ) -> Option<Killed> {
        let deadline = Instant::now() + time;
        let mut killed = None;
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*over {
            if killed.is_none() {
                killed = match () {
                    () if cancel.is_cancelled() => Some(Killed::Cancelled),
                    () if Instant::now() >= deadline => Some(Killed::TimeLimit),
                    () => None,
                };
                if killed.is_some() {
                    // Nobody has waited for the child yet, so the number is still its own.
                    let _ = kill(pid, Signal::SIGKILL);
                }
            }
            let waited = self.changed.wait_timeout(over, LOOK_INTERVAL);
            over = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        killed
    }

    /// The child is about to be waited for: its number must not be used any more.
    pub(super) fn end(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
