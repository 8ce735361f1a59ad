//! `POST /v1/views`.

use std::{net::SocketAddr, time::Instant};

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use metrics::{counter, histogram};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    IngestState,
    appender::{AppendError, Batches, Room},
    metrics::{EVENTS, REQUEST_SECONDS, REQUESTS},
    problem::Problem,
};
use crate::{
    crash_point,
    log::{Partition, StoredBatch},
    views::{Form, Hashes, Malformed, codec::Encoder},
};

/// Bodies up to here are parsed where they came in; larger ones would keep others waiting.
const PARSED_AT_ONCE_MAX: usize = 16 << 10;

/// What can be asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// `?strict`: nothing is kept when anything is malformed.
    strict: Option<String>,
}

impl Options {
    fn is_strict(&self) -> Result<bool, Problem> {
        match self.strict.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(other) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "Malformed query",
                format!("strict: {other:?} is not accepted: expected true, false, or no value"),
            )),
        }
    }
}

/// What was taken.
#[derive(Debug, Serialize)]
pub struct Taken {
    /// Lines or records, empty lines not counted.
    received: u64,
    /// Of these, in the log; the counter judges them.
    accepted: u64,
    malformed: Malformed,
    /// Where they are: `GET /v1/batches/{partition}/{position}` tells what became of them.
    batches: Vec<Place>,
}

#[derive(Debug, Serialize)]
struct Place {
    partition: i16,
    position: i64,
}

/// Takes view events.
pub async fn post(
    State(state): State<IngestState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    options: Result<Query<Options>, axum::extract::rejection::QueryRejection>,
    body: Body,
) -> Response {
    let start = Instant::now();
    let answer = match options {
        Ok(Query(options)) => take(&state, peer, &headers, &options, body).await,
        Err(rejection) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "Malformed query", rejection.body_text()))
        }
    };
    let response = match answer {
        Ok(taken) => (StatusCode::ACCEPTED, Json(taken)).into_response(),
        Err(problem) => problem.into_response(),
    };
    counter!(REQUESTS, "status" => response.status().as_str().to_owned()).increment(1);
    histogram!(REQUEST_SECONDS).record(start.elapsed());
    response
}

async fn take(
    state: &IngestState,
    peer: SocketAddr,
    headers: &HeaderMap,
    options: &Options,
    body: Body,
) -> Result<Taken, Problem> {
    let source = state.sources.authenticate(headers, peer.ip())?;
    let strict = options.is_strict()?;
    let form = form(headers)?;
    let room = room(state, headers)?;
    let body = read(state, body).await?;
    let received_at = state.clock.now().map_err(|leap| Problem::unavailable(leap.to_string()))?;
    let request = Request {
        body,
        form,
        source: source.name.clone(),
        received_at,
        partitions: state.log.partitions(),
        events_max: state.config.events_max,
        hashes: state.hashes.clone(),
    };
    let Parsed { batches, received, accepted, malformed } = parse(request).await?;
    if strict && malformed.count > 0 {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Malformed events",
            "nothing was kept; without ?strict the other events of the request would be",
        )
        .with("malformed", json!(malformed)));
    }
    source.admit(accepted)?;
    crash_point!("received");
    let partitions: Vec<i16> = batches.iter().map(|(partition, _)| partition.0).collect();
    let positions = append(state, batches, room).await?;
    let count = |outcome: &'static str, events: u64| {
        counter!(EVENTS, "source" => source.name.clone(), "outcome" => outcome).increment(events);
    };
    count("accepted", accepted.into());
    count("malformed", malformed.count);
    let places = partitions.into_iter().zip(positions);
    Ok(Taken {
        received,
        accepted: accepted.into(),
        malformed,
        batches: places
            .map(|(partition, position)| Place { partition, position: position.0 })
            .collect(),
    })
}

fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.map(|text| text.split(';').next().unwrap_or(text).trim());
    match essence {
        Some("application/x-ndjson" | "application/jsonl") => Ok(Form::JsonLines),
        Some("application/vnd.pixr.views") => Ok(Form::Binary),
        other => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            format!(
                "Content-Type: {} is not accepted: expected application/x-ndjson or \
                 application/vnd.pixr.views",
                other.unwrap_or("(none)")
            ),
        )),
    }
}

/// Room in the queue for the request, before it is read.
fn room(state: &IngestState, headers: &HeaderMap) -> Result<Room, Problem> {
    let full = |detail: &str| {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "Full", detail)
            .retry_after(std::time::Duration::from_secs(1))
    };
    if state.backlog.batches() > state.config.backlog_batches_max {
        return Err(full("counting lags behind; send the same events again later"));
    }
    let max = state.config.body_bytes_max;
    let stated = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // What is compressed, or does not say how long it is, can become as large as is accepted.
    let bytes = match stated {
        Some(stated) if !headers.contains_key(header::CONTENT_ENCODING) => stated.min(max),
        _ => max,
    };
    state
        .appender
        .room(bytes)
        .ok_or_else(|| full("too many requests wait for the log; send the same events again"))
}

async fn read(state: &IngestState, body: Body) -> Result<Bytes, Problem> {
    let max = state.config.body_bytes_max;
    to_bytes(body, max).await.map_err(|error| {
        let text = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
        if text.contains("length limit") {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too large",
                format!("a request has at most {max} bytes, decompressed: send fewer events"),
            )
            .with("body_bytes_max", max)
        } else {
            let detail = format!("the request could not be read: {text}");
            Problem::new(StatusCode::BAD_REQUEST, "Malformed request", detail)
        }
    })
}

struct Request {
    body: Bytes,
    form: Form,
    source: String,
    received_at: DateTime<Utc>,
    partitions: i16,
    events_max: usize,
    hashes: Hashes,
}

struct Parsed {
    batches: Batches,
    received: u64,
    accepted: u32,
    malformed: Malformed,
}

async fn parse(request: Request) -> Result<Parsed, Problem> {
    if request.body.len() <= PARSED_AT_ONCE_MAX {
        return request.parse();
    }
    tokio::task::spawn_blocking(move || request.parse())
        .await
        .map_err(|_| Problem::unavailable("the keeper is stopping"))?
}

impl Request {
    fn parse(self) -> Result<Parsed, Problem> {
        let mut encoders: Vec<Encoder> = (0..self.partitions).map(|_| Encoder::default()).collect();
        let events_max = u64::try_from(self.events_max).unwrap_or(u64::MAX);
        let parsed = self.form.parse(&self.body, &self.hashes, events_max, |event| {
            let partition = Partition::of(event.content, self.partitions);
            let encoder = usize::try_from(partition.0).ok().and_then(|at| encoders.get_mut(at));
            if let Some(encoder) = encoder {
                encoder.push(&event);
            }
        });
        let parsed = parsed.map_err(|too_many| {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too many events",
                format!("a request has at most {events_max} events"),
            )
            .with("events_max", too_many.0)
        })?;
        let batches: Batches = (0..)
            .zip(encoders)
            .filter(|(_, encoder)| encoder.events() > 0)
            .map(|(partition, encoder)| {
                let batch = StoredBatch {
                    source: self.source.clone(),
                    received_at: self.received_at,
                    events: encoder.events(),
                    payload: encoder.finish(),
                };
                (Partition(partition), batch)
            })
            .collect();
        let accepted = batches.iter().map(|(_, batch)| batch.events).sum();
        Ok(Parsed { batches, received: parsed.received, accepted, malformed: parsed.malformed })
    }
}

async fn append(
    state: &IngestState,
    batches: Batches,
    room: Room,
) -> Result<Vec<crate::log::Position>, Problem> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    state.appender.append(batches, room).await.map_err(|error| match error {
        AppendError::Unavailable(detail) => Problem::unavailable(detail),
        AppendError::Stopping => {
            Problem::unavailable("the keeper is stopping; send the same events again")
        }
    })
}
