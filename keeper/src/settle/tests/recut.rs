//! Batches that are cut or ordered otherwise than they were planned.

use solana_signer::Signer;

use super::*;
use crate::{
    chain::{Chain, testing::SETTINGS},
    keys::Purpose,
    testing::{
        faults::{Call, Fault},
        world::Size,
    },
};

/// Plans, and dies before anything is signed.
async fn plan_only(world: &World) {
    world.faults.script(|call, _| if call == Call::Simulate { Fault::Hang } else { Fault::None });
    let app = world.app.clone();
    let pass = tokio::spawn(async move {
        let _ = settle_once(&app, &owner(), Timing::Now, &CancellationToken::new()).await;
    });
    eventually("simulating", async || world.faults.calls(Call::Simulate) == 1).await;
    pass.abort();
    let _ = pass.await;
    world.faults.heal();
    end_leases(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_batches_are_cut_for_the_smaller_transactions() {
    let world = World::new(Size { contents: 400, ..Size::default() }).await;
    world.window(0, Kind::Views, &views(1, 400, 1_500)).await;
    plan_only(&world).await;
    let large = count(&world, "batches WHERE octet_length(entries) > 1232").await;
    assert!(large >= 1);
    // From now on the cluster takes version 0 only.
    world.faults.set_takes_v1(false);
    settle_all(&world).await;
    world.check().await;
    assert_eq!(count(&world, "batches WHERE octet_length(entries) > 1232").await, 0);
    assert_eq!(count(&world, "transactions WHERE version <> 0").await, 0);
    assert_eq!(count(&world, "plans").await, 1, "batches stay with their plan");
    // Back to version 1: small batches are sent in it as well.
    world.faults.set_takes_v1(true);
    world.window(0, Kind::Views, &views(2, 400, 1_500)).await;
    settle_all(&world).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_batch_never_changes() {
    let world = World::new(Size { contents: 400, ..Size::default() }).await;
    world.window(0, Kind::Views, &views(1, 400, 1_500)).await;
    world.faults.script(|call, _| if call == Call::Send { Fault::Hang } else { Fault::None });
    let app = world.app.clone();
    let pass = tokio::spawn(async move {
        let _ = settle_once(&app, &owner(), Timing::Now, &CancellationToken::new()).await;
    });
    eventually("sending", async || world.faults.calls(Call::Send) == 1).await;
    pass.abort();
    let _ = pass.await;
    world.faults.heal();
    end_leases(&world).await;
    let signed = "batches WHERE sequence = 1 AND octet_length(entries) > 1232";
    world.faults.set_takes_v1(false);
    world.chain.advance(Duration::from_secs(70)).await.expect("time passes");
    let alarm = settle(&world).await.shards[0].blocked.clone().expect("an alarm");
    assert_eq!(alarm.cause, "too_large");
    assert_eq!(count(&world, signed).await, 1);
    world.faults.set_takes_v1(true);
    settle_all(&world).await;
    world.check().await;
    assert_eq!(count(&world, signed).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_cut_for_a_lower_cap() {
    let world = World::new(Size { contents: 400, ..Size::default() }).await;
    world.window(0, Kind::Views, &views(1, 400, 1_500)).await;
    plan_only(&world).await;
    let before = count(&world, "batches").await;
    // A view is worth up to 1,000 base units: no more than 1,000 views a batch.
    world.set(pixr::state::Settings { batch_cap: 1_000_000, ..SETTINGS }).await;
    settle_all(&world).await;
    world.check().await;
    assert!(count(&world, "batches").await > 50 * before);
    // And for one so low that entries have to be cut.
    world.set(pixr::state::Settings { batch_cap: 20_000, ..SETTINGS }).await;
    let entry = Entry { content: 7, views: 95, relevance: 10_000 };
    world.window(0, Kind::Views, &[entry]).await;
    let summary = settle_all(&world).await;
    assert_eq!(summary.settled().batches, 5);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_worth_more_than_the_cap_is_an_alarm() {
    let world = World::new(Size::default()).await;
    world.set(pixr::state::Settings { batch_cap: 999, ..SETTINGS }).await;
    world.window(0, Kind::Views, &[Entry { content: 7, views: 1, relevance: 10_000 }]).await;
    let alarm = settle(&world).await.shards[0].blocked.clone().expect("an alarm");
    assert_eq!(alarm.cause, "BatchCapExceeded");
    world.set(SETTINGS).await;
    settle_all(&world).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_do_not_wait_for_a_refused_reversal() {
    let world = World::new(Size::default()).await;
    let entry = |content, views| Entry { content, views, relevance: 10_000 };
    world.window(0, Kind::Views, &[entry(1, 10)]).await;
    settle_all(&world).await;
    // More than the content has, until more views come.
    world.window(0, Kind::Reversal, &[entry(1, 15)]).await;
    let alarm = settle(&world).await.shards[0].blocked.clone().expect("an alarm");
    assert_eq!(alarm.cause, "ReversalExceedsViews");
    assert!(alarm.retry_in <= world.app.config.settlement.batch_interval_ms.duration());
    world.window(0, Kind::Views, &[entry(2, 20)]).await;
    let summary = settle(&world).await;
    assert_eq!(summary.settled().batches, 1);
    assert_eq!(summary.shards[0].blocked.as_ref().expect("an alarm").cause, "ReversalExceedsViews");
    assert_eq!(world.slots(0).await.contents[2].views, 20);
    world.window(0, Kind::Views, &[entry(1, 8)]).await;
    assert_eq!(settle_all(&world).await.settled().batches, 2);
    world.check().await;
    assert_eq!(world.slots(0).await.contents[1].views, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keeper_must_have_its_role() {
    let world = World::new(Size::default()).await;
    let admin = world.app.keys.key(Purpose::Admin);
    let hand = |to| world.app.platform.set_role(admin.pubkey(), pixr::state::Role::Keeper, to);
    world.run(&[hand(admin.pubkey())], &[&admin]).await;
    world.window(0, Kind::Views, &[Entry { content: 7, views: 1, relevance: 1 }]).await;
    let alarm = settle(&world).await.shards[0].blocked.clone().expect("an alarm");
    let keeper = world.app.keys.address(Purpose::Keeper);
    assert_eq!(alarm.cause, "NotKeeper");
    assert!(alarm.advice.contains(&keeper.to_string()));
    world.run(&[hand(keeper)], &[&admin]).await;
    settle_all(&world).await;
    world.check().await;
}
