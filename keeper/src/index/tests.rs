use std::{sync::Arc, time::Duration};

use diesel::{ExpressionMethods, QueryDsl, sql_query};
use diesel_async::RunQueryDsl;
use object_store::ObjectStoreExt;
use tokio_util::sync::CancellationToken;

use super::{
    files::{self, BatchFile, Digest, TailFile},
    testing::{Bad, World, packed},
    *,
};
use crate::{
    chain::{Chain, events::events},
    store::schema::{batches, chain_events, contents, creators, plans, publications, shards},
};

async fn names(world: &World) -> Vec<String> {
    let mut connection = world.store.get().await.unwrap();
    let names = chain_events::table.select(chain_events::name).order(chain_events::id);
    names.load(&mut connection).await.unwrap()
}

/// The names of the platform's events as the chain has them.
async fn names_on_chain(world: &World) -> Vec<String> {
    let history = world.chain.history(&world.platform().address, None, usize::MAX).await.unwrap();
    let all = history.iter().flat_map(|transaction| events(transaction).events);
    all.map(|event| event.name().to_owned()).collect()
}

async fn file(world: &World, sequence: u64) -> BatchFile {
    files::read(&world.read(&world.place(0).batch_path(sequence)).await).unwrap()
}

async fn tail(world: &World) -> TailFile {
    files::read(&world.read(&world.place(0).tail_path()).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_indexed_once_in_order() {
    let mut world = World::new().await;
    let platform = world.platform().address;
    let first = index_once(&world.store, &*world.chain, &platform).await.unwrap();
    assert_eq!(first.events, names_on_chain(&world).await.len());
    let again = index_once(&world.store, &*world.chain, &platform).await.unwrap();
    assert_eq!(again, Indexed::default());

    world.live().await;
    // Two at once, as two keepers: what one stores, the other does not.
    let one = index_once(&world.store, &*world.chain, &platform);
    let other = index_once(&world.store, &*world.chain, &platform);
    let (one, other) = tokio::join!(one, other);
    let new = names_on_chain(&world).await.len() - first.events;
    assert_eq!(one.unwrap().events + other.unwrap().events, new);
    assert_eq!(names(&world).await, names_on_chain(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_copied_once() {
    let mut world = World::new().await;
    let second = world.open_shard(1_000).await;
    for number in 0..7 {
        world.register_creator(second, Pubkey::new_from_array([number + 1; 32])).await;
        world.register_content(second, number.into(), [number + 10; 16]).await;
    }
    let (store, chain, platform) = (&world.store, &*world.chain, &world.platform().address.clone());
    index_once(store, chain, platform).await.unwrap();
    let all =
        [registry::sync_all(store, chain, platform), registry::sync_all(store, chain, platform)];
    for copied in futures::future::join_all(all).await {
        assert_eq!(copied.unwrap(), registry::Copied::default(), "the indexer has copied them");
    }
    let mut connection = store.get().await.unwrap();
    let found: Vec<(i32, String)> = shards::table
        .select((shards::number, shards::address))
        .load(&mut connection)
        .await
        .unwrap();
    let expected = world.shards.iter().map(|(address, _)| address.to_string());
    assert_eq!(found, (0..).zip(expected).collect::<Vec<_>>());
    let found: Vec<(i32, String)> = creators::table
        .filter(creators::shard.eq(1))
        .order(creators::creator)
        .select((creators::creator, creators::authority))
        .load(&mut connection)
        .await
        .unwrap();
    let authority = |number: i32| Pubkey::new_from_array([number as u8 + 1; 32]).to_string();
    assert_eq!(found, (0..7).map(|number| (number, authority(number))).collect::<Vec<_>>());
    let found: Vec<(i32, i32, Vec<u8>)> = contents::table
        .filter(contents::shard.eq(1))
        .order(contents::content)
        .select((contents::content, contents::creator, contents::id))
        .load(&mut connection)
        .await
        .unwrap();
    let content = |number: i32| (number, number, vec![number as u8 + 10; 16]);
    assert_eq!(found, (0..7).map(content).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_are_not_there_yet_are_not_copied() {
    let world = World::new().await;
    world.index().await;
    world.register_content(0, 0, [9; 16]).await;
    let mut bad = Bad::new(&world.chain);
    // The node with the slots is behind the one with the header.
    bad.alter = Some(Box::new(|_, account| {
        for at in 0..account.data.len().saturating_sub(16) {
            if account.data[at..at + 16] == [9; 16] {
                account.data[at..at + 56].fill(0);
            }
        }
    }));
    let platform = world.platform().address;
    let refused = registry::sync_all(&world.store, &bad, &platform).await;
    assert!(matches!(refused, Err(IndexError::NoShard(_))), "{refused:?}");
    bad.alter = None;
    let copied = registry::sync_all(&world.store, &bad, &platform).await.unwrap();
    assert_eq!(copied, registry::Copied { creators: 0, contents: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_platforms_is_left_out() {
    let world = World::new().await;
    let other = World::on(world.chain.clone()).await;
    let tip = |world: &World| {
        let (shard, amount) = (world.place(0).address, 1_000);
        world.platform().tip(world.key(), world.tokens, shard, 0, amount, String::new())
    };
    // In one transaction, so that it is in the history of both.
    world.run(&[tip(&other), tip(&world)], &[&other.scene.key]).await;
    for world in [&world, &other] {
        world.publish().await;
        assert_eq!(names(world).await.iter().filter(|name| *name == "Tipped").count(), 1);
        assert_eq!(tail(world).await.changes.len(), 2, "funding and the tip");
    }
    let opened = names(&world).await.into_iter().filter(|name| name == "ShardOpened");
    assert_eq!(opened.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_leaves_no_gap() {
    let mut world = World::new().await;
    let mut bad = Bad::new(&world.chain);
    bad.unsteady = true;
    let (app, stop) = (world.app(Arc::new(bad)), CancellationToken::new());
    // Two keepers; one of them works.
    let tasks = ["a", "b"].map(|owner| tokio::spawn(run(app.clone(), owner.into(), stop.clone())));
    world.live().await;
    let expected = names_on_chain(&world).await;
    let caught_up = async {
        while names(&world).await != expected
            || world.objects.get(&world.place(0).batch_path(6)).await.is_err()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), caught_up).await.expect("everything is indexed");
    stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_in_the_history_is_told() {
    let mut world = World::new().await;
    let platform = world.platform().address;
    world.index().await;
    world.live().await;
    let bad = Bad::new(&world.chain);
    bad.forgetful.store(true, std::sync::atomic::Ordering::Relaxed);
    let refused = index_once(&world.store, &bad, &platform).await.unwrap_err();
    let cursor = world.chain.history(&platform, None, usize::MAX).await.unwrap();
    assert!(matches!(refused, IndexError::Hole { .. }), "{refused}");
    assert!(!refused.can_retry());
    assert!(cursor.iter().any(|known| refused.to_string().contains(&known.signature.to_string())));
    // The endpoint is exchanged for one that knows.
    world.index().await;
    assert_eq!(names(&world).await, names_on_chain(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_tell_everything_in_order() {
    let mut world = World::new().await;
    world.live().await;
    world.publish().await;

    let first = file(&world, 1).await;
    assert_eq!(first.previous_file, None);
    assert_eq!(first.previous_hash, Digest::default());
    assert_eq!(first.contents, [files::Registered { first: 0, count: 3, quality: 10_000 }]);
    assert_eq!(first.entries, packed(&[(0, 1_000, 10_000), (1, 7, 10_000), (2, 333, 10_000)]));
    assert_eq!((first.batch.views, first.batch.amount), (1_340, 1_340_000));
    let changes = |file: &BatchFile| file.changes.iter().map(|it| it.change).collect::<Vec<_>>();
    let funded = 1 << 60;
    assert_eq!(changes(&first), [files::Change::Funded { amount: funded }]);

    let second = file(&world, 2).await;
    assert_eq!(
        changes(&second),
        [
            files::Change::Quality { content: 1, before: 10_000, after: 3_333 },
            files::Change::Tip { creator: 1, net: 921, platform_fee: 50, processing_fee: 29 },
        ]
    );
    assert_eq!(second.batch.amount, 2_999 + 2_589);

    let third = file(&world, 3).await;
    assert_eq!(third.batch.kind.0, crate::settle::Kind::Reversal);
    assert_eq!((third.batch.views, third.batch.amount), (550, 516_665));
    let fifth = file(&world, 5).await;
    assert_eq!(
        changes(&fifth),
        [
            files::Change::Requested { creator: 0, amount: 111 },
            files::Change::Cancelled { creator: 0, amount: 111 },
            files::Change::Executed { creator: 0, amount: 300_000 },
            files::Change::FeesCollected { platform_fees: 50, processing_fees: 29 },
        ]
    );
    for sequence in 2..=6 {
        let before = world.read(&world.place(0).batch_path(sequence - 1)).await;
        assert_eq!(file(&world, sequence).await.previous_file, Some(Digest::of(&before)));
    }
    let tail = tail(&world).await;
    assert_eq!(tail.sequence, 6);
    let (net, platform_fee, processing_fee) = (71_632, 3_889, 2_256);
    let tip = files::Change::Tip { creator: 0, net, platform_fee, processing_fee };
    assert_eq!(tail.changes.iter().map(|it| it.change).collect::<Vec<_>>(), [tip]);
    let history = world.chain.history(&world.platform().address, None, usize::MAX).await.unwrap();
    assert_eq!(tail.through, history.last().unwrap().signature);
}

/// Every published file by path.
async fn everything(world: &World) -> Vec<(String, Vec<u8>)> {
    use futures::TryStreamExt;

    let mut files = Vec::new();
    let listed: Vec<_> = world.objects.list(None).try_collect().await.unwrap();
    for meta in listed {
        files.push((meta.location.to_string(), world.read(&meta.location).await));
    }
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_again_writes_the_same_bytes() {
    let mut world = World::new().await;
    // In two parts, as a keeper does that is always at it.
    let mut publisher = world.publisher();
    world.settle(0, &[(0, 1, 1)]).await;
    world.index().await;
    assert_eq!(publisher.publish_once().await.unwrap().batches, 1);
    world.tip(0, 0, 1_000).await;
    world.index().await;
    assert_eq!(publisher.publish_once().await.unwrap().batches, 0);
    assert_eq!(tail(&world).await.changes.len(), 1);
    for _ in 0..4 {
        world.settle(0, &[(1, 5, 10_000)]).await;
    }
    world.index().await;
    assert_eq!(publisher.publish_once().await.unwrap().batches, 4);
    let expected = everything(&world).await;
    assert_eq!(expected.len(), 5 + 2);

    // A keeper that died after it had written files, before it stored that it had.
    let mut connection = world.store.get().await.unwrap();
    let position = "UPDATE publications SET sequence = 2, event = (
        SELECT id FROM chain_events WHERE name = 'BatchSettled' AND sequence = 2)";
    sql_query(position).execute(&mut connection).await.unwrap();
    assert_eq!(world.publisher().publish_once().await.unwrap().batches, 3);
    assert_eq!(everything(&world).await, expected);

    // A store that has lost its files.
    world.objects.delete(&world.place(0).batch_path(5)).await.unwrap();
    world.objects.delete(&world.place(0).batch_path(2)).await.unwrap();
    assert_eq!(world.publisher().publish_once().await.unwrap().batches, 5);
    assert_eq!(everything(&world).await, expected);
    // The publisher that went on all the time finds that its position is not its own any more.
    sql_query("UPDATE publications SET sequence = 1").execute(&mut connection).await.unwrap();
    world.settle(0, &[(1, 5, 10_000)]).await;
    world.index().await;
    publisher.publish_once().await.unwrap();
    let position: i64 =
        publications::table.select(publications::sequence).first(&mut connection).await.unwrap();
    assert_eq!(position, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_come_from_the_plan_where_it_is_what_landed() {
    let mut world = World::new().await;
    world.settle(0, &[(0, 1, 1)]).await;
    world.settle(0, &[(1, 2, 2)]).await;
    world.index().await;
    let mut connection = world.store.get().await.unwrap();
    let plan =
        (plans::shard.eq(0), plans::kind.eq("views"), plans::planned_at.eq(chrono::Utc::now()));
    diesel::insert_into(plans::table).values(plan).execute(&mut connection).await.unwrap();
    let plan: i64 = plans::table.select(plans::id).first(&mut connection).await.unwrap();
    let header = world.header(0).await;
    let batch = |sequence: i64, entries: Vec<u8>, hash: [u8; 32]| {
        (
            batches::shard.eq(0),
            batches::sequence.eq(sequence),
            batches::kind.eq("views"),
            batches::plan.eq(plan),
            batches::entries.eq(entries),
            batches::hash.eq(hash.to_vec()),
            batches::credits.eq(1),
            batches::views.eq(1),
            batches::oldest_at.eq(chrono::Utc::now()),
        )
    };
    // Another keeper's batch 1 landed; batch 2 is the planned one.
    let planned =
        [batch(1, packed(&[(0, 9, 9)]), [1; 32]), batch(2, packed(&[(1, 2, 2)]), header.hash)];
    for row in planned {
        diesel::insert_into(batches::table).values(row).execute(&mut connection).await.unwrap();
    }
    world.publisher().publish_once().await.unwrap();
    assert_eq!(file(&world, 1).await.entries, packed(&[(0, 1, 1)]));
    assert_eq!(file(&world, 2).await.entries, packed(&[(1, 2, 2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_does_not_chain_is_never_published() {
    let mut world = World::new().await;
    world.settle(0, &[(0, 1, 1)]).await;
    world.index().await;
    let mut connection = world.store.get().await.unwrap();
    let forge =
        "UPDATE chain_events SET data = jsonb_set(data, '{hash}', to_jsonb(repeat('00', 32)))
                 WHERE name = 'BatchSettled'";
    sql_query(forge).execute(&mut connection).await.unwrap();
    let refused = world.publisher().publish_once().await.unwrap_err();
    assert!(refused.to_string().contains("does not follow"), "{refused}");
    assert!(!everything(&world).await.iter().any(|(path, _)| path.ends_with("1.json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_off_costs_no_content() {
    let world = World::new().await;
    let (me, shard, platform) = (world.key(), world.place(0).address, world.platform());
    let register = |number| platform.register_content(me, shard, me, 0, [number; 16]);
    // So much that the log does not hold all of it.
    let tip = platform.tip(me, world.tokens, shard, 0, 1_000, "x".repeat(256));
    let mut instructions = vec![tip; 8];
    instructions.extend((50..62).map(register));
    world.run(&instructions, &[]).await;
    world.index().await;
    let registered = names(&world).await.iter().filter(|it| *it == "ContentRegistered").count();
    assert!(registered < 14, "the log is cut off");
    let mut connection = world.store.get().await.unwrap();
    let copied: i64 = contents::table.count().get_result(&mut connection).await.unwrap();
    assert_eq!(copied, 14);
    // The next content tells of those before it.
    world.run(&[register(62)], &[]).await;
    world.publish().await;
    let contents = [files::Registered { first: 0, count: 15, quality: 10_000 }];
    assert_eq!(tail(&world).await.contents, contents);
}
