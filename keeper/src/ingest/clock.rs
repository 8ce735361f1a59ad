//! The time at which batches come in, as long as this machine's clock can be believed.
//!
//! Verdicts depend on that time: after a leap ahead, ids would be forgotten that can still come
//! again, and views would count twice. So a keeper whose clock leaps takes nothing more and stops.
//! Whoever starts it again has looked which time is right.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, SubsecRound, Utc};
use nix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

/// How much the clock may be set at once. Adjustments are smaller; leaps that matter are larger.
const LEAP_MAX_MS: i64 = 60_000;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock of this machine leapt by {} seconds: the keeper takes no views and stops; see which \
     time is right, then start it again",
    .0 / 1_000
)]
pub struct Leap(i64);

/// What clocks say.
#[derive(Clone, Copy)]
struct Reading {
    now: DateTime<Utc>,
    /// A clock that nobody sets and that goes on while the machine sleeps.
    since_boot_ms: i64,
}

impl Reading {
    fn take() -> Self {
        let now = Utc::now();
        // This clock is part of every kernel; without it no leap would be seen.
        let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME);
        let since_boot_ms =
            since_boot.map_or(0, |time| time.tv_sec() * 1_000 + time.tv_nsec() / 1_000_000);
        Self { now, since_boot_ms }
    }

    fn booted_ms(self) -> i64 {
        self.now.timestamp_millis() - self.since_boot_ms
    }
}

/// A wall clock that notices when it is set.
#[derive(Clone)]
pub struct Clock {
    /// When the machine was booted by the last reading, in Unix milliseconds: what moves slowly is
    /// followed.
    booted_ms: Arc<AtomicI64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::starting_with(Reading::take())
    }
}

impl Clock {
    fn starting_with(reading: Reading) -> Self {
        Self { booted_ms: Arc::new(AtomicI64::new(reading.booted_ms())) }
    }

    /// The time, in microseconds as the database keeps it.
    pub fn now(&self) -> Result<DateTime<Utc>, Leap> {
        self.believe(Reading::take())
    }

    /// Looks at the clock until `stop`. Fails when it leapt.
    pub async fn watch(self, stop: CancellationToken) -> Result<(), Leap> {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            self.follow(Reading::take())?;
        }
        Ok(())
    }

    fn believe(&self, reading: Reading) -> Result<DateTime<Utc>, Leap> {
        let leap = reading.booted_ms() - self.booted_ms.load(Ordering::Relaxed);
        if leap.abs() > LEAP_MAX_MS { Err(Leap(leap)) } else { Ok(reading.now.trunc_subsecs(6)) }
    }

    fn follow(&self, reading: Reading) -> Result<(), Leap> {
        self.believe(reading)?;
        self.booted_ms.store(reading.booted_ms(), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(now_ms: i64, since_boot_ms: i64) -> Reading {
        Reading { now: DateTime::from_timestamp_millis(now_ms).unwrap(), since_boot_ms }
    }

    #[test]
    fn time_may_pass_and_be_adjusted_but_not_leap() {
        const START_MS: i64 = 1_790_000_000_000;
        let clock = Clock::starting_with(reading(START_MS, 5_000));
        // A night's sleep of the machine.
        let night = reading(START_MS + 28_800_000, 28_805_000);
        assert_eq!(clock.believe(night), Ok(night.now));
        // Adjusted by 40 seconds, and again: each is followed.
        for step in 1..=3 {
            let adjusted = reading(START_MS + step * 41_000, 5_000 + step * 1_000);
            assert_eq!(clock.follow(adjusted), Ok(()));
        }
        for leap_ms in [86_400_000, -86_400_000, 61_000, -61_000] {
            let leapt = reading(START_MS + 123_000 + leap_ms, 8_000);
            assert_eq!(clock.believe(leapt), Err(Leap(leap_ms)));
            assert_eq!(clock.follow(leapt), Err(Leap(leap_ms)));
        }
        // A leap is not forgotten because it was seen; back at the right time all is well.
        assert!(clock.believe(reading(START_MS + 123_000, 8_000)).is_ok());
        let text = Leap(-7_200_000).to_string();
        assert!(text.contains("leapt by -7200 seconds"), "{text}");
    }

    #[tokio::test]
    async fn this_machines_clock_is_followed_until_it_is_told_to_stop() {
        let (clock, stop) = (Clock::default(), CancellationToken::new());
        assert!(clock.now().is_ok());
        stop.cancel();
        assert_eq!(clock.watch(stop).await, Ok(()));
    }
}
