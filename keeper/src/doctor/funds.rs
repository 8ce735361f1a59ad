//! Money: reward budgets against what is spent, and room for more creators and contents.

use pixr::state::{Platform, Shard, shard::Capacities};

use super::{Checked, Finding, Trouble, parts::Parts};
use crate::{chain::Commitment, index::registry, keys::Purpose, observe::figures};

/// Days that a reward budget should last, at the rate of the last 24 hours.
const DAYS_WARN: u64 = 7;
const DAYS_FAIL: u64 = 1;
/// Share of a shard's slots that may be in use before the next one should be prepared, in percent.
const USED_WARN_PERCENT: u64 = 90;

/// The headers of all shards, by number: where the database does not know their addresses, the
/// master seed does.
async fn shards(parts: &Parts, platform: &Platform) -> Result<Vec<Shard>, Trouble> {
    let chain = parts.chain()?;
    let known = match parts.store() {
        // A database without tables knows none.
        Ok(store) => registry::known_shards(store).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let mut shards = Vec::new();
    for number in 0..platform.shard_count {
        let address = match known.iter().find(|(known, _)| *known == number) {
            Some((_, address)) => *address,
            None => parts.keys()?.address(Purpose::Shard(number)),
        };
        shards.push(registry::header(&**chain, &address).await?);
    }
    Ok(shards)
}

/// How long each shard's reward budget lasts.
pub async fn budgets(parts: &Parts) -> Checked {
    let platform = parts.platform().await?;
    let shards = shards(parts, &platform).await?;
    // An empty budget is found without a database, too.
    let burned = match parts.store() {
        Ok(store) => figures::burned(store).await.ok(),
        Err(_) => None,
    };
    let burned = |shard: &Shard| {
        let all = burned.as_ref()?;
        let row = all.iter().find(|burned| burned.shard == shard.number);
        Some(row.map_or(0, |burned| burned.base_units))
    };
    Ok(shards
        .iter()
        .map(|shard| judge_budget(shard.number, shard.reward_budget, burned(shard)))
        .collect())
}

/// `burned` is what was credited in 24 hours, where that is known.
fn judge_budget(shard: u32, budget: u64, burned: Option<u64>) -> Finding {
    let name = format!("budget of shard {shard}");
    let advice = format!("fund it: `pixr fund {shard} AMOUNT`");
    if budget == 0 {
        return Finding::fail(name, "nothing is left, so no view is paid", advice);
    }
    let Some(burned) = burned else {
        let found = format!("{budget} base units are left; how fast they go is not known");
        return Finding::warn(name, found, "see what was found of the database");
    };
    let Some(days) = budget.checked_div(burned) else {
        let found = format!("{budget} base units are left, and none was spent in 24 hours");
        return Finding::ok(name, found);
    };
    let found = format!(
        "{budget} base units are left, for {days} whole day(s) at the {burned} of the last 24 hours"
    );
    if days < DAYS_FAIL {
        Finding::fail(name, found, advice)
    } else if days < DAYS_WARN {
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

/// Whether there is room for more creators and contents, and rent for the shards there are and for
/// the next.
pub async fn room(parts: &Parts) -> Checked {
    let platform = parts.platform().await?;
    let shards = shards(parts, &platform).await?;
    let Some(last) = shards.last() else { return Err(Trouble::Lacks("a shard")) };
    let chain = parts.chain()?;
    let capacities = Capacities {
        creators: last.creator_capacity,
        contents: last.content_capacity,
        lanes: last.lane_capacity,
    };
    let bytes = capacities.account_bytes().and_then(|bytes| usize::try_from(bytes).ok());
    let rent = chain.rent_lamports(bytes.unwrap_or(0)).await?;
    let keeper = parts.keys()?.address(Purpose::Keeper);
    let payer = chain.account_part(&keeper, 0, 0, Commitment::Finalized).await?;
    let lamports = payer.map_or(0, |account| account.lamports);
    Ok(vec![judge_room(last, rent, lamports)])
}

fn judge_room(last: &Shard, rent: u64, lamports: u64) -> Finding {
    let name = "room";
    let found = format!(
        "shard {}, the last, has {} of {} creators and {} of {} contents",
        last.number,
        last.creator_count,
        last.creator_capacity,
        last.content_count,
        last.content_capacity
    );
    let full = |used: u32, all: u32| u64::from(used) * 100 >= u64::from(all) * USED_WARN_PERCENT;
    let soon = full(last.creator_count, last.creator_capacity)
        || full(last.content_count, last.content_capacity);
    if !soon {
        return Finding::ok(name, found);
    }
    let pays = if lamports < rent {
        format!("; the keeper needs {} lamports more for its rent", rent - lamports)
    } else {
        String::new()
    };
    Finding::warn(name, found, format!("open the next one: `pixr shard open`{pays}"))
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn budgets_are_judged_by_the_days_they_last() {
        let severity = |budget, burned| judge_budget(0, budget, burned).severity;
        assert_eq!(severity(0, None), Severity::Fail);
        assert_eq!(severity(1, None), Severity::Warn);
        assert_eq!(severity(1, Some(0)), Severity::Ok);
        assert_eq!(severity(700, Some(100)), Severity::Ok);
        assert_eq!(severity(699, Some(100)), Severity::Warn);
        assert_eq!(severity(99, Some(100)), Severity::Fail);
    }

    #[test]
    fn the_next_shard_is_due_before_the_last_is_full() {
        let mut shard = Shard::zeroed();
        (shard.creator_capacity, shard.content_capacity) = (10, 100);
        shard.content_count = 89;
        assert_eq!(judge_room(&shard, 5, 0).severity, Severity::Ok);
        shard.content_count = 90;
        let finding = judge_room(&shard, 5, 2);
        assert_eq!(finding.severity, Severity::Warn);
        assert!(finding.advice.unwrap().contains("3 lamports more"));
    }
}
