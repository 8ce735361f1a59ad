use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    testing::{cases, hashes},
    views::samples::{accepted, damaged, damages},
};

fn parsed(body: &[u8]) -> (Vec<ViewEvent>, Parsed) {
    let mut events = Vec::new();
    let parsed = parse(body, &hashes(), u64::MAX, |event| events.push(event)).unwrap();
    (events, parsed)
}

fn lines(list: &[crate::views::samples::Owned]) -> Vec<u8> {
    let mut body = Vec::new();
    for event in list {
        serde_json::to_writer(&mut body, &event.event()).unwrap();
        body.push(b'\n');
    }
    body
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn events_come_back(list in vec(accepted(), 0..50)) {
        let (events, parsed) = parsed(&lines(&list));
        let hashes = hashes();
        let expected: Vec<_> = list.iter().map(|event| event.event().keep(&hashes).unwrap()).collect();
        prop_assert_eq!(events, expected);
        prop_assert_eq!(parsed.received, list.len() as u64);
        prop_assert_eq!(parsed.malformed.count, 0);
    }

    #[test]
    fn any_bytes_are_reported(bytes: Vec<u8>) {
        let (events, parsed) = parsed(&bytes);
        prop_assert_eq!(parsed.received, events.len() as u64 + parsed.malformed.count);
    }

    #[test]
    fn damage_is_reported_or_harmless(list in vec(accepted(), 1..20), damages in damages()) {
        let (events, parsed) = parsed(&damaged(lines(&list), &damages));
        prop_assert_eq!(parsed.received, events.len() as u64 + parsed.malformed.count);
        prop_assert!(events.iter().all(|event| event.relevance <= 10_000));
    }
}

const LINE: &str = r#"{"id":"e-1","content":"c-7","viewer":"v-9","at":1763726400000,"watched_ms":31000,"relevance":9500}"#;

#[test]
fn both_forms_are_the_same_event() {
    let (events, _) = parsed(LINE.as_bytes());
    let event = SourceEvent {
        id: "e-1",
        content: "c-7".parse().unwrap(),
        viewer: "v-9",
        at_ms: 1_763_726_400_000,
        watched_ms: 31_000,
        relevance: 9_500,
    };
    assert_eq!(events, [event.keep(&hashes()).unwrap()]);
    assert_eq!(serde_json::to_string(&event).unwrap(), LINE);

    let escaped = LINE.replace("e-1", "\\u0065-1");
    assert_eq!(parsed(escaped.as_bytes()).0, events);
    let at = LINE.replace("1763726400000", r#""2025-11-21T13:00:00.000+01:00""#);
    assert_eq!(parsed(at.as_bytes()).0, events);
}

#[test]
fn lines_end_and_may_be_empty() {
    let body = format!("\n{LINE}\r\n\r\n\n{LINE}\n x\n{LINE}");
    let (events, parsed) = parsed(body.as_bytes());
    assert_eq!(events.len(), 3);
    assert_eq!((parsed.received, parsed.malformed.count), (4, 1));
    assert_eq!(parsed.malformed.lines[0].line, 6);
    assert_eq!(parse(body.as_bytes(), &hashes(), 3, drop), Err(TooMany(3)));
}

#[test]
fn reasons_name_the_field() {
    let reason = |from: &str, to: &str| {
        let line = LINE.replacen(from, to, 1);
        assert_ne!(line, LINE);
        let (events, mut parsed) = parsed(line.as_bytes());
        assert!(events.is_empty());
        parsed.malformed.lines.remove(0).reason
    };
    assert_eq!(
        reason(r#""id""#, r#""colour":1,"id""#),
        "unknown field `colour`, expected one of `id`, `content`, `viewer`, `at`, `watched_ms`, \
         `relevance` at column 9"
    );
    assert_eq!(reason(r#""id":"e-1","#, ""), "missing field `id` at column 87");
    assert_eq!(reason(r#""id""#, r#""id":"e-2","id""#), "duplicate field `id` at column 16");
    assert_eq!(reason("e-1", ""), "id is 0 bytes long: 1 to 64 are accepted");
    assert_eq!(reason("e-1", &"é".repeat(33)), "id is 66 bytes long: 1 to 64 are accepted");
    assert_eq!(reason("v-9", &"x".repeat(129)), "viewer is 129 bytes long: 1 to 128 are accepted");
    assert_eq!(
        reason("c-7", "x-longer-than-16-bytes"),
        "content is 22 bytes long: use a UUID, 32 hexadecimal digits, or at most 16 bytes"
    );
    assert_eq!(reason("9500", "10001"), "relevance is 10001: 0 to 10000 basis points are accepted");
    assert_eq!(
        reason("9500", "70000"),
        "invalid value: integer `70000`, expected u16 at column 98"
    );
    assert_eq!(reason("31000", "-1"), "invalid value: integer `-1`, expected u32 at column 77");
    assert_eq!(
        reason("1763726400000", r#""yesterday""#),
        "invalid value: string \"yesterday\", expected Unix milliseconds or a time as RFC 3339 has \
         it at column 59"
    );
    assert_eq!(
        reason("1763726400000", "1.5"),
        "invalid type: floating point `1.5`, expected Unix milliseconds or a time as RFC 3339 has \
         it at column 51"
    );
    assert_eq!(reason("9500}", "9500} x"), "trailing characters at column 100");
    let long = reason("e-1", &"x".repeat(LINE_BYTES_MAX));
    assert_eq!(long, "the line is 4191 bytes long: at most 4096 are accepted");
}

#[test]
fn reports_are_bounded_and_counts_are_not() {
    let body = "x\n".repeat(250);
    let (_, parsed) = parsed(body.as_bytes());
    assert_eq!(parsed.malformed.count, 250);
    assert_eq!(parsed.malformed.lines.len(), 100);
    let field = format!("{{\"{}\":1}}", "x".repeat(1_000));
    let (_, parsed) = super::tests::parsed(field.as_bytes());
    assert_eq!(parsed.malformed.lines[0].reason.chars().count(), 200);
}
