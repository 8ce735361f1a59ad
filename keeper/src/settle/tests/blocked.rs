//! What an operator has to mend, or time.

use pixr::constants::SECONDS_PER_DAY;

use super::*;
use crate::{
    chain::{Chain, testing::SETTINGS},
    settle::Blocked,
    testing::{
        faults::{Call, Fault},
        world::Size,
    },
};

async fn blocked(world: &World) -> Blocked {
    settle(world).await.shards[0].blocked.clone().expect("an alarm")
}

fn ten(content: u64) -> Entry {
    // Worth 10,000 base units.
    Entry { content, views: 10, relevance: 10_000 }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_budget_waits_for_funds() {
    let world = World::new(Size { budget: 25_000, ..Size::default() }).await;
    world.window(0, Kind::Views, &[ten(0), ten(1)]).await;
    settle_all(&world).await;
    world.window(0, Kind::Views, &[ten(2)]).await;
    let alarm = blocked(&world).await;
    assert_eq!((alarm.cause.as_str(), alarm.advice.as_str()), ("BudgetExhausted", "fund shard 0"));
    assert_eq!(count(&world, "transactions").await, 1, "nothing was signed");
    world.fund(world.shards[0], 10_000).await;
    settle_all(&world).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_of_a_day_waits_for_the_next() {
    let settings = pixr::state::Settings { day_cap: 15_000, batch_cap: 15_000, ..SETTINGS };
    let world = World::new(Size { settings, ..Size::default() }).await;
    let now = u64::try_from(world.chain.time().await.expect("a time").unix_seconds).expect("now");
    let until_midnight = Duration::from_secs(SECONDS_PER_DAY - now % SECONDS_PER_DAY);
    world.window(0, Kind::Views, &[ten(0)]).await;
    settle_all(&world).await;
    world.window(0, Kind::Views, &[ten(1)]).await;
    let alarm = blocked(&world).await;
    assert_eq!(alarm.cause, "DayCapExceeded");
    assert!(alarm.retry_in <= Duration::from_secs(60) && alarm.retry_in <= until_midnight);
    world.chain.advance(until_midnight).await.expect("time passes");
    settle_all(&world).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_is_told_to_stop() {
    let world = World::new(Size::default()).await;
    world.window(0, Kind::Views, &[ten(0)]).await;
    settle_all(&world).await;
    world.window(0, Kind::Views, &[ten(1)]).await;
    settle_all(&world).await;
    // What a backup from before the second batch would have.
    sql(&world, "UPDATE windows SET plan = NULL WHERE plan = 2").await;
    sql(&world, "DELETE FROM transactions WHERE sequence = 2").await;
    sql(&world, "DELETE FROM batches WHERE sequence = 2").await;
    let alarm = blocked(&world).await;
    assert_eq!(alarm.cause, "chain_ahead");
    let reason = "shard 0: the chain waits for batch 3, but this database ends with batch 1";
    assert!(alarm.reason.starts_with(reason), "{alarm}");
    assert_eq!(count(&world, "batches").await, 1, "nothing was planned");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_batches_in_place_of_ours_are_noticed() {
    let world = World::new(Size::default()).await;
    world.window(0, Kind::Views, &[ten(0)]).await;
    settle_all(&world).await;
    sql(&world, "UPDATE batches SET hash = decode(repeat('ab', 32), 'hex')").await;
    world.window(0, Kind::Views, &[ten(1)]).await;
    assert_eq!(blocked(&world).await.cause, "hash_differs");
    assert_eq!(count(&world, "batches").await, 1, "nothing was planned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_goes_on_where_the_chain_is() {
    let world = World::new(Size::default()).await;
    world.window(0, Kind::Views, &[ten(0)]).await;
    settle_all(&world).await;
    // Everything of the first batch is gone, its window too.
    for table in ["transactions", "batches", "windows", "plans"] {
        sql(&world, &format!("DELETE FROM {table}")).await;
    }
    world.window(0, Kind::Views, &[ten(1)]).await;
    settle_all(&world).await;
    let slots = world.slots(0).await;
    assert_eq!(slots.header.next_sequence, 3);
    assert_eq!((slots.contents[0].views, slots.contents[1].views), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_refuses_for_good_is_an_alarm() {
    let world = World::new(Size::default()).await;
    world.window(0, Kind::Views, &[ten(0)]).await;
    world.faults.script(|call, _| match call {
        Call::Simulate => Fault::Invalid,
        _ => Fault::None,
    });
    let alarm = blocked(&world).await;
    assert_eq!(alarm.cause, "chain");
    assert!(alarm.reason.contains("no such method"), "{alarm}");
    world.faults.heal();
    settle_all(&world).await;
    world.check().await;
}
