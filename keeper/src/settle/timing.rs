//! When waiting windows become batches. Pure.

use std::time::Duration;

use crate::config::SettlementConfig;

/// Whether to weigh cost against delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// As the configuration says.
    Due,
    /// Everything at once, whatever it costs.
    Now,
}

/// What waits in a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Entries that it would take.
    pub credits: usize,
    /// What they would credit at full quality, in base units.
    pub amount: u64,
    /// How long ago the first of these views came in.
    pub age: Duration,
}

/// What else the decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    pub timing: Timing,
    /// How long ago this process last planned for this shard; `None` when it has not.
    pub since_last: Option<Duration>,
    /// What others pay at present, in micro-lamports a compute unit.
    pub priority_fee: u64,
}

/// Why windows become batches now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoReason {
    /// There are credits enough for a batch.
    Size,
    /// They are worth a batch, and the interval is over.
    Amount,
    /// The views have waited as long as they may.
    Age,
    /// Somebody asked for it.
    Asked,
}

/// Why windows wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// There are none.
    Nothing,
    /// The priority fee is high, and the views are not old.
    Fee,
    /// The last batch was planned a moment ago.
    Interval,
    /// They are worth too little.
    Amount,
}

/// Whether to plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Go(GoReason),
    /// Not yet. Time alone changes this no sooner than in `again_in`; new windows can.
    Wait {
        reason: WaitReason,
        again_in: Duration,
    },
}

/// Decides, in this order: what is too old goes at any fee; at a high fee the rest waits; what fills
/// a batch goes; after the interval what is worth it goes.
pub fn decide(
    waiting: Option<&Waiting>,
    situation: &Situation,
    config: &SettlementConfig,
) -> Decision {
    let interval = config.batch_interval_ms.duration();
    let Some(waiting) = waiting else {
        return Decision::Wait { reason: WaitReason::Nothing, again_in: interval };
    };
    if situation.timing == Timing::Now {
        return Decision::Go(GoReason::Asked);
    }
    let until_old = config.age_max_seconds.duration().saturating_sub(waiting.age);
    if until_old.is_zero() {
        return Decision::Go(GoReason::Age);
    }
    if situation.priority_fee > config.priority_fee_calm {
        return Decision::Wait { reason: WaitReason::Fee, again_in: interval.min(until_old) };
    }
    if waiting.credits >= config.batch_size {
        return Decision::Go(GoReason::Size);
    }
    let rest = situation.since_last.map_or(Duration::ZERO, |since| interval.saturating_sub(since));
    if !rest.is_zero() {
        return Decision::Wait { reason: WaitReason::Interval, again_in: rest.min(until_old) };
    }
    if waiting.amount >= config.min_batch_amount {
        return Decision::Go(GoReason::Amount);
    }
    Decision::Wait { reason: WaitReason::Amount, again_in: interval.min(until_old) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Millis, Seconds};

    fn config() -> SettlementConfig {
        SettlementConfig {
            batch_size: 1_000,
            batch_interval_ms: Millis(1_000),
            min_batch_amount: 500,
            age_max_seconds: Seconds(10),
            priority_fee_calm: 10_000,
            priority_fee_max: 1_000_000,
        }
    }

    fn wait(reason: WaitReason, millis: u64) -> Decision {
        Decision::Wait { reason, again_in: Duration::from_millis(millis) }
    }

    /// Credits, amount, age in ms, ms since the last plan, priority fee, and what follows.
    type Case = (usize, u64, u64, Option<u64>, u64, Result<GoReason, (WaitReason, u64)>);

    const TABLE: [Case; 17] = [
        // Calm fees, never planned.
        (1, 500, 0, None, 0, Ok(GoReason::Amount)),
        (1, 499, 0, None, 0, Err((WaitReason::Amount, 1_000))),
        (1, 499, 9_600, None, 0, Err((WaitReason::Amount, 400))),
        (1, 0, 10_000, None, 0, Ok(GoReason::Age)),
        (1_000, 0, 0, None, 0, Ok(GoReason::Size)),
        (999, 0, 0, None, 0, Err((WaitReason::Amount, 1_000))),
        // Calm fees, planned a moment ago.
        (1, 500, 0, Some(300), 0, Err((WaitReason::Interval, 700))),
        (1, 500, 9_900, Some(300), 0, Err((WaitReason::Interval, 100))),
        (1, 500, 0, Some(1_000), 0, Ok(GoReason::Amount)),
        (1_000, 0, 0, Some(0), 0, Ok(GoReason::Size)),
        (1, 0, 20_000, Some(0), 0, Ok(GoReason::Age)),
        // The fee at and above what is calm.
        (1, 500, 0, None, 10_000, Ok(GoReason::Amount)),
        (1, 500, 0, None, 10_001, Err((WaitReason::Fee, 1_000))),
        (1_000_000, u64::MAX, 9_999, None, 10_001, Err((WaitReason::Fee, 1))),
        (1, 0, 10_000, None, 10_001, Ok(GoReason::Age)),
        (1, 0, 10_000, Some(0), u64::MAX, Ok(GoReason::Age)),
        (1_000, 500, 0, Some(2_000), u64::MAX, Err((WaitReason::Fee, 1_000))),
    ];

    #[test]
    fn decides_as_the_table_says() {
        for (row, (credits, amount, age, since, fee, expected)) in TABLE.into_iter().enumerate() {
            let waiting = Waiting { credits, amount, age: Duration::from_millis(age) };
            let situation = Situation {
                timing: Timing::Due,
                since_last: since.map(Duration::from_millis),
                priority_fee: fee,
            };
            let expected = match expected {
                Ok(reason) => Decision::Go(reason),
                Err((reason, millis)) => wait(reason, millis),
            };
            assert_eq!(decide(Some(&waiting), &situation, &config()), expected, "row {row}");
        }
    }

    #[test]
    fn goes_whatever_it_costs_when_asked_but_never_for_nothing() {
        let situation = Situation { timing: Timing::Now, since_last: None, priority_fee: u64::MAX };
        let waiting = Waiting { credits: 1, amount: 0, age: Duration::ZERO };
        assert_eq!(decide(Some(&waiting), &situation, &config()), Decision::Go(GoReason::Asked));
        assert_eq!(decide(None, &situation, &config()), wait(WaitReason::Nothing, 1_000));
    }
}
