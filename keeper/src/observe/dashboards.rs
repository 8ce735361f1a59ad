//! The dashboard and the alerts name the metrics that there are.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../dashboards/pixr.json");
const ALERTS: &str = include_str!("../../dashboards/alerts.yml");

/// What a histogram's name has after it, where it is asked for.
const HISTOGRAM_PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Every file of this crate's source.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn is_metrics(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "metrics.rs")
}

fn source_files() -> Vec<PathBuf> {
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// Words that begin with `pixr_`.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.starts_with("pixr_"))
        .map(str::to_owned)
        .collect()
}

/// The names in the `metrics` modules: each is written once, as a constant.
fn exported() -> BTreeSet<String> {
    let files = source_files().into_iter().filter(|file| is_metrics(file));
    let names: Vec<_> = files.flat_map(|file| words(&fs::read_to_string(file).unwrap())).collect();
    let set: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(set.len(), names.len(), "two modules have a metric of the same name");
    assert!(set.len() > 40, "{set:?}");
    set
}

/// The metrics that a text asks for.
fn used(text: &str, exported: &BTreeSet<String>) -> BTreeSet<String> {
    let metric = |word: String| {
        let base = HISTOGRAM_PARTS.iter().find_map(|part| word.strip_suffix(part));
        base.filter(|base| exported.contains(*base)).map(str::to_owned).unwrap_or(word)
    };
    words(text).into_iter().map(metric).collect()
}

/// What panels ask for; names elsewhere, in titles say, do not count.
fn queries(panels: &[Value]) -> Vec<String> {
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

#[test]
fn metrics_are_named_in_metrics_modules_alone() {
    for file in source_files().into_iter().filter(|file| !is_metrics(file)) {
        let text = fs::read_to_string(&file).unwrap();
        // Tests may record what they like.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for kind in ["counter", "gauge", "histogram"] {
            // Not written out, or this very file would have it.
            let named_on_the_spot = format!("{kind}!{}\"", '(');
            assert!(!code.contains(&named_on_the_spot), "{}", file.display());
        }
    }
}

#[test]
fn histograms_are_named_after_units_that_have_buckets() {
    for file in source_files().into_iter().filter(|file| is_metrics(file)) {
        let text = fs::read_to_string(&file).unwrap();
        for described in text.split(concat!("describe_histogram", "!(")).skip(1) {
            let constant = described.trim_start().split(',').next().unwrap();
            let declared = text.split(&format!("const {constant}: &str = \"")).nth(1).unwrap();
            let name = declared.split('"').next().unwrap();
            let has_buckets = ["_seconds", "_compute_units"].iter().any(|end| name.ends_with(end));
            assert!(has_buckets, "{name}");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let exported = exported();
    let shown = used(&queries(&panels()).join("\n"), &exported);
    let missing: Vec<_> = exported.difference(&shown).collect();
    let unknown: Vec<_> = shown.difference(&exported).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "lacks {missing:?}, has {unknown:?}");
}

#[test]
fn panels_have_their_own_place_and_something_to_show() {
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels() {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}");
        let is_row = panel["type"] == "row";
        let targets = panel["targets"].as_array().map_or(0, Vec::len);
        assert!(is_row || targets > 0, "{title}");
        assert!(is_row || panel["description"].is_string(), "{title}");
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        assert!(place("x") + place("w") <= 24, "{title}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title} covers another panel");
            }
        }
    }
}

#[test]
fn alerts_ask_for_metrics_and_say_what_to_do() {
    let exported = exported();
    let unknown: Vec<_> = used(ALERTS, &exported).difference(&exported).cloned().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let rules: Vec<_> = ALERTS.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 9);
    for rule in rules {
        for key in ["expr:", "for:", "severity:", "summary:", "description:"] {
            assert_eq!(rule.matches(key).count(), 1, "{key} of {rule}");
        }
        assert!(!used(rule, &exported).is_empty(), "{rule}");
    }
}
