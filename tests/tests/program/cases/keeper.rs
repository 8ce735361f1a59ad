use pixr::{constants::ENTRIES_BYTES_MAX, entries::Entry, errors::PixrError, math::earnings};
use pixr_tests::{
    tokens::Token,
    world::{SETTINGS, pack, views},
};
use solana_signer::Signer;

use super::{Case, case};
use crate::scene::{ALICE, Attempt, BUDGET, EARNED, Scene};

/// The keeper settles bytes as the batch with this number; the next is 2.
fn settle(scene: &Scene, sequence: u64, entries: Vec<u8>) -> Attempt {
    let keeper = scene.keeper().pubkey();
    scene.keeper_signs(scene.platform().settle(keeper, scene.shard, sequence, entries))
}

fn reverse(scene: &Scene, sequence: u64, entries: Vec<u8>) -> Attempt {
    let keeper = scene.keeper().pubkey();
    scene.keeper_signs(scene.platform().reverse_views(keeper, scene.shard, sequence, entries))
}

fn quality(scene: &Scene, content: u32, quality: u16) -> Attempt {
    let keeper = scene.keeper().pubkey();
    scene.keeper_signs(scene.platform().set_quality(keeper, scene.shard, content, quality))
}

fn change_settings(scene: &mut Scene, change: impl FnOnce(&mut pixr::state::Settings)) {
    let mut settings = SETTINGS;
    change(&mut settings);
    let admin = scene.admin();
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
}

/// One view of alice's content.
fn one() -> Vec<u8> {
    pack(&[views(ALICE, 1)])
}

pub fn cases() -> Vec<Case> {
    let mut cases = batches();
    cases.extend(reversals());
    cases
}

fn batches() -> Vec<Case> {
    vec![
        case("settle", PixrError::Paused, |scene| {
            scene.pause();
            settle(scene, 2, one())
        }),
        case("settle", PixrError::NotKeeper, |scene| {
            let mut attempt = settle(scene, 2, one());
            attempt.0[0].accounts[0].pubkey = scene.admin().pubkey();
            (attempt.0, vec![scene.admin()])
        }),
        case("settle", PixrError::SequenceReplayed, |scene| {
            settle(scene, 1, pack(&[views(ALICE, 3_000_000)]))
        }),
        case("settle", PixrError::SequenceReplayed, |scene| settle(scene, 0, one())),
        case("settle", PixrError::SequenceGap, |scene| settle(scene, 3, one())),
        case("settle", PixrError::SequenceGap, |scene| settle(scene, u64::MAX, one())),
        case("settle", PixrError::EntriesEmpty, |scene| settle(scene, 2, Vec::new())),
        case("settle", PixrError::EntriesTooLong, |scene| {
            // More than a transaction of today carries; the SVM does not mind.
            let long = usize::try_from(ENTRIES_BYTES_MAX).expect("64 bits") + 2;
            settle(scene, 2, one().repeat(long / 2))
        }),
        case("settle", PixrError::EntriesTruncated, |scene| settle(scene, 2, vec![0])),
        case("settle", PixrError::EntriesTruncated, |scene| {
            let mut entries = pack(&[views(ALICE, 3_000)]);
            entries.truncate(6);
            settle(scene, 2, entries)
        }),
        case("settle", PixrError::EntriesTruncated, |scene| settle(scene, 2, vec![0x80, 1])),
        case("settle", PixrError::RelevanceTooHigh, |scene| {
            settle(scene, 2, vec![0xff, 0xff, 0, 0])
        }),
        case("settle", PixrError::RelevanceTooHigh, |scene| settle(scene, 2, vec![0, 0, 127, 0])),
        case("settle", PixrError::UnknownContent, |scene| settle(scene, 2, pack(&[views(2, 1)]))),
        case("settle", PixrError::UnknownContent, |scene| {
            settle(scene, 2, pack(&[views(ALICE, 5), views((1 << 24) - 1, 5)]))
        }),
        case("settle", PixrError::BatchCapExceeded, |scene| {
            change_settings(scene, |settings| settings.batch_cap = 999);
            settle(scene, 2, one())
        }),
        case("settle", PixrError::DayCapExceeded, |scene| {
            change_settings(scene, |settings| {
                settings.batch_cap = 1_000;
                settings.day_cap = EARNED + 999;
            });
            settle(scene, 2, one())
        }),
        case("settle", PixrError::BudgetExhausted, |scene| {
            let left = BUDGET - EARNED;
            let shard = scene.shard;
            let full = left / 1_000 / earnings::VIEWS_MAX;
            for _ in 0..full {
                scene.world.settle(&shard, &[views(ALICE, earnings::VIEWS_MAX)]).expect("a batch");
            }
            let rest = left / 1_000 - full * earnings::VIEWS_MAX;
            settle(scene, scene.world.header(&shard).next_sequence, pack(&[views(ALICE, rest + 1)]))
        }),
        case("settle", PixrError::Overflow, |scene| {
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| view.header.credited = u64::MAX - 999);
            settle(scene, 2, one())
        }),
        case("settle", PixrError::Overflow, |scene| {
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| view.header.views = u64::MAX);
            settle(scene, 2, one())
        }),
        case("set_quality", PixrError::Paused, |scene| {
            scene.pause();
            quality(scene, ALICE, 1)
        }),
        case("set_quality", PixrError::WrongPlatform, |scene| {
            let rival = scene.world.rival(Token::Spl);
            scene.world.svm = rival.svm;
            let keeper = rival.keys.keeper;
            let set = rival.platform.set_quality(keeper.pubkey(), scene.shard, ALICE, 1);
            (vec![set], vec![keeper])
        }),
        case("set_quality", PixrError::BpsTooHigh, |scene| quality(scene, ALICE, 10_001)),
        case("set_quality", PixrError::UnknownContent, |scene| quality(scene, 2, 1)),
        case("set_quality", PixrError::NotKeeper, |scene| {
            let mut attempt = quality(scene, ALICE, 1);
            attempt.0[0].accounts[0].pubkey = scene.alice.address();
            (attempt.0, vec![scene.alice.key.insecure_clone()])
        }),
    ]
}

fn reversals() -> Vec<Case> {
    vec![
        case("reverse_views", PixrError::Paused, |scene| {
            scene.pause();
            reverse(scene, 2, one())
        }),
        case("reverse_views", PixrError::NotKeeper, |scene| {
            let mut attempt = reverse(scene, 2, one());
            attempt.0[0].accounts[0].pubkey = scene.guardian().pubkey();
            (attempt.0, vec![scene.guardian()])
        }),
        case("reverse_views", PixrError::SequenceReplayed, |scene| reverse(scene, 1, one())),
        case("reverse_views", PixrError::SequenceGap, |scene| reverse(scene, 3, one())),
        case("reverse_views", PixrError::EntriesEmpty, |scene| reverse(scene, 2, Vec::new())),
        case("reverse_views", PixrError::EntriesTruncated, |scene| reverse(scene, 2, vec![0])),
        case("reverse_views", PixrError::UnknownContent, |scene| {
            reverse(scene, 2, pack(&[views(9, 1)]))
        }),
        case("reverse_views", PixrError::ReversalExceedsViews, |scene| {
            reverse(scene, 2, pack(&[views(ALICE, 3_000_001)]))
        }),
        case("reverse_views", PixrError::DayCapExceeded, |scene| {
            change_settings(scene, |settings| {
                settings.batch_cap = 1;
                settings.day_cap = 999;
            });
            reverse(scene, 2, one())
        }),
        case("reverse_views", PixrError::ReversalTooLarge, |scene| {
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| {
                view.content(ALICE).expect("a content").remainder = -earnings::DEBT_MAX;
            });
            let entry = Entry { content: 0, views: 1, relevance: 1 };
            reverse(scene, 2, pack(&[entry]))
        }),
    ]
}
