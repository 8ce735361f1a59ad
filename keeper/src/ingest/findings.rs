//! `POST /v1/findings`: late findings of fraud take counted views back.

use std::net::SocketAddr;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::json;

use super::{IngestState, problem::Problem};
use crate::{
    count::findings::{self, Finding, Outcome},
    views::{Hashes, ID_BYTES_MAX},
};

/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 200;
/// Most findings in one request: each costs a look into the log.
pub const FINDINGS_MAX: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    reason: String,
}

/// One finding: the source's id of the event, and when it was, to find it sooner.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    at: Option<i64>,
}

/// Takes findings as JSON lines: all of them, or none when a line is malformed.
pub async fn post(
    State(state): State<IngestState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    options: Result<Query<Options>, axum::extract::rejection::QueryRejection>,
    body: Body,
) -> Result<Json<Outcome>, Problem> {
    let source = state.sources.authenticate(&headers, peer.ip())?;
    if !source.reports_fraud {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "Not allowed",
            format!("{} may not report fraud: see reports_fraud in its configuration", source.name),
        ));
    }
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "Malformed request", detail);
    let Query(Options { reason }) = options.map_err(|error| bad(error.body_text()))?;
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(bad(format!("reason: expected 1 to {REASON_BYTES_MAX} bytes")));
    }
    let max = state.config.body_bytes_max;
    let body = to_bytes(body, max).await.map_err(|error| bad(error.to_string()))?;
    let events = parse(&body, &state.hashes).map_err(|(line, reason)| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Malformed findings",
            format!("line {line}: {reason}; nothing was taken back"),
        )
        .with("malformed", json!({ "line": line, "reason": reason }))
    })?;
    let IngestState { pool, log, counting, .. } = &state;
    findings::report(pool, &**log, counting, &source.name, &reason, &events)
        .await
        .map(Json)
        .map_err(|error| {
            tracing::warn!(%error, "findings not booked");
            Problem::unavailable("findings cannot be booked now; report them again")
        })
}

/// Findings in JSON lines, or the number of the first malformed line and what is wrong with it.
pub fn parse(text: &[u8], hashes: &Hashes) -> Result<Vec<Finding>, (usize, String)> {
    let mut events = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if events.len() == FINDINGS_MAX {
            return Err((number, format!("more than {FINDINGS_MAX} findings in one request")));
        }
        let Line { id, at } =
            serde_json::from_slice(line).map_err(|error| (number, error.to_string()))?;
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err((number, format!("id: expected 1 to {ID_BYTES_MAX} bytes")));
        }
        events.push(Finding { event: hashes.event(id.as_bytes()), at_ms: at });
    }
    Ok(events)
}
