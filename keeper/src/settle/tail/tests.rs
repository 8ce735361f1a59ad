use anchor_lang::prelude::Pubkey;

use super::*;

fn header(next_sequence: u64, hash: [u8; 32]) -> Shard {
    let mut header: Shard = bytes();
    header.next_sequence = next_sequence;
    header.hash = hash;
    header.platform = Pubkey::default();
    header
}

/// A header of zeros.
fn bytes() -> Shard {
    let mut data = vec![0; pixr::state::shard::HEADER_BYTES];
    data[..8].copy_from_slice(<Shard as anchor_lang::Discriminator>::DISCRIMINATOR);
    let version = data.len() - 228;
    data[version] = Shard::VERSION;
    pixr::state::shard::read_header(&data).expect("a header")
}

/// Batches 5 to 8, of which 5 is finalized; returns the hash after each of 4 to 8.
fn tail() -> (Tail, Vec<[u8; 32]>) {
    let mut hashes = vec![[4; 32]];
    let mut batches = Vec::new();
    for sequence in 5..=8_u64 {
        let kind = if sequence == 7 { Kind::Reversal } else { Kind::Views };
        let entries = vec![u8::try_from(sequence).expect("a small number"), 0];
        let hash = kind.chain(hashes.last().expect("a hash"), &entries);
        hashes.push(hash);
        batches.push(Batch {
            sequence,
            kind,
            plan: 1,
            entries,
            hash,
            credits: 1,
            views: 1,
            oldest_at: DateTime::UNIX_EPOCH,
            attempts: Vec::new(),
            confirmed_at: None,
        });
    }
    let last = Some(Link { sequence: 8, hash: hashes[4] });
    (Tail { open: batches.split_off(1).into(), finalized: Some(5), last }, hashes)
}

#[test]
fn finds_the_batch_that_the_chain_waits_for() {
    let (tail, hashes) = tail();
    for (next, expected) in [
        (6, Position::Next(6)),
        (7, Position::Next(7)),
        (8, Position::Next(8)),
        (9, Position::Drained),
    ] {
        let header = header(next, hashes[usize::try_from(next).expect("an index") - 5]);
        assert_eq!(tail.position(0, &header), Ok(expected), "next {next}");
    }
}

#[test]
fn asks_for_what_is_not_loaded() {
    let (mut tail, hashes) = tail();
    tail.open.truncate(1);
    assert_eq!(tail.loaded(), Some(6));
    assert_eq!(tail.position(0, &header(8, hashes[3])), Ok(Position::Unloaded));
    assert_eq!(tail.position(0, &header(9, hashes[4])), Ok(Position::Unloaded));
    assert_eq!(tail.position(0, &header(6, hashes[1])), Ok(Position::Next(6)));
    tail.open.clear();
    assert_eq!(tail.loaded(), Some(5));
    assert_eq!(tail.position(0, &header(6, hashes[1])), Ok(Position::Unloaded));
}

#[test]
fn an_empty_database_agrees_with_any_chain() {
    assert_eq!(Tail::default().position(0, &header(100, [1; 32])), Ok(Position::Drained));
}

#[test]
fn names_both_sequences_when_the_chain_is_ahead() {
    let (tail, _) = tail();
    let blocked = tail.position(3, &header(12, [0; 32])).expect_err("an alarm");
    assert_eq!(blocked.cause, "chain_ahead");
    for part in ["shard 3", "12", "8"] {
        assert!(blocked.reason.contains(part), "{}", blocked.reason);
    }
}

#[test]
fn stops_when_a_finalized_batch_is_gone() {
    let (tail, hashes) = tail();
    let blocked = tail.position(3, &header(5, hashes[0])).expect_err("an alarm");
    assert_eq!(blocked.cause, "chain_behind");
}

#[test]
fn stops_when_the_hashes_differ() {
    let (tail, mut hashes) = tail();
    for next in 6..=9_usize {
        hashes[next - 5][31] ^= 1;
        let header = header(u64::try_from(next).expect("a sequence"), hashes[next - 5]);
        assert_eq!(tail.position(0, &header).expect_err("an alarm").cause, "hash_differs");
    }
}
