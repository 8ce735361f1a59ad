//! The chain: whether it answers, and has the program and the platform.

use std::time::Instant;

use chrono::Utc;

use super::{
    Checked, Finding, Trouble,
    database::{ClockLimits, compare_clocks},
    parts::Parts,
};
use crate::{chain::Commitment, config::ChainKind};

/// Answers that take longer slow settlement down.
const ANSWER_MILLIS_MAX: u128 = 2_000;
/// A cluster's clock follows its validators' votes, which may be behind by some seconds.
const CLOCKS: ClockLimits = ClockLimits { warn_millis: 60_000, fail_millis: 600_000 };

/// Whether the chain answers, and is not behind: an endpoint that is gives an error.
pub async fn endpoint(parts: &Parts) -> Checked {
    // What is wrong with one that is not there was found when it was to be opened.
    let Ok(chain) = parts.chain() else { return Ok(Vec::new()) };
    let started = Instant::now();
    let slot = chain.time().await?.slot;
    let answered = started.elapsed().as_millis();
    let found = match parts.config.chain.rpc_url {
        ChainKind::Embedded => format!("the embedded chain is at slot {slot}"),
        ChainKind::Cluster(_) => {
            format!("the endpoint is at slot {slot} and answers within {answered} ms")
        }
    };
    Ok(vec![if answered > ANSWER_MILLIS_MAX {
        Finding::warn("chain", found, "use an endpoint that is nearer or less busy")
    } else {
        Finding::ok("chain", found)
    }])
}

/// This machine's clock against the chain's.
pub async fn clock(parts: &Parts) -> Checked {
    let time = parts.chain()?.time().await?.unix_seconds;
    let embedded = parts.config.chain.rpc_url == ChainKind::Embedded;
    Ok(vec![judge_clock(embedded, time, Utc::now().timestamp())])
}

/// Compares times in Unix seconds.
fn judge_clock(embedded: bool, chain: i64, machine: i64) -> Finding {
    let seconds = chain.abs_diff(machine);
    if embedded && chain <= machine {
        // Here it is read as of its last transaction; whoever writes it follows this clock.
        let found =
            format!("the embedded chain follows it, with the last transaction {seconds} s ago");
        return Finding::ok("clock", found);
    }
    let millis = seconds.saturating_mul(1_000);
    if embedded && millis >= CLOCKS.warn_millis {
        let found = format!("the embedded chain is {seconds} s ahead of it");
        let advice = "nothing, where `pixr advance` let time pass; else this machine's clock was put \
                      back: let it follow a time server";
        return Finding::warn("clock", found, advice);
    }
    compare_clocks("the chain's", millis, CLOCKS)
}

/// Whether the program is deployed.
pub async fn program(parts: &Parts) -> Checked {
    let account = parts.chain()?.account_part(&pixr::ID, 0, 0, Commitment::Finalized).await?;
    let (name, id) = ("program", pixr::ID);
    let deploy = "deploy the program (see the README), or check chain.rpc_url: this may be another \
                  cluster";
    Ok(vec![match account {
        Some(account) if account.executable => Finding::ok(name, format!("{id} can be executed")),
        Some(_) => Finding::fail(name, format!("{id} is no program that can be executed"), deploy),
        None => Finding::fail(name, format!("there is no program {id}"), deploy),
    }])
}

/// Whether the platform exists and runs.
pub async fn platform(parts: &Parts) -> Checked {
    let address = parts.platform_address()?;
    let name = "platform";
    let platform = match parts.platform().await {
        Ok(platform) => platform,
        Err(Trouble::Lacks("a platform")) => {
            return Ok(vec![Finding::fail(
                name,
                format!("there is no platform at {address}"),
                "make one with `pixr platform init`, or name the address that signed its creation \
                 in chain.platform_base",
            )]);
        }
        Err(trouble) => return Err(trouble),
    };
    let shards = platform.shard_count;
    Ok(vec![if platform.paused {
        Finding::fail(
            name,
            format!("{address} is paused: nothing is settled"),
            "find out why the guardian paused it; the admin lets it run again (`pixr unpause`)",
        )
    } else if shards == 0 {
        Finding::fail(
            name,
            format!("{address} has no shard, so nobody can be registered or paid"),
            "open one: `pixr shard open`",
        )
    } else {
        Finding::ok(name, format!("{address} runs and has {shards} shard(s)"))
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn an_embedded_chain_without_transactions_is_not_behind() {
        let severity = |embedded, chain| judge_clock(embedded, chain, 1_000_000).severity;
        assert_eq!([severity(true, 10), severity(false, 10)], [Severity::Ok, Severity::Fail]);
        // Time was told to pass there, or this clock was put back.
        assert_eq!(severity(true, 1_000_600), Severity::Warn);
        assert_eq!(
            [severity(true, 1_000_030), severity(false, 1_000_600)],
            [Severity::Ok, Severity::Fail]
        );
        assert_eq!(severity(false, 999_941), Severity::Ok);
    }
}
