use std::collections::BTreeMap;

use anchor_lang::prelude::Pubkey;
use pixr::entries::Writer;
use pixr_client::Platform;
use proptest::{collection::vec, prelude::*};
use solana_keypair::Keypair;
use solana_message::Hash;
use solana_signer::Signer;

use super::*;
use crate::{
    chain::transactions::{COMPUTE_UNITS_MAX, Limits, Version, sign},
    settle::room::room,
};

type Sums = BTreeMap<(u64, u64), u128>;

fn pack(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_by_key(|entry| (entry.relevance, entry.content));
    let mut writer = Writer::default();
    for entry in entries {
        writer.push(entry).expect("an entry that can be written");
    }
    writer.finish()
}

fn unpack(bytes: &[u8]) -> Vec<Entry> {
    let packed = Packed::new(bytes.to_vec()).expect("a list");
    packed.entries().map(|entry| entry.expect("an entry")).collect()
}

fn sums<'a>(lists: impl IntoIterator<Item = &'a [u8]>) -> Sums {
    let mut sums = Sums::new();
    for entry in lists.into_iter().flat_map(unpack) {
        *sums.entry((entry.relevance, entry.content)).or_default() += u128::from(entry.views);
    }
    sums
}

fn entry() -> impl Strategy<Value = Entry> {
    let content = prop_oneof![0..40_u64, 0..100_000_u64, 0..1_u64 << 24];
    let views = prop_oneof![8 => 1..200_u64, 1 => 1..=VIEWS_MAX, 1 => VIEWS_MAX - 2..=VIEWS_MAX];
    let relevance =
        prop_oneof![Just(10_000_u64), (0..=20_u64).prop_map(|step| step * 500), 0..=10_000_u64];
    (content, views, relevance).prop_map(|(content, views, relevance)| Entry {
        content,
        views,
        relevance,
    })
}

fn windows() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(entry(), 0..300).prop_map(pack), 0..6)
}

fn bounds(bytes: usize, value: u64) -> Bounds {
    Bounds { bytes, credits: CREDITS_PER_BATCH_MAX, value, base_rate: 1_000_000 }
}

fn platform() -> Platform {
    Platform::new(
        &Pubkey::new_from_array([3; 32]),
        Pubkey::new_from_array([4; 32]),
        Pubkey::default(),
    )
}

fn cut_windows(windows: &[Vec<u8>], bounds: &Bounds) -> Vec<PackedBatch> {
    let merged = merge(windows.iter().map(Vec::as_slice)).expect("windows that add up");
    cut(&merged, bounds).expect("windows that can be cut")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn loses_and_doubles_nothing(windows in windows(), cap in 20_000_u64..1 << 40, bytes in 8_usize..4_000) {
        let batches = cut_windows(&windows, &bounds(bytes, cap));
        let lists = batches.iter().map(|batch| batch.entries.as_slice());
        prop_assert_eq!(sums(lists), sums(windows.iter().map(Vec::as_slice)));
        for batch in &batches {
            let entries = unpack(&batch.entries);
            prop_assert_eq!(entries.len(), batch.credits);
            prop_assert_eq!(entries.iter().map(|entry| entry.views).sum::<u64>(), batch.views);
        }
    }

    #[test]
    fn keeps_the_order_over_all_batches(windows in windows()) {
        let batches = cut_windows(&windows, &bounds(500, u64::MAX));
        let all: Vec<_> = batches.iter().flat_map(|batch| unpack(&batch.entries)).collect();
        prop_assert!(all.is_sorted_by_key(|entry| (entry.relevance, entry.content)));
    }

    #[test]
    fn fits_bytes_credits_and_value(windows in windows(), cap in 20_000_u64..1 << 36, credits in 1_usize..100) {
        let bounds = Bounds { credits, ..bounds(700, cap) };
        for batch in cut_windows(&windows, &bounds) {
            prop_assert!(batch.entries.len() <= 700 && batch.credits <= credits);
            let values = unpack(&batch.entries);
            let value: u64 = values.iter().map(|entry| value_ceil(entry, bounds.base_rate)).sum();
            prop_assert!(value <= cap);
        }
    }

    #[test]
    fn fits_a_signed_transaction(windows in windows()) {
        let (platform, keeper) = (platform(), Keypair::new_from_array([7; 32]));
        let shard = Pubkey::new_from_array([8; 32]);
        let limits = Limits { compute_units: COMPUTE_UNITS_MAX, priority_fee: u64::MAX >> 24 };
        for version in [Version::V0, Version::V1] {
            let room = room(version, &platform).expect("a size");
            for batch in cut_windows(&windows, &bounds(room, u64::MAX)) {
                let settle = platform.settle(keeper.pubkey(), shard, u64::MAX, batch.entries.clone());
                let reverse = platform.reverse_views(keeper.pubkey(), shard, 1, batch.entries);
                for instruction in [settle, reverse] {
                    let signed = sign(version, Hash::default(), limits, &[instruction], &keeper, &[]);
                    prop_assert!(signed.is_ok_and(|signed| signed.bytes.len() <= version.bytes_max()));
                }
            }
        }
    }
}

#[test]
fn adds_up_equal_contents_of_equal_relevance_only() {
    let of = |content, views, relevance| Entry { content, views, relevance };
    let first = pack(vec![of(5, 2, 9_000), of(1, 1, 10_000)]);
    let second = pack(vec![of(5, 3, 9_000), of(5, 4, 10_000)]);
    let merged = merge([first.as_slice(), second.as_slice()]).unwrap();
    assert_eq!(merged, [of(5, 5, 9_000), of(1, 1, 10_000), of(5, 4, 10_000)]);
}

#[test]
fn cuts_what_one_entry_cannot_hold() {
    let most = pack(vec![Entry { content: 3, views: VIEWS_MAX, relevance: 1 }]);
    let batches = cut_windows(&[most.clone(), most.clone(), most], &bounds(4_000, u64::MAX));
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].views, 3 * VIEWS_MAX);
    assert_eq!(batches[0].credits, 3);
}

#[test]
fn cuts_what_a_batch_may_not_credit_at_once() {
    // A view at full relevance is worth 1,000 base units.
    let window = pack(vec![Entry { content: 3, views: 100, relevance: 10_000 }]);
    let batches = cut_windows(&[window.clone()], &bounds(4_000, 30_001));
    let views: Vec<_> = batches.iter().map(|batch| batch.views).collect();
    assert_eq!(views, [30, 30, 30, 10]);
    // One view alone is worth too much: it gets its own batch, for the program to refuse.
    assert_eq!(cut_windows(&[window], &bounds(4_000, 10)).len(), 100);
}

#[test]
fn refuses_a_cap_that_makes_too_many_entries() {
    let entry = Entry { content: 3, views: 1 << 40, relevance: 10_000 };
    assert_eq!(cut(&[entry], &bounds(4_000, 10)), Err(PackError::CapTooSmall));
}

#[test]
fn estimates_at_full_quality() {
    let entries = [
        Entry { content: 1, views: 7, relevance: 5_000 },
        Entry { content: 2, views: 3, relevance: 10_000 },
    ];
    assert_eq!(estimate(&entries, 1_000_000), 3_500 + 3_000);
    assert_eq!(estimate(&[], 1_000_000), 0);
}

#[test]
fn names_bytes_that_are_no_entries() {
    assert_eq!(merge([[1_u8].as_slice()]), Err(PackError::Read(ReadError::Truncated)));
}
