//! The market over HTTP: everybody may look, sources report searches.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    middleware,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{MarketError, Opportunity, Report, searches};
use crate::{
    app::App,
    ingest::{
        Sources,
        problem::{self, Problem},
    },
    store::contents,
    views::ContentId,
};

/// Most that is listed at once.
const LIMIT_MAX: usize = 1_000;
/// Most reports in one request.
const REPORTS_MAX: usize = 10_000;
/// Bytes of a request.
const BODY_BYTES_MAX: usize = 2 << 20;

/// What the API works with.
#[derive(Clone)]
pub struct MarketState {
    pub app: App,
    pub sources: Arc<Sources>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limited {
    limit: Option<usize>,
}

/// One report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    content: ContentId,
    /// Unix time in milliseconds.
    at: i64,
    searches: u32,
}

/// The API:
///
/// - `GET /v1/market`: the platform's totals and their history.
/// - `GET /v1/market/contents/{id}`: what a content is worth, and its history.
/// - `GET /v1/market/opportunities`: rounds that take investments, the best first.
/// - `GET /v1/ranking`: contents in the order in which to show them.
/// - `POST /v1/searches`: searches by hour, as JSON lines.
pub fn router(state: MarketState) -> Router {
    Router::new()
        .route("/v1/market", get(totals))
        .route("/v1/market/contents/{id}", get(content))
        .route("/v1/market/opportunities", get(opportunities))
        .route("/v1/ranking", get(ranking))
        .route("/v1/searches", post(report))
        .layer(middleware::map_response(problem::describe_refusal))
        .with_state(state)
}

fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "Malformed request", detail)
}

fn failed(error: impl Into<MarketError>) -> Problem {
    let error = error.into();
    tracing::warn!(%error, "the market cannot be asked");
    Problem::unavailable("the market cannot be asked now; ask again")
}

/// How many are asked for.
fn limit(
    query: Result<Query<Limited>, QueryRejection>,
    unless_named: usize,
) -> Result<usize, Problem> {
    let Query(Limited { limit }) = query.map_err(|error| malformed(error.body_text()))?;
    match limit.unwrap_or(unless_named) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        limit => Err(malformed(format!("limit: {limit}, expected 1 to {LIMIT_MAX}"))),
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

async fn totals(
    State(state): State<MarketState>,
    query: Result<Query<Limited>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(query, 100)?;
    let history = super::totals(&state.app.store, rows(limit)).await.map_err(failed)?;
    Ok(Json(json!({ "now": history.last(), "history": history })))
}

async fn content(
    State(state): State<MarketState>,
    Path(id): Path<String>,
    query: Result<Query<Limited>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(query, 100)?;
    let id: ContentId = id.parse().map_err(|error| malformed(format!("content: {error}")))?;
    let pool = &state.app.store;
    let unknown = || {
        Problem::new(StatusCode::NOT_FOUND, "Not found", format!("no shard has the content {id}"))
    };
    let slot = contents::find(pool, id).await.map_err(failed)?.ok_or_else(unknown)?;
    let (shard, content) = slot.stored().map_err(failed)?;
    let now = super::content(pool, shard, content).await.map_err(failed)?;
    let history = super::history(pool, shard, content, rows(limit)).await.map_err(failed)?;
    Ok(Json(json!({ "content": id.to_string(), "now": now, "history": history })))
}

async fn opportunities(
    State(state): State<MarketState>,
    query: Result<Query<Limited>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(query, 100)?;
    let mut all: Vec<Opportunity> =
        super::opportunities(&state.app, Utc::now()).await.map_err(failed)?;
    all.truncate(limit);
    Ok(Json(json!({ "opportunities": all })))
}

async fn ranking(
    State(state): State<MarketState>,
    query: Result<Query<Limited>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(query, 100)?;
    let ranked = super::ranking(&state.app.store, Utc::now(), limit).await.map_err(failed)?;
    Ok(Json(json!({ "ranking": ranked })))
}

/// Takes reports: all of them, or none when a line is malformed.
async fn report(
    State(state): State<MarketState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let source = state.sources.authenticate(&headers, peer.ip())?;
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Too large",
            format!("send at most {BODY_BYTES_MAX} bytes in one request"),
        )
    })?;
    let now = Utc::now();
    let reports = parse(&body, now).map_err(|(line, reason)| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Malformed reports",
            format!("line {line}: {reason}; nothing was taken"),
        )
        .with("malformed", json!({ "line": line, "reason": reason }))
    })?;
    let MarketState { app, .. } = &state;
    let bucket_seconds = i64::from(app.config.market.history_seconds.0);
    let known = super::report(&app.store, &source.name, &reports, now, bucket_seconds)
        .await
        .map_err(failed)?;
    Ok(Json(json!({ "taken": known, "unknown_content": reports.len() - known })))
}

/// Reports in JSON lines, or the number of the first malformed line and what is wrong with it.
fn parse(text: &[u8], now: DateTime<Utc>) -> Result<Vec<Report>, (usize, String)> {
    let mut reports = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if reports.len() == REPORTS_MAX {
            return Err((number, format!("more than {REPORTS_MAX} reports in one request")));
        }
        let Line { content, at, searches } =
            serde_json::from_slice(line).map_err(|error| (number, error.to_string()))?;
        let within = |at: &DateTime<Utc>| *at <= now && now - *at <= searches::AGE_MAX;
        let at = DateTime::from_timestamp_millis(at).filter(within).ok_or_else(|| {
            let days = searches::AGE_MAX.num_days();
            (number, format!("at: expected a time of the last {days} days, in milliseconds"))
        })?;
        reports.push(Report { content, at, searches });
    }
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_reports_and_says_what_is_wrong() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let read = parse(b"\n{\"content\":\"clip\",\"at\":1799999999000,\"searches\":7}\n", now);
        let content = "clip".parse().unwrap();
        let at = DateTime::from_timestamp(1_799_999_999, 0).unwrap();
        assert_eq!(read.unwrap(), [Report { content, at, searches: 7 }]);
        for (line, problem) in [
            (r#"{"content":"clip","at":1800000001000,"searches":7}"#, "at: "),
            (r#"{"content":"clip","at":1790000000000,"searches":7}"#, "at: "),
            (r#"{"content":"clip","at":1799999999000,"searches":-7}"#, "u32"),
            (r#"{"content":"","at":1799999999000,"searches":7}"#, ""),
            (r#"{"content":"clip","at":1799999999000}"#, "searches"),
        ] {
            let (number, reason) = parse(format!("\n{line}").as_bytes(), now).unwrap_err();
            assert!(number == 2 && reason.contains(problem), "{line}: {reason}");
        }
        let many = "{\"content\":\"clip\",\"at\":1799999999000,\"searches\":7}\n".repeat(10_001);
        assert_eq!(parse(many.as_bytes(), now).unwrap_err().0, 10_001);
    }
}
