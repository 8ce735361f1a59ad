//! Sends requests to the API as a source would: over connections that stay open, several at a time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use bytes::Bytes;
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use crate::views::Form;

/// How often a request is sent again that the keeper had no room for.
const ATTEMPTS_MAX: u32 = 120;
/// What is waited before that, where the answer does not say.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A request, with the number of events in it.
pub struct Request {
    pub body: Bytes,
    pub events: u64,
}

/// What has been answered so far, for those who watch.
#[derive(Debug, Default)]
pub struct Sent {
    pub accepted: AtomicU64,
    pub malformed: AtomicU64,
    pub bytes: AtomicU64,
    pub requests: AtomicU64,
    /// Answers that asked to wait.
    pub delayed: AtomicU64,
}

/// The part of an answer that matters here.
#[derive(Debug, Deserialize)]
struct Answer {
    accepted: u64,
    malformed: Malformed,
}

#[derive(Debug, Deserialize)]
struct Malformed {
    count: u64,
}

/// Where to send.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    url: String,
    content_type: &'static str,
    pub sent: Arc<Sent>,
}

impl Sender {
    /// Sends events in this form to a keeper's API.
    pub fn new(to: SocketAddr, form: Form) -> anyhow::Result<Self> {
        // A proxy that others are reached through does not know this address.
        let client = Client::builder().no_proxy().timeout(ANSWER_MAX).build()?;
        let content_type = match form {
            Form::JsonLines => "application/x-ndjson",
            Form::Binary => "application/vnd.pixr.views",
        };
        let url = format!("http://{to}/v1/views");
        Ok(Self { client, url, content_type, sent: Arc::default() })
    }

    /// Sends all requests that come, `connections` at a time, and returns when all are answered.
    pub async fn send_all(
        &self,
        requests: mpsc::Receiver<Request>,
        connections: usize,
    ) -> anyhow::Result<()> {
        let requests = Arc::new(Mutex::new(requests));
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (sender, requests) = (self.clone(), Arc::clone(&requests));
            tasks.spawn(async move {
                loop {
                    let next = requests.lock().await.recv().await;
                    let Some(request) = next else { return anyhow::Ok(()) };
                    sender.send(request).await?;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Sends a request until the keeper takes it.
    pub async fn send(&self, request: Request) -> anyhow::Result<()> {
        for _ in 0..ATTEMPTS_MAX {
            let Some(answer) = self.attempt(&request).await? else { continue };
            let Answer { accepted, malformed } = answer;
            self.sent.accepted.fetch_add(accepted, Ordering::Relaxed);
            self.sent.malformed.fetch_add(malformed.count, Ordering::Relaxed);
            self.sent.requests.fetch_add(1, Ordering::Relaxed);
            let bytes = u64::try_from(request.body.len()).unwrap_or(u64::MAX);
            self.sent.bytes.fetch_add(bytes, Ordering::Relaxed);
            return Ok(());
        }
        bail!("the keeper had no room for {} events in {ATTEMPTS_MAX} attempts", request.events)
    }

    /// Sends a request once; `None` when the keeper asks to wait, after waiting.
    async fn attempt(&self, request: &Request) -> anyhow::Result<Option<Answer>> {
        let post = self.client.post(&self.url).header(CONTENT_TYPE, self.content_type);
        let response = post.body(request.body.clone()).send().await.context("the keeper's API")?;
        let status = response.status();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let seconds = response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok());
            let seconds = seconds.and_then(|it| it.parse().ok());
            self.sent.delayed.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(seconds.map_or(RETRY_AFTER_DEFAULT, Duration::from_secs)).await;
            return Ok(None);
        }
        let body = response.bytes().await.context("the keeper's answer")?;
        if !status.is_success() {
            bail!("the keeper answers {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(Some(serde_json::from_slice(&body).context("the keeper's answer")?))
    }
}
