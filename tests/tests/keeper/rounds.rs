//! An investment from the command line and a keeper that does its part by itself.

use pixr_keeper::testing::{TestPostgres, request};
use serde_json::{Value, json};

use crate::{
    daemon::{Daemon, Place},
    media::{film, json},
};

const TRIALS: &str = "media.limits.bounds.nice = 0\nmarket.history_seconds = 1\n";

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} of {value}"))
}

/// Views of as many viewers, as JSON lines.
fn views(name: &str, count: u32) -> String {
    let at = chrono::Utc::now().timestamp_millis();
    let line = |number: u32| {
        let (id, viewer) = (format!("{name}-{number}"), format!("viewer-{name}-{number}"));
        json!({ "id": id, "content": "clip-1", "viewer": viewer, "at": at, "watched_ms": 9_000,
                "relevance": 10_000 })
        .to_string()
    };
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

async fn watch(keeper: &mut Daemon, name: &str, count: u32) {
    let settled = async |keeper: &Daemon| {
        request(keeper.listen(), "GET", "/v1/market/contents/clip-1", &[], b"").await.json()
    };
    let before = settled(keeper).await;
    let body = views(name, count);
    let headers = [("content-type", "application/x-ndjson")];
    let taken = request(keeper.listen(), "POST", "/v1/views", &headers, body.as_bytes()).await;
    assert_eq!(taken.status, 202);
    let valued = async |keeper: &Daemon| settled(keeper).await["now"] != before["now"];
    keeper.until("settles and values the views", valued).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_funded_made_delivered_and_earns() {
    let database = TestPostgres::start().await;
    let place = Place::new(&database.url, TRIALS);
    place.succeed(&["init", "--initial-quality", "2000"]);
    place.succeed(&["register", "content", "clip-1", "--creator", "@1"]);
    place.succeed(&["media", "import", &film(), "--content", "clip-1"]);
    let plan = json(&place, &["media", "plan", "clip-1", "--to", "240p,360p", "--fast"]);
    let plan = text(&plan, "/plan");

    let open = ["round", "open", "clip-1", "--target", "10", "--share", "4000"];
    let planless = place.run(&open);
    assert_eq!(planless.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&planless.stderr).contains("--plan"));
    let greedy = place.run(&[&open[..5], &["--plan", plan, "--share", "9000"]].concat());
    assert_eq!(greedy.status.code(), Some(2));
    place.succeed(&[&open[..], &["--plan", plan, "--cap", "30"]].concat());
    // Another one fails: nobody invests.
    let support = ["round", "open", "clip-1", "--for", "support", "--target", "5"];
    place.succeed(&[&support[..], &["--deadline", "1h"]].concat());
    let listed = json(&place, &["round", "list", "--content", "clip-1"]);
    let rounds = listed["rounds"].as_array().expect("a list");
    assert_eq!(rounds.len(), 2, "{listed}");
    let round = text(&rounds[1], "/round").to_owned();
    let opportunities = json(&place, &["market", "opportunities"]);
    assert_eq!(text(&opportunities, "/opportunities/0/round"), round);
    assert_eq!(opportunities["opportunities"][0]["assumptions"]["plan_known"], true);

    place.succeed(&["round", "invest", &round, "7"]);
    place.succeed(&["round", "invest", &round, "7"]);
    let late = place.run(&["round", "invest", &round, "1"]);
    assert_eq!(late.status.code(), Some(2));
    assert_eq!(text(&json(&place, &["round", "show", &round]), "/raised/tokens"), "10");

    // The keeper makes it; a baseline takes seven days.
    let state = |field: &str| json(&place, &["round", "show", &round])[field].clone();
    let mut keeper = place.serve(None);
    keeper.until_ready().await;
    let made = async |_: &Daemon| json(&place, &["media", "jobs"])["jobs"][0]["state"] == "done";
    keeper.until("makes the upgrade", made).await;
    watch(&mut keeper, "before", 700).await;
    assert_eq!(state("status"), "funded");
    assert!(keeper.stop().success());
    place.succeed(&["advance", "7days"]);
    let mut keeper = place.serve(None);
    keeper.until_ready().await;
    keeper.until("delivers", async |_: &Daemon| state("status") == "delivered").await;
    let jobs = json(&place, &["media", "jobs"]);
    assert_eq!(state("manifest"), jobs["jobs"][0]["manifest"]);
    let closed = async |_: &Daemon| {
        let listed = json(&place, &["round", "list", "--all"]);
        listed["rounds"].as_array().expect("a list").iter().any(|it| it["status"] == "closed")
    };
    keeper.until("closes the round that failed", closed).await;
    watch(&mut keeper, "after", 5_000).await;
    let ranking = request(keeper.listen(), "GET", "/v1/ranking?limit=1", &[], b"").await.json();
    assert_eq!(ranking["ranking"][0]["content"], "clip-1");
    let totals = request(keeper.listen(), "GET", "/v1/market", &[], b"").await.json();
    assert_eq!(totals["now"]["contents"], 1);
    assert!(keeper.stop().success());

    // Owed at least a part of what 5,000 views earn at a fifth or more of the rate.
    let positions = json(&place, &["position", "list", "--round", &round]);
    let position = text(&positions, "/positions/0/position").to_owned();
    let earned: f64 = text(&positions, "/positions/0/earned/tokens").parse().expect("a number");
    assert!((0.1..=2.0).contains(&earned), "{positions}");
    place.succeed(&["position", "claim", &position]);
    place.succeed(&["position", "sell", &position, "11"]);
    let offers = json(&place, &["position", "list"]);
    assert_eq!(text(&offers, "/positions/0/price/tokens"), "11");
    let poor = place.run(&["position", "buy", &position, "--key", "@1"]);
    assert_eq!(poor.status.code(), Some(2));
    place.succeed(&["position", "unlist", &position]);
    let stranger = place.run(&["position", "transfer", &position, &round, "--key", "@1"]);
    assert_eq!(stranger.status.code(), Some(2));
    place.succeed(&["advance", "100days"]);

    // The term is over: lane, last claim and round by themselves.
    let mut keeper = place.serve(None);
    keeper.until_ready().await;
    keeper.until("closes the round", async |_: &Daemon| state("status") == "closed").await;
    assert!(keeper.stop().success());
    place.succeed(&["verify"]);
    let story = place.succeed(&["explain", "round", &round]);
    assert!(story.contains("baseline"), "{story}");
}
