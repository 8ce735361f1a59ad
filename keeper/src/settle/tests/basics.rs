use super::*;
use crate::testing::world::Size;

#[tokio::test(flavor = "multi_thread")]
async fn windows_become_balances() {
    let size = Size { shards: 2, contents: 400, creators: 50, ..Size::default() };
    let world = World::new(size).await;
    for seed in 0..6 {
        for shard in 0..2 {
            world
                .window(shard, Kind::Views, &views(seed + 100 * u64::from(shard), 400, 1_500))
                .await;
        }
        if seed % 3 == 2 {
            settle_all(&world).await;
            world.check().await;
        }
    }
    let summary = settle_all(&world).await;
    assert_eq!(summary.settled().batches, 0, "nothing is left");
    assert_eq!(count(&world, "windows WHERE plan IS NULL").await, 0);
    assert_eq!(count(&world, "transactions WHERE outcome <> 'finalized'").await, 0);
    let known = "transactions WHERE fee_lamports >= 5000 AND compute_units > 0 AND slot > 0 \
                 AND confirmed_at IS NOT NULL";
    let batches = count(&world, "batches WHERE signature IS NOT NULL").await;
    assert!(batches >= 4);
    assert_eq!(count(&world, known).await, batches);
}

#[tokio::test(flavor = "multi_thread")]
async fn reversals_come_after_their_views() {
    let world = World::new(Size::default()).await;
    let all = views(1, 16, 40);
    world.window(0, Kind::Views, &all).await;
    world.window(0, Kind::Reversal, &all[..20]).await;
    world.window(0, Kind::Views, &views(2, 16, 40)).await;
    world.window(0, Kind::Reversal, &all[20..]).await;
    let summary = settle_all(&world).await;
    world.check().await;
    assert_eq!(count(&world, "plans WHERE kind = 'reversal'").await, 1);
    assert_eq!(summary.settled().batches, 2);
    assert!(summary.settled().fees_lamports >= 10_000);
}
