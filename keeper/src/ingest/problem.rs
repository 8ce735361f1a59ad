//! What is wrong with a request: problem details as RFC 9457 has them.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    more: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem of the kind `title`; `detail` says what to do about this one.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), more: Map::new(), retry_after: None }
    }

    /// Adds a member that programs can read.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    /// Says when the same request can succeed.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The request cannot be done now, for no fault of its own.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not available", detail)
            .retry_after(Duration::from_secs(1))
    }

    /// The status that is answered.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, title, detail, more, retry_after } = self;
        let mut body = more;
        // The kinds are those of HTTP, for which the RFC reserves this type.
        body.insert("type".into(), json!("about:blank"));
        body.insert("title".into(), json!(title));
        body.insert("status".into(), json!(status.as_u16()));
        body.insert("detail".into(), json!(detail));
        let mut response = (status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(wait) = retry_after {
            // Whole seconds, rounded up: earlier would be too early.
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Turns a refusal of the server's own parts (no such path, too large, unknown encoding) into a
/// problem too.
pub async fn describe_refusal(response: Response) -> Response {
    let status = response.status();
    let described = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|media_type| media_type.as_bytes() == MEDIA_TYPE.as_bytes());
    if described || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (title, detail) = match status {
        StatusCode::NOT_FOUND => ("Not found", "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => ("Method not allowed", "see the header Allow"),
        StatusCode::PAYLOAD_TOO_LARGE => ("Too large", "send fewer events in one request"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("Unsupported encoding", "Content-Encoding is gzip, zstd, or left out")
        }
        _ => ("Refused", "the request cannot be understood"),
    };
    let mut described = Problem::new(status, title, detail).into_response();
    for name in [header::ALLOW, header::ACCEPT_ENCODING] {
        if let Some(value) = response.headers().get(&name) {
            described.headers_mut().insert(name, value.clone());
        }
    }
    described
}
