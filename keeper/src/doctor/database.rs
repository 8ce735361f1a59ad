//! PostgreSQL: whether it answers, keeps what it acknowledges, and has the layout of this program.

use std::time::Instant;

use chrono::Utc;
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::RunQueryDsl;

use super::{Checked, Finding, parts::Parts};
use crate::store::{self, MigrationState, StoreError};

/// Oldest major version that this program is tested with.
const VERSION_MIN: i64 = 15;
/// Answers that take longer slow counting down: every commit waits for some.
const ANSWER_MILLIS_MAX: u128 = 20;
/// Answers that are waited for.
const ANSWERS: usize = 10;
/// Connections that a keeper should leave to others.
const CONNECTIONS_SPARE: i64 = 5;
/// Differences of clocks, in milliseconds: leases last 10 seconds.
const CLOCK_WARN_MILLIS: u64 = 1_000;
const CLOCK_FAIL_MILLIS: u64 = 30_000;

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = BigInt)]
    major: i64,
    #[diesel(sql_type = Text)]
    fsync: String,
    #[diesel(sql_type = Text)]
    full_page_writes: String,
    #[diesel(sql_type = BigInt)]
    max_connections: i64,
}

#[derive(QueryableByName)]
struct Millis {
    #[diesel(sql_type = BigInt)]
    millis: i64,
}

/// Answers, version and settings.
pub async fn server(parts: &Parts) -> Checked {
    const SERVER: &str = "
        SELECT current_setting('server_version') AS version,
               current_setting('server_version_num')::BIGINT / 10000 AS major,
               current_setting('fsync') AS fsync,
               current_setting('full_page_writes') AS full_page_writes,
               current_setting('max_connections')::BIGINT AS max_connections";

    // What is wrong with one that is not there was found when it was to be opened.
    let Ok(store) = parts.store() else { return Ok(Vec::new()) };
    let mut connection = store.get().await.map_err(StoreError::from)?;
    let server: Server = sql_query(SERVER).get_result(&mut connection).await?;
    // The quickest tells how far away it is, whatever else both machines do.
    let mut answered = u128::MAX;
    for _ in 0..ANSWERS {
        let started = Instant::now();
        sql_query("SELECT 1").execute(&mut connection).await?;
        answered = answered.min(started.elapsed().as_millis());
    }
    let name = "database";
    let found = format!("PostgreSQL {} answers within {answered} ms", server.version);
    let mut findings = vec![if server.major < VERSION_MIN {
        Finding::warn(name, found, format!("use version {VERSION_MIN} or later"))
    } else if answered > ANSWER_MILLIS_MAX {
        Finding::warn(name, found, "put the keeper near its database: every commit waits for it")
    } else {
        Finding::ok(name, found)
    }];
    findings.push(durability(&server));
    let wanted = i64::try_from(parts.config.database.connections_max).unwrap_or(i64::MAX);
    if wanted > server.max_connections - CONNECTIONS_SPARE {
        findings.push(Finding::warn(
            "database connections",
            format!(
                "the server takes {}, and this keeper alone may want {wanted}",
                server.max_connections
            ),
            "lower database.connections_max, or raise the server's max_connections",
        ));
    }
    Ok(findings)
}

/// Whether the server keeps what it has acknowledged when its machine loses power.
fn durability(server: &Server) -> Finding {
    let off = [("fsync", &server.fsync), ("full_page_writes", &server.full_page_writes)];
    let off: Vec<_> = off.into_iter().filter(|(_, value)| *value != "on").map(|(n, _)| n).collect();
    let name = "database durability";
    if off.is_empty() {
        return Finding::ok(name, "what is committed is on disk");
    }
    Finding::fail(
        name,
        format!("{} is off: what was accepted or paid could be forgotten", off.join(" and ")),
        "turn it on in postgresql.conf, and reload the server",
    )
}

/// Whether the layout is the one that this program works with.
pub async fn migrations(parts: &Parts) -> Checked {
    let statuses = store::migration_statuses(parts.store()?).await?;
    let names = |state| {
        let names = statuses.iter().filter(|status| status.state == state);
        names.map(|status| status.name.as_str()).collect::<Vec<_>>()
    };
    let (pending, later) = (names(MigrationState::Pending), names(MigrationState::Unknown));
    let name = "migrations";
    Ok(vec![if !later.is_empty() {
        Finding::fail(
            name,
            format!("a later program has changed the database: {}", later.join(", ")),
            "use that program",
        )
    } else if !pending.is_empty() {
        Finding::fail(
            name,
            format!("the database lacks {}", pending.join(", ")),
            "run `pixr migrate`, or start the keeper, which does it",
        )
    } else {
        Finding::ok(name, format!("all {} have been run", statuses.len()))
    }])
}

/// This machine's clock against the database's.
pub async fn clock(parts: &Parts) -> Checked {
    let mut connection = parts.store()?.get().await.map_err(StoreError::from)?;
    let before = Utc::now().timestamp_millis();
    let theirs: Millis =
        sql_query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT AS millis")
            .get_result(&mut connection)
            .await?;
    let ours = before.midpoint(Utc::now().timestamp_millis());
    Ok(vec![compare_clocks("the database's", ours.abs_diff(theirs.millis), CLOCKS)])
}

/// Differences of clocks that are not well, in milliseconds.
#[derive(Clone, Copy)]
pub struct ClockLimits {
    pub warn_millis: u64,
    pub fail_millis: u64,
}

const CLOCKS: ClockLimits =
    ClockLimits { warn_millis: CLOCK_WARN_MILLIS, fail_millis: CLOCK_FAIL_MILLIS };

/// What to say of a difference between this machine's clock and `whose`.
pub fn compare_clocks(whose: &str, millis: u64, limits: ClockLimits) -> Finding {
    let name = "clock";
    let found = format!("this machine's clock and {whose} differ by {millis} ms");
    let advice = "let both machines follow a time server (chrony, systemd-timesyncd)";
    if millis >= limits.fail_millis {
        Finding::fail(name, found, advice)
    } else if millis >= limits.warn_millis {
        Finding::warn(name, found, advice)
    } else {
        Finding::ok(name, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn clocks_may_differ_a_little() {
        let severity = |millis| compare_clocks("that", millis, CLOCKS).severity;
        assert_eq!(severity(999), Severity::Ok);
        assert_eq!(severity(1_000), Severity::Warn);
        assert_eq!(severity(30_000), Severity::Fail);
    }
}
