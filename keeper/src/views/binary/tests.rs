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

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn events_come_back(list in vec(accepted(), 0..50)) {
        let mut writer = Writer::default();
        list.iter().for_each(|event| writer.push(&event.event()).unwrap());
        let (events, parsed) = parsed(writer.bytes());
        let hashes = hashes();
        let expected: Vec<_> = list.iter().map(|event| event.event().keep(&hashes).unwrap()).collect();
        prop_assert_eq!(events, expected);
        prop_assert_eq!(parsed.received, list.len() as u64);
        prop_assert_eq!(parsed.malformed, super::super::Malformed::default());
    }

    #[test]
    fn any_bytes_are_reported(bytes: Vec<u8>, sound_start: bool) {
        let body = if sound_start { [&MAGIC, bytes.as_slice()].concat() } else { bytes };
        let (events, parsed) = parsed(&body);
        prop_assert_eq!(parsed.received, events.len() as u64 + parsed.malformed.count);
    }

    #[test]
    fn damage_is_reported_or_harmless(list in vec(accepted(), 1..20), damages in damages()) {
        let mut writer = Writer::default();
        list.iter().for_each(|event| writer.push(&event.event()).unwrap());
        let (events, parsed) = parsed(&damaged(writer.finish(), &damages));
        prop_assert_eq!(parsed.received, events.len() as u64 + parsed.malformed.count);
        prop_assert!(events.iter().all(|event| event.relevance <= 10_000));
    }
}

const EVENT: SourceEvent = SourceEvent {
    id: "e-1",
    content: ContentId(*b"c-7\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    viewer: "v-9",
    at_ms: 1_763_726_400_000,
    watched_ms: 31_000,
    relevance: 9_500,
};

#[test]
fn the_form_is_as_documented() {
    let mut writer = Writer::default();
    writer.push(&EVENT).unwrap();
    let expected = [
        b"PIXR\x01".as_slice(),
        &[3, 3],
        b"c-7\0\0\0\0\0\0\0\0\0\0\0\0\0",
        &[0, 26, 73, 166, 154, 1, 0, 0],
        &[24, 121, 0, 0],
        &[28, 37],
        b"e-1v-9",
    ];
    assert_eq!(writer.bytes(), expected.concat());
}

#[test]
fn a_malformed_record_leaves_the_others() {
    let mut writer = Writer::default();
    for _ in 0..3 {
        writer.push(&EVENT).unwrap();
    }
    let sound = writer.finish();
    let length = (sound.len() - MAGIC.len()) / 3;
    let second = MAGIC.len() + length;
    let reported = |body: &[u8]| {
        let (events, parsed) = parsed(body);
        let [line] = parsed.malformed.lines.as_slice() else { panic!("{parsed:?}") };
        assert_eq!(line.line, 2);
        (events.len(), line.reason.clone())
    };

    let mut body = sound.clone();
    body[second + 31] = 0xff;
    let relevance = "relevance is 65308: 0 to 10000 basis points are accepted";
    assert_eq!(reported(&body), (2, relevance.into()));
    let mut body = sound.clone();
    body[second + length - 1] = 0xff;
    assert_eq!(reported(&body), (2, "viewer is not UTF-8".into()));

    let mut body = sound.clone();
    body[second] = 65;
    let id = "id is 65 bytes long: 1 to 64 are accepted; nothing after this record was read";
    assert_eq!(reported(&body), (1, id.into()));
    let mut body = sound.clone();
    body[second + 1] = 0;
    let viewer =
        "viewer is 0 bytes long: 1 to 128 are accepted; nothing after this record was read";
    assert_eq!(reported(&body), (1, viewer.into()));
    let cut = format!(
        "the record is cut off: {} of {length} bytes; nothing after this record was read",
        length - 1
    );
    assert_eq!(reported(&sound[..second + length - 1]), (1, cut));
    let start = "the record is cut off: 31 of 32 bytes; nothing after this record was read";
    assert_eq!(reported(&sound[..second + 31]), (1, start.into()));
}

#[test]
fn a_request_starts_with_the_version() {
    assert_eq!(parsed(b""), (Vec::new(), Parsed::default()));
    assert_eq!(parsed(&MAGIC), (Vec::new(), Parsed::default()));
    for body in [b"PIXR".as_slice(), b"PIXR\x02", b"{\"id\":1}"] {
        let (events, parsed) = parsed(body);
        assert!(events.is_empty());
        assert_eq!(parsed.malformed.count, 1);
        assert_eq!(
            parsed.malformed.lines[0].reason,
            "the request does not start with PIXR and the version 1"
        );
    }
}

#[test]
fn events_are_bounded_in_number() {
    let mut writer = Writer::default();
    for _ in 0..3 {
        writer.push(&EVENT).unwrap();
    }
    assert!(parse(writer.bytes(), &hashes(), 3, drop).is_ok());
    assert_eq!(parse(writer.bytes(), &hashes(), 2, drop), Err(TooMany(2)));
}

#[test]
fn what_would_not_be_read_is_not_written() {
    let mut writer = Writer::default();
    let long = "x".repeat(129);
    for (event, error) in [
        (SourceEvent { id: "", ..EVENT }, OutOfBounds::Id(0)),
        (SourceEvent { viewer: &long, ..EVENT }, OutOfBounds::Viewer(129)),
        (SourceEvent { relevance: 10_001, ..EVENT }, OutOfBounds::Relevance(10_001)),
    ] {
        assert_eq!(writer.push(&event), Err(error));
    }
    assert_eq!(writer.finish(), MAGIC);
}
