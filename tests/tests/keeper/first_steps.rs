//! The first commands of the README, from nothing to a withdrawal.

use pixr_keeper::testing::TestPostgres;
use serde_json::json;

use crate::{daemon::Place, media::json};

fn view(id: &str, content: &str, at: i64) -> String {
    json!({ "id": id, "content": content, "viewer": id, "at": at, "watched_ms": 31_000,
            "relevance": 10_000 })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_a_file_are_paid_and_withdrawn() {
    let database = TestPostgres::start().await;
    let place = Place::new(&database.url, "");
    place.succeed(&["init"]);
    place.succeed(&["register", "creator", "@1", "@2"]);
    place.succeed(&["register", "content", "clip-1", "clip-2", "--creator", "@1"]);

    let now = chrono::Utc::now().timestamp_millis();
    let day = 86_400_000;
    let lines = [
        view("a", "clip-1", now),
        view("b", "clip-2", now),
        view("b", "clip-2", now),
        view("c", "clip-9", now),
        view("d", "clip-1", now + day),
        "nonsense".to_owned(),
    ];
    let file = place.file("events.jsonl", &lines.join("\n"));
    let file = file.to_str().expect("a path in UTF-8");
    let strict = place.run(&["ingest", file, "--settle", "--strict"]);
    assert_eq!(strict.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&strict.stderr).contains("line 6"));

    let answer = json(&place, &["ingest", file, "--settle"]);
    assert_eq!((&answer["accepted"], &answer["malformed"]), (&json!(5), &json!(1)), "{answer}");
    let settled = &answer["settled"];
    assert_eq!(settled["views"], 2, "{answer}");
    let refused = json!({ "duplicate_id": 1, "future": 1, "unknown_content": 1 });
    assert_eq!(settled["not_counted"], refused);

    // Again: every event is known or still wrong.
    let again = place.succeed(&["ingest", file, "--settle"]);
    assert!(again.contains("0 views settled"), "{again}");
    assert!(again.contains("3 duplicate id, 1 future, 1 unknown content"), "{again}");

    let creator = json(&place, &["creator", "show", "@1"]);
    assert_eq!(creator["balance"]["base_units"], "2000", "{creator}");
    place.succeed(&["withdraw", "@1", "all"]);
    let creator = json(&place, &["creator", "show", "@1"]);
    assert_eq!(creator["balance"]["base_units"], "0", "{creator}");
    assert!(place.succeed(&["verify"]).contains("VERIFIED"));
}
