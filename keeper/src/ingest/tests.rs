//! The API over real connections, with a real log.

use std::{collections::BTreeMap, io::Write, net::SocketAddr, sync::Arc};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    config::{KeysConfig, Secret, SourceConfig},
    keys::Keys,
    log::{Partition, Position},
    testing::{Reply, TestPostgres, request},
    views::{ContentId, SourceEvent, binary, codec},
};

const JSON_LINES: (&str, &str) = ("content-type", "application/x-ndjson");
const BINARY: (&str, &str) = ("content-type", "application/vnd.pixr.views");
const KEY: (&str, &str) = ("authorization", "Bearer the-key-of-web");

struct Api {
    address: SocketAddr,
    state: IngestState,
    _database: TestPostgres,
}

fn source() -> SourceConfig {
    SourceConfig {
        key_sha256: Some(hex::encode(Sha256::digest("the-key-of-web"))),
        token_secret: Some(Secret::new("a secret of the source web".into())),
        events_per_second_max: None,
        reports_fraud: false,
        uploads_media: false,
    }
}

impl Api {
    async fn start(config: IngestConfig) -> Self {
        let database = TestPostgres::start().await;
        let pool = database.pool.clone();
        let log = crate::log::open(&Default::default(), pool.clone()).await.unwrap();
        let seed = Some(Secret::new("07".repeat(32)));
        let keys = KeysConfig { master_seed: seed, ..Default::default() };
        let keys = Keys::load(&keys, std::path::Path::new("")).unwrap();
        let (appender, task) = Appender::new(Arc::clone(&log), config.queue_bytes_max);
        tokio::spawn(task.run(CancellationToken::new()));
        let state = IngestState {
            sources: Arc::new(Sources::new(&config).unwrap()),
            config: Arc::new(config),
            counting: Arc::default(),
            hashes: Hashes::new(&keys),
            appender,
            backlog: Backlog::default(),
            clock: Clock::default(),
            log,
            pool,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, state, _database: database }
    }

    async fn with(sources: &[(&str, SourceConfig)]) -> Self {
        let sources = sources.iter().map(|(name, source)| ((*name).into(), source.clone()));
        Self::start(IngestConfig { sources: sources.collect(), ..Default::default() }).await
    }

    async fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        request(self.address, "POST", "/v1/views", headers, body).await
    }

    /// Ids of all events in the log.
    async fn logged(&self) -> Vec<[u8; 16]> {
        let wait = std::time::Duration::ZERO;
        let batches =
            self.state.log.read(Partition(0), Position::START, 1_000_000, wait).await.unwrap();
        let events = batches.iter().flat_map(|batch| codec::decode(&batch.batch.payload).unwrap());
        events.map(|event| event.id).collect()
    }

    fn id(&self, text: &str) -> [u8; 16] {
        self.state.hashes.event(text.as_bytes())
    }
}

fn line(id: &str) -> String {
    json!({
        "id": id, "content": "clip-1", "viewer": "someone", "at": 1_700_000_000_000_i64,
        "watched_ms": 5_000, "relevance": 10_000,
    })
    .to_string()
}

fn problem(reply: &Reply, status: u16) -> Value {
    assert_eq!(reply.status, status, "{}", String::from_utf8_lossy(&reply.body));
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let body = reply.json();
    assert_eq!(body["status"], status);
    assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_what_is_well_formed_and_reports_the_rest_by_number() {
    let api = Api::with(&[("web", source())]).await;
    let body = format!("{}\n\nno json\n{}\r\n{{\"id\":\"c\"}}\n", line("a"), line("b"));
    let reply = api.post(&[JSON_LINES, KEY], body.as_bytes()).await;
    assert_eq!(reply.status, 202);
    let answer = reply.json();
    assert_eq!((&answer["received"], &answer["accepted"]), (&json!(4), &json!(2)));
    assert_eq!(answer["malformed"]["count"], 2);
    let lines = answer["malformed"]["lines"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| &line["line"]).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(api.logged().await, [api.id("a"), api.id("b")]);

    let place = &answer["batches"][0];
    let path = format!("/v1/batches/{}/{}", place["partition"], place["position"]);
    let receipt = request(api.address, "GET", &path, &[KEY], b"").await.json();
    assert_eq!(receipt["events"], 2);
    assert_eq!(receipt["counted"], Value::Null, "nobody counts here");
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_keeps_nothing_of_a_request_with_a_malformed_line() {
    let api = Api::with(&[("web", source())]).await;
    let body = format!("{}\nno json\n", line("a"));
    for path in ["/v1/views?strict", "/v1/views?strict=true"] {
        let reply = request(api.address, "POST", path, &[JSON_LINES, KEY], body.as_bytes()).await;
        assert_eq!(problem(&reply, 422)["malformed"]["lines"][0]["line"], 2);
    }
    assert!(api.logged().await.is_empty());
    let path = "/v1/views?strict=perhaps";
    let reply = request(api.address, "POST", path, &[JSON_LINES, KEY], body.as_bytes()).await;
    problem(&reply, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_the_binary_form_and_both_compressions() {
    let api = Api::with(&[("web", source())]).await;
    let mut writer = binary::Writer::default();
    let content: ContentId = "clip-1".parse().unwrap();
    for id in ["a", "b"] {
        let event = SourceEvent {
            id,
            content,
            viewer: "someone",
            at_ms: 1_700_000_000_000,
            watched_ms: 5_000,
            relevance: 10_000,
        };
        writer.push(&event).unwrap();
    }
    let plain = writer.finish();
    let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    for (encoding, body) in [(None, plain), (Some("zstd"), zstd), (Some("gzip"), gzip)] {
        let mut headers = vec![BINARY, KEY];
        headers.extend(encoding.map(|encoding| ("content-encoding", encoding)));
        let reply = api.post(&headers, &body).await;
        assert_eq!(reply.status, 202, "{encoding:?}");
        assert_eq!(reply.json()["accepted"], 2);
    }
    assert_eq!(api.logged().await, [api.id("a"), api.id("b")].repeat(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_known_sources_are_taken() {
    let api = Api::with(&[("web", source())]).await;
    let body = line("a");
    let later = (chrono::Utc::now().timestamp() + 60).cast_unsigned();
    let token = |sub: &str, exp: u64, secret: &str| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let claims = json!({ "sub": sub, "exp": exp });
        format!("Bearer {}", jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap())
    };
    let secret = "a secret of the source web";
    for (presented, status) in [
        (None, 401),
        (Some("Bearer the-key-of-wep".into()), 401),
        (Some("Basic the-key-of-web".into()), 401),
        (Some(token("web", later, "another secret")), 401),
        (Some(token("tv", later, secret)), 401),
        (Some(token("web", 1_700_000_000, secret)), 401),
        (Some(token("web", later, secret)), 202),
        (Some("bearer the-key-of-web".into()), 202),
    ] {
        let mut headers = vec![JSON_LINES];
        headers.extend(presented.as_deref().map(|presented| ("authorization", presented)));
        let reply = api.post(&headers, body.as_bytes()).await;
        assert_eq!(reply.status, status, "{presented:?}");
    }
    let findings = request(api.address, "POST", "/v1/findings?reason=bots", &[KEY], b"").await;
    problem(&findings, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_answered_with_what_they_are_and_when_to_come_back() {
    let slow = SourceConfig { events_per_second_max: Some(2), ..source() };
    let api = Api::with(&[("web", slow)]).await;
    let body = format!("{}\n{}\n", line("a"), line("b"));
    assert_eq!(api.post(&[JSON_LINES, KEY], body.as_bytes()).await.status, 202);
    let reply = api.post(&[JSON_LINES, KEY], body.as_bytes()).await;
    assert_eq!(problem(&reply, 429)["events_per_second_max"], 2);
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");

    let small = IngestConfig {
        sources: BTreeMap::from([("web".into(), source())]),
        body_bytes_max: 1_000,
        events_max: 2,
        ..Default::default()
    };
    let api = Api::start(small).await;
    let three = format!("{}\n{}\n{}\n", line("a"), line("b"), line("c"));
    problem(&api.post(&[JSON_LINES, KEY], three.as_bytes()).await, 413);
    problem(&api.post(&[JSON_LINES, KEY], &[b' '; 1_001]).await, 413);
    let bomb = zstd::encode_all([b'\n'; 1_000_000].as_slice(), 1).unwrap();
    let headers = [JSON_LINES, KEY, ("content-encoding", "zstd")];
    assert_eq!(problem(&api.post(&headers, &bomb).await, 413)["body_bytes_max"], 1_000);
    assert!(api.logged().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_sends_sources_away_for_a_while() {
    let full = IngestConfig {
        sources: BTreeMap::from([("web".into(), source())]),
        queue_bytes_max: 10,
        ..Default::default()
    };
    let api = Api::start(full).await;
    let reply = api.post(&[JSON_LINES, KEY], line("a").as_bytes()).await;
    problem(&reply, 429);
    assert!(reply.header("retry-after").is_some());
    assert!(api.logged().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_a_problem_too() {
    let api = Api::with(&[]).await;
    problem(&api.post(&[("content-type", "text/plain")], b"").await, 415);
    problem(&api.post(&[JSON_LINES, ("content-encoding", "br")], b"").await, 415);
    problem(&request(api.address, "GET", "/v1/nothing", &[], b"").await, 404);
    problem(&request(api.address, "GET", "/v1/views", &[], b"").await, 405);
    problem(&request(api.address, "GET", "/v1/batches/0/9", &[], b"").await, 404);
    problem(&request(api.address, "POST", "/v1/findings", &[], b"").await, 400);
    let path = "/v1/findings?reason=bots";
    let reply = request(api.address, "POST", path, &[], b"{\"id\":\"a\"}\n{}\n").await;
    assert_eq!(problem(&reply, 422)["malformed"]["line"], 2);
}
