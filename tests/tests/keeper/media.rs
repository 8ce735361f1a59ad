//! An upgrade from the command line, beside a keeper that runs and without one.

use std::{path::Path, process::Command};

use pixr_keeper::testing::{TestPostgres, request};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::daemon::Place;

/// Real film with sound.
pub fn film() -> String {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bunny-720p.mp4");
    fixture.to_str().expect("a path in UTF-8").to_owned()
}

pub fn json(place: &Place, arguments: &[&str]) -> Value {
    let arguments = [&["--json"], arguments].concat();
    serde_json::from_str(&place.succeed(&arguments)).expect("one JSON document")
}

/// Streams that ffprobe finds in a playlist.
fn streams(playlist: &str) -> String {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-show_entries", "stream=codec_name,height", "-of", "csv=p=0"]);
    let output = ffprobe.arg(playlist).output().expect("ffprobe");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_is_uploaded_planned_upgraded_checked_and_exported() {
    let database = TestPostgres::start().await;
    let place = Place::new(&database.url, "media.limits.bounds.nice = 0\n");
    place.succeed(&["init"]);
    place.succeed(&["register", "creator", "@0"]);
    place.succeed(&["register", "content", "clip-1", "--creator", "@0"]);
    let unknown = place.run(&["media", "show", "clip-2"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no shard has the content clip-2"));

    // Without a keeper: done here.
    place.succeed(&["media", "import", &film(), "--content", "clip-1"]);
    let subtitles = place.file("talk.srt", "1\n00:00:00,500 --> 00:00:02,000\nHello\n");
    let subtitles = format!("{}:en", subtitles.display());
    let target = ["clip-1", "--to", "240p,360p", "--fast", "--subtitles", &subtitles];
    let plan = json(&place, &[&["media", "plan"], &target[..]].concat());
    assert_eq!(plan["frames"], 184);
    assert!(plan["price"]["tokens"].is_string(), "{plan}");
    let hash = plan["plan"].as_str().expect("a hash");
    let done = json(&place, &["media", "upgrade", "clip-1", "--plan", hash]);
    assert_eq!(done["jobs"][0]["state"], "done", "{done}");
    let checked = json(&place, &["media", "verify", "clip-1"]);
    assert_eq!(checked["manifest"], done["jobs"][0]["manifest"]);
    let above = place.run(&["media", "plan", "clip-1", "--to", "1080p"]);
    assert_eq!(above.status.code(), Some(2));

    // Beside one: its worker does it, and only what is missing.
    let mut keeper = place.serve(None);
    keeper.until_ready().await;
    let upgrade = ["media", "upgrade", "clip-1", "--to", "240p,480p", "--fast", "--wait"];
    let done = json(&place, &upgrade);
    assert_eq!(done["jobs"][0]["state"], "done", "{done}");
    assert_eq!(done["jobs"][0]["frames_total"], 92);
    let shown = json(&place, &["media", "show", "clip-1"]);
    let made: Vec<_> = shown["renditions"].as_array().expect("a list").iter().collect();
    assert_eq!(made.len(), 3, "{shown}");
    assert_eq!(shown["text"][0], "en");

    let file = std::fs::read(film()).expect("the film");
    let sha256: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = file.len();
    let announced = format!(r#"{{"content":"clip-1","bytes":{bytes},"sha256":"{sha256}"}}"#);
    let begun = request(keeper.listen(), "POST", "/v1/uploads", &[], announced.as_bytes()).await;
    let path = begun.header("location").expect("a place").to_owned();
    let headers = [("upload-offset", "0")];
    assert_eq!(request(keeper.listen(), "PATCH", &path, &headers, &file).await.status, 204);
    let imported = async |keeper: &crate::daemon::Daemon| {
        let shown = request(keeper.listen(), "GET", &path, &[], b"").await.json();
        assert_ne!(shown["state"], "refused", "{shown}");
        shown["state"] == "imported"
    };
    keeper.until("takes the upload in", imported).await;
    assert_eq!(json(&place, &["media", "verify", "clip-1"])["mismatches"], Value::Array(vec![]));

    let folder = place.data().join("export");
    let folder = folder.to_str().expect("a path in UTF-8");
    let exported = json(&place, &["media", "export", "clip-1", folder]);
    let found = streams(exported["playlist"].as_str().expect("a path"));
    for height in ["240", "360", "480"] {
        assert!(found.contains(&format!("h264,{height}")), "{found}");
    }
    assert!(keeper.stop().success());
}
