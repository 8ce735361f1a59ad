//! `/metrics`, `/health` and `/ready`.

use std::time::Instant;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use super::{Readiness, Report};

/// The form of what `/metrics` answers.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves what operators and load balancers ask for:
///
/// - `/metrics`: every metric, in the form that Prometheus reads.
/// - `/health`: 200 while this process can answer at all. To be restarted when it does not.
/// - `/ready`: 200 while this keeper can take events and count them, else 503 with what is missing.
///   A shard that cannot settle leaves it at 200: `degraded`, with the shard, why, and what to do.
pub fn router(metrics: PrometheusHandle, readiness: Readiness) -> Router {
    let started = Instant::now();
    let health = async move || {
        Json(json!({
            "status": "alive",
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": started.elapsed().as_secs(),
        }))
    };
    let metrics = async move || ([(CONTENT_TYPE, PROMETHEUS)], metrics.render());
    Router::new()
        .route("/ready", get(ready))
        .with_state(readiness)
        .route("/health", get(health))
        .route("/metrics", get(metrics))
}

async fn ready(State(readiness): State<Readiness>) -> impl IntoResponse {
    let report: Report = readiness.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}
