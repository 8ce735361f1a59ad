use proptest::prelude::*;

use super::*;
use crate::{
    testing::cases,
    views::{
        VERDICTS,
        samples::{damaged, damages, kept},
    },
};

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn events_come_back(events in kept()) {
        let payload = encode(&events);
        prop_assert_eq!(decode(&payload).unwrap(), events.clone());
        let expected: Vec<_> = events.iter().map(|event| event.id).collect();
        prop_assert_eq!(ids(&payload).unwrap(), &expected);
    }

    #[test]
    fn any_bytes_are_events_or_an_error(mut bytes: Vec<u8>, sound_start: bool) {
        if sound_start && bytes.len() >= HEADER_BYTES {
            bytes[..HEADER_BYTES].copy_from_slice(&[VERSION, 1, 0, 0, 0]);
        }
        let _ = decode(&bytes);
        let _ = ids(&bytes);
    }

    #[test]
    fn damage_is_found_or_harmless(events in kept(), damages in damages()) {
        let bytes = damaged(encode(&events).to_vec(), &damages);
        if let Ok(found) = decode(&bytes) {
            prop_assert_eq!(found.len(), ids(&bytes).unwrap().len());
            prop_assert!(found.iter().all(|event| event.relevance <= RELEVANCE_MAX));
        }
    }
}

#[test]
fn verdicts_come_back() {
    let verdicts: Vec<_> = VERDICTS.iter().cycle().take(1_000).copied().collect();
    let bytes = encode_verdicts(&verdicts);
    assert!(bytes.len() < 40);
    assert_eq!(decode_verdicts(&bytes, 1_000).unwrap(), verdicts);
    assert!(decode_verdicts(&bytes, 999).is_err());
    assert!(matches!(decode_verdicts(&bytes, 1_001), Err(CodecError::Truncated(_))));
    let unknown = zstd::bulk::compress(&[0, 8], LEVEL).unwrap();
    assert!(matches!(decode_verdicts(&unknown, 2), Err(CodecError::Value(1))));
}

fn event(number: u8) -> ViewEvent {
    ViewEvent {
        id: [number; 16],
        viewer: [!number; 16],
        content: ContentId([1; 16]),
        at_ms: 1_700_000_000_000 + i64::from(number),
        watched_ms: 5_000,
        relevance: 10_000,
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let payload = encode(&[event(1), event(2)]);
    let error = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    assert_eq!(error(&[2, 0, 0, 0, 0]), "version 2 is not known: this keeper reads version 1");
    assert_eq!(error(&payload[..4]), "the payload ends within the header");
    assert_eq!(error(&payload[..30]), "the payload ends within the ids");
    assert_eq!(error(&payload[..60]), "the payload ends within the viewers");
    assert!(error(&payload[..payload.len() - 1]).starts_with("the compressed columns are damaged"));

    let with_rest = |rest: &[u8]| {
        let mut bytes = payload[..HEADER_BYTES + 4 * HASH_BYTES].to_vec();
        bytes.extend_from_slice(&zstd::bulk::compress(rest, LEVEL).unwrap());
        bytes
    };
    let contents = [7; 32];
    assert_eq!(error(&with_rest(&contents[1..])), "the payload ends within the contents");
    assert_eq!(error(&with_rest(&contents)), "the payload ends within the relevances");
    let rest = |rest: &[u8]| with_rest(&[&contents, rest].concat());
    assert_eq!(decode(&rest(&[2, 2, 9, 9, 16, 39, 0, 0])).unwrap()[1].at_ms, 2);
    assert_eq!(error(&rest(&[2, 2, 9, 9, 9, 16, 39, 0, 0])), "1 bytes follow the last event");
    let value = |index| format!("event {index} has a value that cannot be");
    assert_eq!(error(&rest(&[2, 2, 9, 9, 0, 0, 17, 39])), value(1));
    assert_eq!(error(&rest(&[2, 2, 9, 0, 0, 0, 0])), value(1));
    assert_eq!(error(&rest(&[0x80, 0x80, 0, 0, 0, 0])), value(0));
}

#[test]
fn a_batch_takes_few_bytes() {
    let events: Vec<_> = (0..=255).map(event).collect();
    assert!(encode(&events).len() < 34 * events.len());
}
