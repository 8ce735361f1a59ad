//! Layouts and discriminators, pinned: clients read these bytes.

use std::mem::offset_of;

use anchor_lang::{Discriminator, Space};
use pixr::state::{
    AuthorityTransfer, ContentSlot, CreatorSlot, Lane, Platform, Position, Round, RoundTerms,
    Shard, Withdrawal,
    shard::{Capacities, ShardRef},
};
use pixr_tests::tokens::Token;

use crate::scene::{ALICE, EARNED, Scene};

#[test]
fn discriminators() {
    assert_eq!(Platform::DISCRIMINATOR, [77, 92, 204, 58, 187, 98, 91, 12]);
    assert_eq!(Shard::DISCRIMINATOR, [141, 83, 41, 244, 139, 88, 245, 70]);
    assert_eq!(Withdrawal::DISCRIMINATOR, [10, 45, 211, 182, 129, 235, 90, 82]);
    assert_eq!(AuthorityTransfer::DISCRIMINATOR, [43, 243, 199, 71, 139, 255, 231, 113]);
    assert_eq!(Round::DISCRIMINATOR, [87, 127, 165, 51, 73, 78, 116, 174]);
    assert_eq!(Position::DISCRIMINATOR, [170, 188, 143, 228, 122, 64, 247, 208]);
}

#[test]
fn sizes() {
    assert_eq!(Platform::SPACE, 412);
    assert_eq!(Withdrawal::SPACE, 8 + 3 * 32 + 2 * 8 + 2 * 4 + 2);
    assert_eq!(AuthorityTransfer::SPACE, 8 + 3 * 32 + 4 + 1);
    assert_eq!(RoundTerms::INIT_SPACE, 1 + 8 + 8 + 4 + 2 + 8 + 4 + 32);
    assert_eq!(Round::SPACE, 8 + 4 * 32 + RoundTerms::INIT_SPACE + 1 + 4 * 4 + 7 * 8 + 32 + 2);
    assert_eq!(Position::SPACE, 8 + 3 * 32 + 3 * 8 + 1);
    let capacities = Capacities { creators: 3, contents: 5, lanes: 7 };
    assert_eq!(capacities.account_bytes(), Some(512 + 3 * 64 + 5 * 56 + 7 * 96 + 5 * 8));
    let bytes =
        |creators, contents, lanes| Capacities { creators, contents, lanes }.account_bytes();
    assert!(bytes(50_000, 100_000, 64).is_some());
    assert_eq!(bytes(0, 1, 0), None);
    assert_eq!(bytes(1, 0, 0), None);
    assert_eq!(bytes(1, 163_000, 0), Some(512 + 64 + 163_000 * 64));
    assert_eq!(bytes(1, 164_000, 0), None);
    assert_eq!(bytes(u32::MAX, u32::MAX, u32::MAX), None);
}

#[test]
fn shard_header() {
    assert_eq!(offset_of!(Shard, platform), 0);
    assert_eq!(offset_of!(Shard, vault), 32);
    assert_eq!(offset_of!(Shard, rent_receiver), 64);
    assert_eq!(offset_of!(Shard, hash), 96);
    assert_eq!(offset_of!(Shard, next_sequence), 128);
    assert_eq!(offset_of!(Shard, reward_budget), 136);
    assert_eq!(offset_of!(Shard, balances), 144);
    assert_eq!(offset_of!(Shard, credited), 192);
    assert_eq!(offset_of!(Shard, day), 224);
    assert_eq!(offset_of!(Shard, number), 248);
    assert_eq!(offset_of!(Shard, version), 276);
    assert_eq!(offset_of!(Shard, free_lane), 280);
    assert_eq!(offset_of!(Shard, shared), 288);
    assert_eq!(offset_of!(Shard, claimed), 296);
    assert_eq!(offset_of!(Shard, supported), 304);
    assert_eq!(size_of::<Shard>(), 504);
}

#[test]
fn slots() {
    assert_eq!(offset_of!(CreatorSlot, authority), 0);
    assert_eq!(offset_of!(CreatorSlot, balance), 32);
    assert_eq!(offset_of!(CreatorSlot, withdrawn), 40);
    assert_eq!(offset_of!(CreatorSlot, window_spent), 48);
    assert_eq!(offset_of!(CreatorSlot, window_start), 56);
    assert_eq!(offset_of!(CreatorSlot, next_withdrawal), 60);
    assert_eq!(size_of::<CreatorSlot>(), 64);

    assert_eq!(offset_of!(ContentSlot, id), 0);
    assert_eq!(offset_of!(ContentSlot, views), 16);
    assert_eq!(offset_of!(ContentSlot, earned), 24);
    assert_eq!(offset_of!(ContentSlot, remainder), 32);
    assert_eq!(offset_of!(ContentSlot, creator), 40);
    assert_eq!(offset_of!(ContentSlot, first_lane), 44);
    assert_eq!(offset_of!(ContentSlot, quality_and_flag), 48);
    assert_eq!(offset_of!(ContentSlot, next_round), 52);
    assert_eq!(size_of::<ContentSlot>(), 56);

    assert_eq!(offset_of!(Lane, earned_at_delivery), 0);
    assert_eq!(offset_of!(Lane, baseline_quotient), 8);
    assert_eq!(offset_of!(Lane, uplift_high), 16);
    assert_eq!(offset_of!(Lane, uplift_at_cap), 24);
    assert_eq!(offset_of!(Lane, owed), 32);
    assert_eq!(offset_of!(Lane, cap), 40);
    assert_eq!(offset_of!(Lane, next), 48);
    assert_eq!(offset_of!(Lane, delivered_at), 56);
    assert_eq!(offset_of!(Lane, term_seconds), 60);
    assert_eq!(offset_of!(Lane, baseline_seconds), 64);
    assert_eq!(offset_of!(Lane, baseline_remainder), 68);
    assert_eq!(offset_of!(Lane, content), 72);
    assert_eq!(offset_of!(Lane, round), 76);
    assert_eq!(offset_of!(Lane, share_bps), 80);
    assert_eq!(size_of::<Lane>(), 96);
}

/// The same bytes read by hand, as a client in another language would.
#[test]
fn a_shard_read_by_hand() {
    let scene = Scene::with_token(Token::Token2022);
    let data = scene.world.svm.get_account(&scene.shard).expect("a shard").data;
    let word = |at: usize| u64::from_le_bytes(data[at..at + 8].try_into().expect("eight bytes"));
    let creators = 512;
    let contents = creators + 64 * 8;
    assert_eq!(data[..8], *Shard::DISCRIMINATOR);
    assert_eq!(data[8..40], scene.platform().address.to_bytes());
    assert_eq!(data[creators..creators + 32], scene.alice.address().to_bytes());
    assert_eq!(word(creators + 32), EARNED);
    assert_eq!(word(contents + 16), 3_000_000);
    assert_eq!(word(contents + 24), EARNED);
    let view = ShardRef::parse(&data).expect("a shard");
    assert_eq!(view.creator(ALICE).expect("alice").balance, EARNED);
    assert!(ShardRef::parse(&data[..data.len() - 8]).is_err());
}
