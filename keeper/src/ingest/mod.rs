//! The API that takes view events: who may send, how much, and what becomes of it.
//!
//! A request is authenticated, bounded, parsed, encoded for the log, and answered once the log has
//! it on disk. What the events are worth is decided later, by the counter.

mod appender;
mod backlog;
mod clock;
pub mod findings;
pub mod metrics;
pub mod problem;
mod receipts;
mod sources;
mod views;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use tower_http::{decompression::RequestDecompressionLayer, limit::RequestBodyLimitLayer};

pub use self::{
    appender::{AppendError, Appender},
    backlog::Backlog,
    clock::{Clock, Leap},
    sources::Sources,
};
use crate::{
    config::{CountingConfig, IngestConfig},
    log::EventLog,
    store::Pool,
    views::Hashes,
};

/// What the API works with.
#[derive(Clone)]
pub struct IngestState {
    pub config: Arc<IngestConfig>,
    pub counting: Arc<CountingConfig>,
    pub sources: Arc<Sources>,
    pub hashes: Hashes,
    pub appender: Appender,
    pub backlog: Backlog,
    pub clock: Clock,
    pub log: Arc<dyn EventLog>,
    pub pool: Pool,
}

/// The API. Serve it with the peer's address as connection info: sources on this machine may need no
/// key.
pub fn router(state: IngestState) -> Router {
    metrics::describe();
    let body_bytes_max = state.config.body_bytes_max;
    Router::new()
        .route("/v1/views", post(views::post))
        .route("/v1/findings", post(findings::post))
        .route("/v1/batches/{partition}/{position}", get(receipts::get))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestDecompressionLayer::new().no_br().no_deflate())
        // As it comes in: members that hold nothing could go on for ever.
        .layer(RequestBodyLimitLayer::new(body_bytes_max))
        .layer(middleware::map_response(problem::describe_refusal))
        .with_state(state)
}

#[cfg(test)]
mod tests;
