//! Sums, orders and roundings.

use pixr::errors::PixrError;
use pixr_tests::world::{SETTINGS, pack, views};
use solana_signer::Signer;

use crate::scene::{ALICE, BOB, Scene};

#[test]
fn arithmetic_overflow() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    // The largest batch at the highest rate: its sum must not wrap round into something small.
    let mut settings = SETTINGS;
    settings.base_rate = pixr::constants::BASE_RATE_MAX;
    settings.day_cap = u64::MAX;
    settings.batch_cap = u64::MAX;
    let admin = scene.admin();
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
    let largest = vec![views(ALICE, 1 << 24); 450];
    let settle = scene.world.settlement(&shard, &largest);
    let keeper = scene.keeper();
    scene.world.refuse(&[settle], &[&keeper], PixrError::BudgetExhausted);
    // With a budget that covers it, every unit is accounted for.
    scene.world.forge_shard(&shard, |view| {
        view.header.reward_budget = u64::MAX / 2;
        view.header.balances = 0;
    });
    let before = scene.world.shard(&shard);
    scene.world.settle(&shard, &largest).expect("a batch");
    let after = scene.world.shard(&shard);
    let earned = 450 * ((1_u128 << 24) * 10_000 * u128::from(settings.base_rate) / 10_000_000);
    let credited = u128::from(after.header.credited - before.header.credited);
    assert!(credited >= earned && credited < earned + 450);
    let creator = after.creators[0].balance - before.creators[0].balance;
    assert_eq!(u128::from(creator), credited);
    // Amounts at the edge of 64 bits.
    let alice = scene.alice.key.insecure_clone();
    for amount in [u64::MAX, u64::MAX - 1, 1 << 63] {
        scene.world.refuse(&[scene.withdraw(amount)], &[&alice], PixrError::InsufficientBalance);
    }
}

#[test]
fn replayed_and_reordered_batches() {
    let mut scene = Scene::new();
    let (shard, keeper) = (scene.shard, scene.keeper());
    let batch = |sequence, views_of_alice| {
        let entries = pack(&[views(ALICE, views_of_alice)]);
        scene.platform().settle(keeper.pubkey(), shard, sequence, entries)
    };
    let (second, third) = (batch(2, 10), batch(3, 20));
    scene.world.refuse(&[third.clone()], &[&keeper], PixrError::SequenceGap);
    scene.world.refuse(&[second.clone(), second.clone()], &[&keeper], PixrError::SequenceReplayed);
    scene.world.refuse(&[third.clone(), second.clone()], &[&keeper], PixrError::SequenceGap);
    scene.world.run(&[second.clone(), third.clone()], &[&keeper]).expect("two batches");
    for replayed in [second, third] {
        scene.world.refuse(&[replayed], &[&keeper], PixrError::SequenceReplayed);
    }
}

#[test]
fn rounding_drained_by_many_tiny_operations() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    // Many batches of one view at a relevance that earns a fraction each...
    let tiny = pixr::entries::Entry { content: u64::from(BOB), views: 1, relevance: 3 };
    let settings = pixr::state::Settings { base_rate: 1_111, ..SETTINGS };
    let admin = scene.admin();
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
    for _ in 0..10 {
        scene.world.settle(&shard, &[tiny; 1_000]).expect("a batch");
    }
    // ...earn what one batch of all of them would, to the last fraction.
    let content = scene.world.shard(&shard).contents[1];
    let product = 10_000 * 3 * 1_111;
    assert_eq!(
        (content.earned, content.remainder),
        (product / 10_000_000, (product % 10_000_000) as i64)
    );

    // Many tiny tips pay no less in fees than one large one.
    let patron = scene.patron.key.insecure_clone();
    for _ in 0..50 {
        let tip = scene.tip(13);
        scene.run(tip, &[&patron]);
    }
    let header = scene.world.header(&shard);
    let total = 50 * 13;
    assert!(header.platform_fees >= total * 500 / 10_000);
    assert!(header.processing_fees >= total * 290 / 10_000);
    assert_eq!(header.platform_fees + header.processing_fees + header.tipped, total);
}
