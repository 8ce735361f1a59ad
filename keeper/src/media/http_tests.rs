//! Uploads over real connections.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_util::sync::CancellationToken;

use super::{
    http::{UploadState, router},
    testing::{CLIP, Studio, clip},
    uploads::Uploads,
    *,
};
use crate::{
    config::{IngestConfig, SourceConfig},
    ingest::Sources,
    testing::{Reply, request},
};

const TIME_MAX: Duration = Duration::from_secs(60);
const KEY: (&str, &str) = ("authorization", "Bearer the-key-of-studio");
const OTHER_KEY: (&str, &str) = ("authorization", "Bearer the-key-of-web");

struct Api {
    address: std::net::SocketAddr,
    studio: Studio,
    stop: CancellationToken,
}

fn source(key: &str, uploads_media: bool) -> SourceConfig {
    SourceConfig {
        key_sha256: Some(hex::encode(Sha256::digest(key))),
        token_secret: None,
        events_per_second_max: None,
        reports_fraud: false,
        uploads_media,
    }
}

impl Api {
    async fn start(change: impl FnOnce(&mut crate::config::Config)) -> Self {
        let studio = Studio::start().await;
        let sources = [
            ("studio".to_owned(), source("the-key-of-studio", true)),
            ("web".to_owned(), source("the-key-of-web", false)),
        ];
        let config = IngestConfig { sources: sources.into(), ..Default::default() };
        let uploads = Uploads::new(studio.with(change), "keeper".into());
        let stop = CancellationToken::new();
        tokio::spawn(uploads.clone().run(stop.clone()));
        let sources = Arc::new(Sources::new(&config).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router(UploadState { uploads, sources })
            .into_make_service_with_connect_info::<std::net::SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, studio, stop }
    }

    async fn begin(&self, key: (&str, &str), announced: &Value) -> Reply {
        let body = announced.to_string();
        request(self.address, "POST", "/v1/uploads", &[key], body.as_bytes()).await
    }

    /// Begins an upload of `file` that has to be taken; returns its path.
    async fn begun(&self, file: &[u8]) -> String {
        let reply = self.begin(KEY, &announced(file)).await;
        assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
        reply.header("location").unwrap().to_owned()
    }

    async fn append(&self, path: &str, offset: u64, data: &[u8]) -> Reply {
        let offset = offset.to_string();
        let headers = [KEY, ("upload-offset", offset.as_str())];
        request(self.address, "PATCH", path, &headers, data).await
    }

    async fn show(&self, path: &str) -> Value {
        request(self.address, "GET", path, &[KEY], b"").await.json()
    }

    /// What became of an upload that is complete.
    async fn outcome(&self, path: &str) -> Value {
        let start = Instant::now();
        loop {
            let shown = self.show(path).await;
            if shown["state"] != "received" || start.elapsed() > TIME_MAX {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn announced(file: &[u8]) -> Value {
    json!({ "content": "clip-1", "bytes": file.len(), "sha256": hex::encode(Sha256::digest(file)) })
}

fn problem(reply: &Reply, status: u16, says: &str) -> Value {
    assert_eq!(reply.status, status, "{}", String::from_utf8_lossy(&reply.body));
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let body = reply.json();
    assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_a_cut_connection_and_becomes_a_source() {
    let api = Api::start(|_| ()).await;
    let file = std::fs::read(clip(api.studio.folder.path())).unwrap();
    let path = api.begun(&file).await;
    let half = file.len() / 2;
    // The sender announces all of it and goes away in the middle.
    let mut cut = tokio::net::TcpStream::connect(api.address).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: pixr\r\n{}: {}\r\nupload-offset: 0\r\ncontent-length: {}\r\n\r\n",
        KEY.0,
        KEY.1,
        file.len()
    );
    cut.write_all(head.as_bytes()).await.unwrap();
    cut.write_all(&file[..half]).await.unwrap();
    drop(cut);
    let start = Instant::now();
    let mut offset = 0;
    while offset < half && start.elapsed() < TIME_MAX {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let reply = request(api.address, "HEAD", &path, &[KEY], b"").await;
        assert_eq!(reply.header("upload-length"), Some(file.len().to_string().as_str()));
        offset = reply.header("upload-offset").unwrap().parse().unwrap();
    }
    assert_eq!(offset, half, "what came before the cut is kept");

    let wrong = problem(&api.append(&path, 0, &file).await, 409, "send what follows");
    assert_eq!(wrong["offset"], half);
    let at = u64::try_from(half).unwrap();
    let much = [&file[half..], b"more"].concat();
    problem(&api.append(&path, at, &much).await, 413, "send no more");
    // What fitted of it is kept.
    let at = api.show(&path).await["offset"].as_u64().unwrap();
    let reply = api.append(&path, at, &file[usize::try_from(at).unwrap()..]).await;
    assert_eq!(reply.status, 204, "{}", String::from_utf8_lossy(&reply.body));
    let outcome = api.outcome(&path).await;
    assert_eq!((&outcome["state"], &outcome["error"]), (&json!("imported"), &Value::Null));
    let has = api.studio.media.of(CLIP).await.unwrap();
    assert_eq!(has.source.to_string(), outcome["sha256"].as_str().unwrap());
    assert_eq!(api.studio.plan(&[240]).await.plan.source, has.source);
    // The copy goes once the outcome is kept.
    let uploads = api.studio.media.folder.join("uploads");
    let start = Instant::now();
    while std::fs::read_dir(&uploads).unwrap().count() > 0 {
        assert!(start.elapsed() < TIME_MAX, "a copy was left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_says_why() {
    let api = Api::start(|config| {
        config.media.limits.source_bytes_max = 10_000;
        config.media.folder_bytes_max = 12_000;
    })
    .await;
    let file = vec![7; 9_000];
    let mut unknown = announced(&file);
    unknown["content"] = json!("clip-3");
    problem(&api.begin(KEY, &unknown).await, 404, "register it first");
    problem(&api.begin(OTHER_KEY, &announced(&file)).await, 403, "uploads_media");
    problem(&api.begin(("x-key", "none"), &announced(&file)).await, 401, "Authorization");
    problem(&api.begin(KEY, &json!({ "content": "clip-1" })).await, 400, "missing field");
    let huge = problem(&api.begin(KEY, &announced(&[7; 10_001])).await, 413, "10000");
    assert_eq!(huge["bytes_max"], 10_000);

    let path = api.begun(&file).await;
    problem(&api.begin(KEY, &announced(&file)).await, 429, "folder_bytes_max");
    let headers = [OTHER_KEY, ("upload-offset", "0")];
    problem(&request(api.address, "PATCH", &path, &headers, &file).await, 403, "uploads_media");
    problem(&request(api.address, "PATCH", &path, &[KEY], &file).await, 400, "Upload-Offset");
    problem(&request(api.address, "GET", "/v1/uploads/none", &[KEY], b"").await, 404, "no upload");

    // All of it is here, and it is no video.
    assert_eq!(api.append(&path, 0, &file).await.status, 204);
    let outcome = api.outcome(&path).await;
    assert_eq!(outcome["state"], "refused");
    assert!(outcome["error"].as_str().unwrap().contains("format: no container"), "{outcome}");

    // Other bytes than were announced.
    let path = api.begun(&file).await;
    assert_eq!(api.append(&path, 0, &[8; 9_000]).await.status, 204);
    let outcome = api.outcome(&path).await;
    assert!(outcome["error"].as_str().unwrap().contains("announced hash"), "{outcome}");
    let gone = request(api.address, "DELETE", &path, &[KEY], b"").await;
    assert_eq!(gone.status, 204);
    problem(&request(api.address, "GET", &path, &[KEY], b"").await, 404, "no upload");
    assert!(matches!(api.studio.media.of(CLIP).await, Err(UpgradeError::NoSource(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_nobody_goes_on_with_are_dropped() {
    let api = Api::start(|_| ()).await;
    let path = api.begun(b"0123456789").await;
    assert_eq!(api.append(&path, 0, b"01234").await.status, 204);
    api.studio.execute("UPDATE media_uploads SET updated_at = now() - INTERVAL '2 days'").await;
    // Another one that is complete has the keeper look.
    let other = api.begun(b"abc").await;
    assert_eq!(api.append(&other, 0, b"abc").await.status, 204);
    assert_eq!(api.outcome(&other).await["state"], "refused");
    let start = Instant::now();
    let mut status = 200;
    while status != 404 && start.elapsed() < TIME_MAX {
        tokio::time::sleep(Duration::from_millis(10)).await;
        status = request(api.address, "GET", &path, &[KEY], b"").await.status;
    }
    assert_eq!(status, 404);
}
