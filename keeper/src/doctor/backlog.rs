//! What waits: to be counted, to be settled, to be indexed, to be published.

use diesel::{
    OptionalExtension, QueryableByName, sql_query,
    sql_types::{BigInt, Integer, Text},
};
use diesel_async::RunQueryDsl;
use solana_signature::Signature;

use super::{Checked, Finding, parts::Parts};
use crate::{
    chain::ChainError,
    observe::figures::{self, Waiting},
    store::StoreError,
};

/// Views that wait so long although they are due, in seconds.
const WAITING_WARN: u64 = 60;
const WAITING_FAIL: u64 = 900;
/// A batch is final within a minute, most of the time.
const BATCH_WARN: u64 = 120;
const BATCH_FAIL: u64 = 900;
/// Slots that the index may be behind: a minute.
const INDEX_WARN_SLOTS: u64 = 150;
/// Batches that may wait to be published.
const UNPUBLISHED_WARN: i64 = 100;

const OTHER_CHAIN: &str = "this database was used with another chain: check chain.rpc_url, \
                           database.url and data.folder, which belong together";

/// Whether a keeper runs at all.
pub async fn keepers(parts: &Parts) -> Checked {
    let counted = figures::counters(parts.store()?).await?;
    let name = "keepers";
    Ok(vec![if counted == 0 {
        Finding::warn(
            name,
            "no keeper counts views at present",
            "start one: `pixr serve`; until then events are kept, and nothing is paid",
        )
    } else {
        Finding::ok(name, format!("{counted} partition(s) of the log are counted"))
    }])
}

/// What waits to be counted.
pub async fn log(parts: &Parts) -> Checked {
    let backlog = figures::backlog(parts.store()?, parts.log()?).await?;
    let waiting = backlog.iter().map(|(_, batches)| batches).sum();
    Ok(vec![judge_log(waiting, parts.config.ingest.backlog_batches_max)])
}

fn judge_log(waiting: u64, max: u64) -> Finding {
    let name = "log backlog";
    let found = format!("{waiting} batches of events wait to be counted, of at most {max}");
    if waiting >= max {
        let advice = "sources are told to wait: see whether a keeper runs and what its log says";
        Finding::fail(name, found, advice)
    } else if waiting >= max / 2 {
        let advice = "counting does not keep up: see whether every partition has a keeper, and the \
                      load of the database";
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

#[derive(QueryableByName)]
struct Failure {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = Text)]
    error: String,
}

/// What waits to be paid, and why, where that is known.
pub async fn settlement(parts: &Parts) -> Checked {
    const FAILURES: &str = "
        SELECT DISTINCT ON (shard) shard, sequence, error
        FROM transactions JOIN batches USING (shard, sequence)
        WHERE finalized_at IS NULL AND outcome = 'failed' AND error IS NOT NULL
        ORDER BY shard, signed_at DESC";

    let waiting = figures::waiting(parts.store()?).await?;
    let failures: Vec<Failure> = {
        let mut connection = parts.store()?.get().await.map_err(StoreError::from)?;
        sql_query(FAILURES).load(&mut connection).await?
    };
    let age_max = u64::from(parts.config.settlement.age_max_seconds.0);
    let mut findings: Vec<_> =
        waiting.iter().map(|waiting| judge_waiting(waiting, age_max)).collect();
    findings.extend(failures.into_iter().map(|Failure { shard, sequence, error }| {
        Finding::fail(
            format!("settlement of shard {shard}"),
            format!("batch {sequence} failed on the chain: {error}"),
            "the keeper's log and `pixr platform show` tell what to change; the same batch is sent \
             again",
        )
    }));
    Ok(findings)
}

fn judge_waiting(waiting: &Waiting, age_max: u64) -> Finding {
    let Waiting { shard, windows, unplanned_views, batches, unfinalized_views, .. } = waiting;
    let name = format!("settlement of shard {shard}");
    let found = format!(
        "{unplanned_views} views in {windows} windows wait for a batch, {unfinalized_views} in \
         {batches} batches for the chain; the oldest for {} seconds",
        waiting.oldest_seconds.unwrap_or(0)
    );
    // What is not due may wait.
    let views = if *windows == 0 { 0 } else { waiting.oldest_seconds.unwrap_or(0) };
    let views = views.saturating_sub(age_max);
    let batch = waiting.oldest_batch_seconds.unwrap_or(0);
    let advice = "the keeper's log says what blocks the shard: a budget, a cap, a key, lamports or \
                  the endpoint";
    if views >= WAITING_FAIL || batch >= BATCH_FAIL {
        Finding::fail(name, found, advice)
    } else if views >= WAITING_WARN || batch >= BATCH_WARN {
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

#[derive(QueryableByName)]
struct Cursor {
    #[diesel(sql_type = Text)]
    signature: String,
    #[diesel(sql_type = BigInt)]
    slot: i64,
}

/// How far the chain is indexed.
pub async fn index(parts: &Parts) -> Checked {
    const CURSOR: &str = "SELECT signature, slot FROM index_cursors WHERE address = $1";

    let (chain, platform) = (parts.chain()?, parts.platform_address()?);
    let cursor: Option<Cursor> = {
        let mut connection = parts.store()?.get().await.map_err(StoreError::from)?;
        let query = sql_query(CURSOR).bind::<Text, _>(platform.to_string());
        query.get_result(&mut connection).await.optional()?
    };
    let after = cursor.as_ref().map(|cursor| cursor.signature.parse::<Signature>());
    let after = after
        .transpose()
        .map_err(|_| StoreError::Corrupt("the signature where the index ends".into()))?;
    let name = "index";
    let missing = match (chain.history(&platform, after, 1).await, after) {
        // The keeper beside this has gone on since the chain was read; or the chain is another one.
        (Err(ChainError::Invalid(_)), Some(after)) => {
            match parts.chain_now().await?.history(&platform, Some(after), 1).await {
                Err(ChainError::Invalid(problem)) => {
                    return Ok(vec![Finding::fail(name, problem, OTHER_CHAIN)]);
                }
                missing => missing?,
            }
        }
        (missing, _) => missing?,
    };
    let Some(first) = missing.into_iter().next() else {
        return Ok(vec![Finding::ok(name, "every transaction of the platform is indexed")]);
    };
    let from = cursor.map_or(0, |cursor| u64::try_from(cursor.slot).unwrap_or(0));
    let behind = chain.time().await?.slot.saturating_sub(first.slot);
    let found = format!(
        "the index ends at slot {from}; there are transactions after it, the first {behind} slots ago"
    );
    Ok(vec![if behind < INDEX_WARN_SLOTS {
        Finding::ok(name, found)
    } else {
        Finding::warn(
            name,
            found,
            "start a keeper, or see what its log says of the index; it catches up by itself",
        )
    }])
}

#[derive(QueryableByName)]
struct Unpublished {
    #[diesel(sql_type = BigInt)]
    batches: i64,
}

/// How far batches are published.
pub async fn publication(parts: &Parts) -> Checked {
    const UNPUBLISHED: &str = "
        SELECT count(*) AS batches FROM batches
        LEFT JOIN publications USING (shard)
        WHERE finalized_at IS NOT NULL AND batches.sequence > coalesce(publications.sequence, 0)";

    let mut connection = parts.store()?.get().await.map_err(StoreError::from)?;
    let Unpublished { batches } = sql_query(UNPUBLISHED).get_result(&mut connection).await?;
    let name = "publication";
    let found = format!("{batches} settled batches are not published yet");
    Ok(vec![if batches < UNPUBLISHED_WARN {
        Finding::ok(name, found)
    } else {
        let advice = "see what the keeper's log says of the object store; nobody can verify these \
                      batches before";
        Finding::warn(name, found, advice)
    }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn waiting_is_judged_by_how_long_it_is_overdue() {
        let severity = |windows, oldest, batch| {
            let waiting = Waiting {
                windows,
                oldest_seconds: Some(oldest),
                oldest_batch_seconds: batch,
                ..Default::default()
            };
            judge_waiting(&waiting, 10).severity
        };
        assert_eq!(severity(1, 69, None), Severity::Ok);
        assert_eq!(severity(1, 70, None), Severity::Warn);
        assert_eq!(severity(1, 910, None), Severity::Fail);
        assert_eq!(severity(0, 5_000, Some(119)), Severity::Ok, "views that came late");
        assert_eq!(severity(0, 0, Some(120)), Severity::Warn);
        assert_eq!(severity(0, 0, Some(900)), Severity::Fail);
    }

    #[test]
    fn a_log_that_fills_up_is_seen_before_it_is_full() {
        assert_eq!(judge_log(49, 100).severity, Severity::Ok);
        assert_eq!(judge_log(50, 100).severity, Severity::Warn);
        assert_eq!(judge_log(100, 100).severity, Severity::Fail);
    }
}
