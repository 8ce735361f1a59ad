//! An endpoint that answers as a test says, and notes what it was asked.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json as Body, Router,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use crate::{
    chain::rpc::Rpc,
    config::{ChainConfig, Millis},
};

/// A part of the URL that must never be shown.
pub const KEY: &str = "s3cret-key-123";
pub const TIMEOUT: Duration = Duration::from_millis(300);

/// What an endpoint answers.
pub enum Reply {
    Result(Json),
    /// Code, message, data.
    Error(i64, &'static str, Json),
    /// Status, and the seconds after which to ask again.
    Http(u16, Option<u64>),
    /// Whatever this is.
    Text(String),
    /// Nothing, for longer than anybody waits.
    Silence,
}

/// A running endpoint.
pub struct Fake {
    pub asked: Arc<Mutex<Vec<(String, Json)>>>,
    pub rpc: Rpc,
}

impl Fake {
    /// `answer` gets the method, its parameters and how often the method was asked for before.
    /// Whatever concerns the endpoint's health is answered well where it says `None`.
    pub async fn start(
        answer: impl Fn(&str, &Json, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::with_timeout(TIMEOUT, answer).await
    }

    /// An endpoint whose client waits for so long.
    pub async fn with_timeout(
        timeout: Duration,
        answer: impl Fn(&str, &Json, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let asked: Arc<Mutex<Vec<(String, Json)>>> = Arc::default();
        let (notes, answer) = (Arc::clone(&asked), Arc::new(answer));
        let handle = move |Body(request): Body<Json>| {
            let (notes, answer) = (Arc::clone(&notes), Arc::clone(&answer));
            async move {
                let method = request["method"].as_str().expect("a method").to_owned();
                let params = request["params"].clone();
                let before = {
                    let mut notes = notes.lock().expect("a lock");
                    notes.push((method.clone(), params.clone()));
                    notes.iter().filter(|(other, _)| *other == method).count() - 1
                };
                let reply = answer(&method, &params, before).unwrap_or_else(|| well(&method));
                respond(reply, &request["id"]).await
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/{KEY}/?api-key={KEY}", listener.local_addr().expect("one"));
        let router = Router::new().fallback_service(post(handle));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { asked, rpc: connect(&url, timeout) }
    }

    /// How often a method was asked for.
    pub fn count(&self, method: &str) -> usize {
        self.asked.lock().expect("a lock").iter().filter(|(other, _)| other == method).count()
    }

    /// What a method was last asked with.
    pub fn params(&self, method: &str) -> Json {
        let asked = self.asked.lock().expect("a lock");
        asked.iter().rfind(|(other, _)| other == method).expect("a request").1.clone()
    }
}

/// A client for the endpoint at `url`.
pub fn connect(url: &str, timeout: Duration) -> Rpc {
    Rpc::new(&ChainConfig {
        rpc_url: url.parse().expect("a URL"),
        timeout_ms: Millis(u64::try_from(timeout.as_millis()).expect("64 bits")),
        ..Default::default()
    })
    .expect("a client")
}

fn well(method: &str) -> Reply {
    Reply::Result(match method {
        "getHealth" => json!("ok"),
        "getSlot" | "getMaxRetransmitSlot" => json!(1_000),
        _ => panic!("{method} was not expected"),
    })
}

async fn respond(reply: Reply, id: &Json) -> Response {
    match reply {
        Reply::Result(result) => {
            Body(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
        }
        Reply::Error(code, message, data) => {
            let error = json!({ "code": code, "message": message, "data": data });
            Body(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response()
        }
        Reply::Http(status, retry_after) => {
            let mut headers = HeaderMap::new();
            if let Some(seconds) = retry_after {
                headers.insert("retry-after", HeaderValue::from(seconds));
            }
            let status = StatusCode::from_u16(status).expect("a status");
            (status, headers, "see https://rpc.example").into_response()
        }
        Reply::Text(text) => text.into_response(),
        Reply::Silence => {
            tokio::time::sleep(TIMEOUT * 100).await;
            StatusCode::OK.into_response()
        }
    }
}
