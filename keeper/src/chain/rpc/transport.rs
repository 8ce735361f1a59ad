//! JSON-RPC over HTTP. Every failure becomes a [`ChainError`] here, where all of it is known.

use std::{
    error::Error as _,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value as Json;
use solana_rpc_client::rpc_sender::{RpcSender, RpcTransportStats};
use solana_rpc_client_api::{
    client_error::{
        Error as ClientError, ErrorKind, Result as ClientResult,
        reqwest::{self, Client, Response, StatusCode, header},
    },
    custom_error::{
        JSON_RPC_SERVER_ERROR_NODE_UNHEALTHY,
        JSON_RPC_SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
        JSON_RPC_SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE,
    },
    request::RpcRequest,
    response::RpcSimulateTransactionResult,
};
use solana_transaction_error::TransactionError;

use super::endpoint::Endpoint;
use crate::chain::ChainError;

/// Largest answer, in bytes: an account of 10 MiB in base64, and room to spare.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// How long to wait after a refusal for too many requests that does not say.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);
/// Longest wait that an endpoint can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);
/// Codes by which endpoints refuse too many requests in the answer's body.
const TOO_MANY_REQUESTS: [i64; 2] = [429, -32_429];

/// Sends requests.
pub struct Transport {
    client: Client,
    endpoint: Endpoint,
    next_id: AtomicU64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Json,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
    #[serde(default)]
    data: Json,
}

impl Transport {
    /// Every request has to be answered within `timeout`.
    pub fn new(endpoint: Endpoint, timeout: Duration) -> Result<Self, ChainError> {
        let client = Client::builder()
            .timeout(timeout)
            .build()
            .map_err(|error| ChainError::Invalid(format!("no HTTP client: {error}")))?;
        Ok(Self { client, endpoint, next_id: AtomicU64::new(0) })
    }

    async fn request(&self, request: RpcRequest, params: Json) -> Result<Json, ChainError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = request.build_request_json(id, params).to_string();
        let response = self
            .client
            .post(self.endpoint.reveal())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(|error| self.lost(error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused_by_status(status, &response));
        }
        let body = self.body(response).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| ChainError::Invalid(format!("{request}: {error}")))?;
        match answer.error {
            None => Ok(answer.result),
            Some(refusal) => Err(self.refused(request, refusal)),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ChainError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.lost(error))? {
            if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
                let limit = format!("an answer of more than {ANSWER_BYTES_MAX} bytes");
                return Err(ChainError::Invalid(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// What a request that got no answer means.
    fn lost(&self, error: reqwest::Error) -> ChainError {
        if error.is_timeout() {
            return ChainError::Timeout;
        }
        let error = error.without_url();
        let mut text = format!("{}: {error}", self.endpoint.shown());
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        ChainError::Unreachable(self.endpoint.redact(&text))
    }

    fn refused_by_status(&self, status: StatusCode, response: &Response) -> ChainError {
        let retry_after = retry_after(response);
        let text = format!("{}: HTTP {status}", self.endpoint.shown());
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                ChainError::Busy { retry_after: retry_after.unwrap_or(RETRY_AFTER_DEFAULT) }
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => ChainError::Timeout,
            StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => {
                ChainError::Busy { retry_after: retry_after.unwrap_or(RETRY_AFTER_DEFAULT) }
            }
            _ if status.is_server_error() => ChainError::Unreachable(text),
            _ => ChainError::Invalid(text),
        }
    }

    /// What a refusal in the answer's body means.
    fn refused(&self, request: RpcRequest, refusal: Refusal) -> ChainError {
        let Refusal { code, message, data } = refusal;
        let text = self.endpoint.redact(&format!("{request}: {message} ({code})"));
        match code {
            JSON_RPC_SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE => preflight(data, text),
            JSON_RPC_SERVER_ERROR_TRANSACTION_SIGNATURE_VERIFICATION_FAILURE => {
                let error = TransactionError::SignatureFailure;
                ChainError::Refused { error, logs: Vec::new() }
            }
            // Others use the same code for what is no health.
            JSON_RPC_SERVER_ERROR_NODE_UNHEALTHY => match data["numSlotsBehind"].as_u64() {
                Some(slots) => ChainError::Behind { slots },
                None => ChainError::Unreachable(text),
            },
            _ if TOO_MANY_REQUESTS.contains(&code) => {
                ChainError::Busy { retry_after: RETRY_AFTER_DEFAULT }
            }
            _ => ChainError::Invalid(text),
        }
    }
}

fn preflight(data: Json, text: String) -> ChainError {
    let Ok(simulated) = serde_json::from_value::<RpcSimulateTransactionResult>(data) else {
        // Not every endpoint gives the error itself, but all know the sentences for it.
        let known = [TransactionError::AlreadyProcessed, TransactionError::BlockhashNotFound];
        return match known.into_iter().find(|error| text.contains(&error.to_string())) {
            Some(TransactionError::BlockhashNotFound) => ChainError::BlockhashNotFound,
            Some(error) => ChainError::Refused { error, logs: Vec::new() },
            None => ChainError::Invalid(text),
        };
    };
    match simulated.err.map(TransactionError::from) {
        Some(TransactionError::BlockhashNotFound) => ChainError::BlockhashNotFound,
        Some(error) => ChainError::Refused { error, logs: simulated.logs.unwrap_or_default() },
        None => ChainError::Invalid(text),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[async_trait]
impl RpcSender for Transport {
    async fn send(&self, request: RpcRequest, params: Json) -> ClientResult<Json> {
        // The client has no error of ours; `chain_error` takes it out again.
        let answer = self.request(request, params).await;
        answer.map_err(|error| ErrorKind::Middleware(error.into()).into())
    }

    fn get_transport_stats(&self) -> RpcTransportStats {
        RpcTransportStats::default()
    }

    fn url(&self) -> String {
        self.endpoint.shown()
    }
}

/// The reason why a request failed.
pub fn chain_error(error: ClientError) -> ChainError {
    let request = error.request.map_or("an answer", |request| request.as_str());
    match *error.kind {
        ErrorKind::Middleware(error) => error
            .downcast::<ChainError>()
            .unwrap_or_else(|error| ChainError::Invalid(format!("{request}: {error}"))),
        // The answer is not of the form that it should have.
        kind => ChainError::Invalid(format!("{request}: {kind}")),
    }
}
