use super::*;

fn entry(content: u64, views: u64, relevance: u64) -> Entry {
    Entry { content, views, relevance }
}

fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::default();
    for entry in entries {
        let before = writer.bytes().len();
        let cost = writer.cost(*entry).unwrap();
        writer.push(*entry).unwrap();
        assert_eq!(writer.bytes().len() - before, cost);
    }
    writer.finish()
}

fn unpack(bytes: &[u8]) -> Result<Vec<Entry>, ReadError> {
    Packed::new(bytes.to_vec())?.entries().collect()
}

#[test]
fn forms_are_pinned() {
    assert_eq!(pack(&[entry(3, 5, 10_000)]), [4, 3]);
    assert_eq!(pack(&[entry(511, 128, 0x0102)]), [0x81, 0x02, 0xff, 0xff]);
    assert_eq!(
        pack(&[entry(0x0a_0b_0c, 0x01_02_04, 10_000)]),
        [0xe7, 0x10, 0x03, 0x02, 0x01, 0x0c, 0x0b, 0x0a]
    );
}

#[test]
fn every_form_comes_back_at_its_limits() {
    let mut list = Vec::new();
    for content in [0, 1, 255, 256, 511, 512, 90_000, CONTENT_MAX] {
        for views in [1, 127, 128, 129, VIEWS_MAX] {
            for relevance in [0, 1, 9_999, 10_000, 10_000] {
                list.push(entry(content, views, relevance));
            }
        }
    }
    assert_eq!(unpack(&pack(&list)).unwrap(), list);
    list.reverse();
    assert_eq!(unpack(&pack(&list)).unwrap(), list);
}

#[test]
fn what_does_not_fit_is_named_and_adds_nothing() {
    let mut writer = Writer::default();
    assert_eq!(writer.push(entry(0, 0, 1)), Err(WriteError::Views));
    assert_eq!(writer.push(entry(0, VIEWS_MAX + 1, 1)), Err(WriteError::Views));
    assert_eq!(writer.push(entry(0, 1, 10_001)), Err(WriteError::Relevance));
    assert_eq!(writer.push(entry(CONTENT_MAX + 1, 1, 1)), Err(WriteError::Content));
    assert!(writer.bytes().is_empty());
}

#[test]
fn cut_and_forged_bytes_are_refused() {
    let long = pack(&[entry(70_000, 1, 10_000)]);
    for length in 1..8 {
        assert_eq!(unpack(&long[..length]), Err(ReadError::Truncated));
    }
    let [high, low] = 10_001_u16.to_be_bytes();
    assert_eq!(unpack(&[0x80 | high, low, 1, 0]), Err(ReadError::Relevance));
    assert_eq!(unpack(&[127, 0]), Err(ReadError::Relevance));
    assert_eq!(unpack(&[0xff, 0xff]), Err(ReadError::Relevance));
    assert_eq!(unpack(&[0, 0]), Ok(vec![entry(0, 1, 10_000)]));
    assert_eq!(unpack(&[]), Ok(Vec::new()));
    assert_eq!(Packed::new(vec![1, 0]).unwrap().bytes(), [1, 0]);
}

#[test]
fn any_bytes_are_read_without_panic_and_what_is_read_can_be_written() {
    let mut state: u64 = 7;
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..state % 9 + 1 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&(state >> 32).to_le_bytes()[..2]);
        }
        if let Ok(list) = unpack(&bytes) {
            let packed = pack(&list);
            assert!(packed.len() <= bytes.len());
            assert_eq!(unpack(&packed).unwrap(), list);
        }
    }
}
