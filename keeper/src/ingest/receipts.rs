//! `GET /v1/batches/{partition}/{position}`: what became of a batch.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, StatusCode},
};
use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::{IngestState, problem::Problem};
use crate::{
    log::{Partition, Position},
    store::schema::counted_batches,
};

/// A batch and what became of its events.
#[derive(Serialize)]
pub struct Receipt {
    partition: i16,
    position: i64,
    received_at: DateTime<Utc>,
    events: u32,
    /// Missing until the batch is counted.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    judged: Option<Judged>,
}

#[derive(Serialize)]
struct Judged {
    counted_at: DateTime<Utc>,
    counted: i32,
    rejected: Rejected,
}

/// Events that do not count, by reason.
#[derive(Serialize)]
struct Rejected {
    duplicate_id: i32,
    duplicate_view: i32,
    unknown_content: i32,
    future: i32,
    stale: i32,
    too_short: i32,
    impossible_rate: i32,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = counted_batches)]
struct Row {
    source: String,
    received_at: DateTime<Utc>,
    counted_at: DateTime<Utc>,
    events: i32,
    counted: i32,
    duplicate_id: i32,
    duplicate_view: i32,
    unknown_content: i32,
    future: i32,
    stale: i32,
    too_short: i32,
    impossible_rate: i32,
}

/// Tells a source what became of one of its batches.
pub async fn get(
    State(state): State<IngestState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path((partition, position)): Path<(i16, i64)>,
) -> Result<Json<Receipt>, Problem> {
    let source = state.sources.authenticate(&headers, peer.ip())?;
    // Those of others are not there either: that they exist is nobody else's business.
    let missing = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "Not found",
            format!("{} has no batch {partition}/{position}, or no longer", source.name),
        )
    };
    if let Some(row) = counted(&state, partition, position).await? {
        return if row.source == source.name {
            Ok(Json(row.receipt(partition, position)))
        } else {
            Err(missing())
        };
    }
    let logged = state
        .log
        .batch(Partition(partition), Position(position))
        .await
        .map_err(|error| unavailable(&error))?;
    let batch = logged.map(|logged| logged.batch).filter(|batch| batch.source == source.name);
    let batch = batch.ok_or_else(missing)?;
    let (received_at, events) = (batch.received_at, batch.events);
    Ok(Json(Receipt { partition, position, received_at, events, judged: None }))
}

async fn counted(
    state: &IngestState,
    partition: i16,
    position: i64,
) -> Result<Option<Row>, Problem> {
    let mut connection = state.pool.get().await.map_err(|error| unavailable(&error))?;
    counted_batches::table
        .find((partition, position))
        .select(Row::as_select())
        .first(&mut connection)
        .await
        .optional()
        .map_err(|error| unavailable(&error))
}

fn unavailable(error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, "a receipt could not be read");
    Problem::unavailable("receipts cannot be read now; ask again")
}

impl Row {
    fn receipt(self, partition: i16, position: i64) -> Receipt {
        Receipt {
            partition,
            position,
            received_at: self.received_at,
            events: u32::try_from(self.events).unwrap_or_default(),
            judged: Some(Judged {
                counted_at: self.counted_at,
                counted: self.counted,
                rejected: Rejected {
                    duplicate_id: self.duplicate_id,
                    duplicate_view: self.duplicate_view,
                    unknown_content: self.unknown_content,
                    future: self.future,
                    stale: self.stale,
                    too_short: self.too_short,
                    impossible_rate: self.impossible_rate,
                },
            }),
        }
    }
}
