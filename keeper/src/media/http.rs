//! `/v1/uploads`: sources over HTTP, in as many requests as it takes.
//!
//! ```text
//! POST   /v1/uploads       {content, bytes, sha256, replace}   201, Location
//! HEAD   /v1/uploads/{id}                                      Upload-Offset, Upload-Length
//! GET    /v1/uploads/{id}                                      state, offset, why it was refused
//! PATCH  /v1/uploads/{id}  Upload-Offset, the bytes from there 204, Upload-Offset
//! DELETE /v1/uploads/{id}                                      204
//! ```

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, DefaultBodyLimit, Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::StreamExt;
use pixr_media::{
    Hash, MediaError,
    library::{self, UploadError},
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{
    UpgradeError,
    uploads::{BeginError, RECEIVING, Upload, Uploads},
};
use crate::{
    ingest::{
        Sources,
        problem::{Problem, describe_refusal},
    },
    store::contents,
    views::ContentId,
};

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// Bytes that are gathered before they are written.
const PART_BYTES: usize = 1 << 20;
/// How long a sender may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What the API of uploads works with.
#[derive(Clone)]
pub struct UploadState {
    pub uploads: Uploads,
    pub sources: Arc<Sources>,
}

/// The API. Serve it with the peer's address as connection info.
pub fn router(state: UploadState) -> Router {
    Router::new()
        .route("/v1/uploads", post(begin))
        .route("/v1/uploads/{id}", get(show).patch(append).delete(discard))
        // The bytes of a file are bounded by what was announced.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::map_response(describe_refusal))
        .with_state(state)
}

/// What is about to be sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announced {
    content: ContentId,
    bytes: u64,
    sha256: Hash,
    /// Whether it may take the place of another source.
    #[serde(default)]
    replace: bool,
}

/// How far an upload is.
#[derive(Serialize)]
struct Shown {
    id: String,
    state: String,
    offset: u64,
    bytes: u64,
    sha256: Hash,
    /// Why the file was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

type Peer = ConnectInfo<SocketAddr>;

impl UploadState {
    /// The name of the source that sends this, if it may send videos.
    fn source(&self, headers: &HeaderMap, peer: SocketAddr) -> Result<String, Problem> {
        let source = self.sources.authenticate(headers, peer.ip())?;
        if source.uploads_media {
            return Ok(source.name.clone());
        }
        let detail =
            format!("{} may not send videos: see uploads_media in its configuration", source.name);
        Err(Problem::new(StatusCode::FORBIDDEN, "Not allowed", detail))
    }

    async fn upload(
        &self,
        headers: &HeaderMap,
        peer: SocketAddr,
        id: &str,
    ) -> Result<Upload, Problem> {
        let source = self.source(headers, peer)?;
        let missing = || {
            let detail = format!("{source} has no upload {id} here, or no longer");
            Problem::new(StatusCode::NOT_FOUND, "Not found", detail)
        };
        let id = id.parse().map_err(|_| missing())?;
        self.uploads.get(&source, id).await.map_err(problem)?.ok_or_else(missing)
    }

    async fn shown(&self, upload: Upload) -> Result<Response, Problem> {
        let offset = self.uploads.offset(&upload).await.map_err(problem)?;
        let library::Upload { hash: sha256, bytes } = upload.announced;
        let Upload { id, state, error, .. } = upload;
        let id = id.to_string();
        let headers = [
            (OFFSET, offset.to_string()),
            (LENGTH, bytes.to_string()),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        Ok((headers, Json(Shown { id, state, offset, bytes, sha256, error })).into_response())
    }
}

async fn begin(
    State(state): State<UploadState>,
    ConnectInfo(peer): Peer,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let source = state.source(&headers, peer)?;
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "Malformed request", detail);
    let body = axum::body::to_bytes(body, ANNOUNCED_BYTES_MAX).await;
    let body = body.map_err(|error| bad(error.to_string()))?;
    let Announced { content, bytes, sha256, replace } =
        serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    let slot = contents::find(&state.uploads.media().pool, content).await;
    let slot = slot.map_err(|error| problem(error.into()))?.ok_or_else(|| {
        let detail = format!("content: no shard has {content}; register it first");
        Problem::new(StatusCode::NOT_FOUND, "Unknown content", detail)
    })?;
    let announced = library::Upload { hash: sha256, bytes };
    let begun = state.uploads.begin(&source, slot, announced, replace).await;
    let upload = begun.map_err(|error| match error {
        BeginError::Upgrade(error) => problem(error),
        BeginError::NoRoom(_) => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "No room", error.to_string())
                .retry_after(SILENCE_MAX)
        }
    })?;
    let location = [(header::LOCATION, format!("/v1/uploads/{}", upload.id))];
    let shown = state.shown(upload).await?;
    Ok((StatusCode::CREATED, location, shown).into_response())
}

/// Bytes of an announcement.
const ANNOUNCED_BYTES_MAX: usize = 4_096;

async fn show(
    State(state): State<UploadState>,
    ConnectInfo(peer): Peer,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let upload = state.upload(&headers, peer, &id).await?;
    state.shown(upload).await
}

async fn append(
    State(state): State<UploadState>,
    ConnectInfo(peer): Peer,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let upload = state.upload(&headers, peer, &id).await?;
    let offset = headers.get(OFFSET).and_then(|value| value.to_str().ok()?.parse().ok());
    let offset: u64 = offset.ok_or_else(|| {
        let detail = "Upload-Offset: say at which byte this goes on; HEAD tells";
        Problem::new(StatusCode::BAD_REQUEST, "Malformed request", detail)
    })?;
    let have = state.uploads.offset(&upload).await.map_err(problem)?;
    if upload.state != RECEIVING || offset != have {
        return Err(problem(MediaError::from(UploadError::Offset { offset, have }).into()));
    }
    // A task of its own: when the sender goes away, what has come is written all the same.
    let receiving = tokio::spawn(receive(state.uploads, upload, offset, body));
    let offset = receiving.await.map_err(|error| Problem::unavailable(error.to_string()))??;
    Ok((StatusCode::NO_CONTENT, [(OFFSET, offset.to_string())]).into_response())
}

/// Writes a body as it comes in. Returns where to go on.
async fn receive(
    uploads: Uploads,
    upload: Upload,
    mut offset: u64,
    body: Body,
) -> Result<u64, Problem> {
    let mut stream = body.into_data_stream();
    let mut part = Vec::with_capacity(PART_BYTES);
    let broken = loop {
        let more: Option<Bytes> = match timeout(SILENCE_MAX, stream.next()).await {
            Ok(Some(Ok(more))) => Some(more),
            Ok(None) => None,
            Ok(Some(Err(error))) => break Some(error.to_string()),
            Err(_) => break Some(format!("nothing came for {} seconds", SILENCE_MAX.as_secs())),
        };
        let Some(more) = more else { break None };
        part.extend_from_slice(&more);
        if part.len() >= PART_BYTES {
            offset = write(&uploads, &upload, offset, &mut part).await?;
        }
    };
    if !part.is_empty() {
        offset = write(&uploads, &upload, offset, &mut part).await?;
    }
    uploads.progressed(&upload, offset).await.map_err(problem)?;
    match broken {
        None => Ok(offset),
        Some(why) => {
            let detail = format!("{why}; {offset} bytes are here: go on from there");
            let broken = Problem::new(StatusCode::REQUEST_TIMEOUT, "Broken off", detail);
            Err(broken.with("offset", offset))
        }
    }
}

async fn write(
    uploads: &Uploads,
    upload: &Upload,
    offset: u64,
    part: &mut Vec<u8>,
) -> Result<u64, Problem> {
    let data = std::mem::replace(part, Vec::with_capacity(PART_BYTES));
    uploads.append(upload, offset, data).await.map_err(problem)
}

async fn discard(
    State(state): State<UploadState>,
    ConnectInfo(peer): Peer,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let upload = state.upload(&headers, peer, &id).await?;
    state.uploads.discard(upload.id).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

fn problem(error: UpgradeError) -> Problem {
    let detail = error.to_string();
    let UpgradeError::Media(MediaError::Upload(error)) = error else {
        tracing::warn!(error = detail, "an upload cannot go on");
        return Problem::unavailable("uploads are not taken now; try again");
    };
    match error {
        UploadError::Size { limit, .. } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", detail)
                .with("bytes_max", limit)
        }
        UploadError::TooMuch { bytes, .. } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", detail).with("bytes", bytes)
        }
        UploadError::Offset { have, .. } => {
            Problem::new(StatusCode::CONFLICT, "Wrong offset", detail).with("offset", have)
        }
        UploadError::Incomplete { .. } | UploadError::Hash => {
            Problem::new(StatusCode::CONFLICT, "Conflict", detail)
        }
    }
}
