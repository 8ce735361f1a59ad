use super::*;
use crate::{store::schema::shards, testing::TestPostgres};

pub async fn open_shard(pool: &Pool, number: i32) {
    let text = format!("shard-{number}");
    diesel::insert_into(shards::table)
        .values((
            shards::number.eq(number),
            shards::address.eq(&text),
            shards::vault.eq(&text),
            shards::rent_receiver.eq(&text),
            shards::creator_capacity.eq(10),
            shards::content_capacity.eq(1_000_000),
            shards::lane_capacity.eq(0),
        ))
        .execute(&mut pool.get().await.unwrap())
        .await
        .unwrap();
}

async fn add(pool: &Pool, shard: i32, content: i32, id: &str) {
    let id: ContentId = id.parse().unwrap();
    diesel::insert_into(contents::table)
        .values((
            contents::shard.eq(shard),
            contents::content.eq(content),
            contents::creator.eq(0),
            contents::id.eq(id.0.as_slice()),
        ))
        .execute(&mut pool.get().await.unwrap())
        .await
        .unwrap();
}

fn slot(registry: &Registry, id: &str) -> Option<(u32, u32)> {
    registry.look().slot(&id.parse().unwrap()).map(|slot| (slot.shard, slot.content))
}

#[tokio::test(flavor = "multi_thread")]
async fn new_contents_are_found() {
    let TestPostgres { pool, .. } = TestPostgres::start().await;
    let registry = Registry::load(pool.clone()).await.unwrap();
    assert!(registry.look().is_empty());
    for shard in [0, 2, 7] {
        open_shard(&pool, shard).await;
    }
    add(&pool, 2, 0, "two").await;
    add(&pool, 7, 0, "both").await;
    add(&pool, 7, 1, "seven").await;
    let before = Utc::now();
    assert_eq!(slot(&registry, "two"), None);
    registry.refresh(before).await.unwrap();
    assert_eq!(slot(&registry, "two"), Some((2, 0)));
    assert_eq!(slot(&registry, "both"), Some((7, 0)));
    assert_eq!(slot(&registry, "seven"), Some((7, 1)));

    // A shard that comes first takes over.
    add(&pool, 2, 1, "both").await;
    add(&pool, 0, 0, "zero").await;
    // Known already at the time that is asked for.
    registry.refresh(before).await.unwrap();
    assert_eq!(slot(&registry, "zero"), None);
    registry.refresh(Utc::now()).await.unwrap();
    assert_eq!(slot(&registry, "zero"), Some((0, 0)));
    assert_eq!(slot(&registry, "both"), Some((2, 1)));
    assert_eq!(registry.look().len(), 4);

    // And one that comes later does not. A slot waits for those before it.
    add(&pool, 7, 3, "late").await;
    add(&pool, 7, 2, "zero").await;
    registry.refresh(Utc::now()).await.unwrap();
    assert_eq!(slot(&registry, "zero"), Some((0, 0)));
    assert_eq!(slot(&registry, "late"), Some((7, 3)));
    add(&pool, 7, 5, "gap").await;
    registry.refresh(Utc::now()).await.unwrap();
    assert_eq!(slot(&registry, "gap"), None);
    add(&pool, 7, 4, "filled").await;
    registry.refresh(Utc::now()).await.unwrap();
    assert_eq!(slot(&registry, "gap"), Some((7, 5)));
    assert_eq!(slot(&registry, "filled"), Some((7, 4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_are_not_too_frequent() {
    let TestPostgres { pool, .. } = TestPostgres::start().await;
    let registry = Registry::load(pool).await.unwrap();
    let started = Instant::now();
    for _ in 0..4 {
        registry.refresh(Utc::now()).await.unwrap();
    }
    assert!(started.elapsed() >= 3 * REFRESH_INTERVAL);
}

#[test]
fn ten_million_contents_take_less_than_400_megabytes() {
    const SHARDS: u32 = 10;
    const CONTENTS: u32 = 100_000;

    // A tenth of them, and a number at which tables have just doubled at both sizes.
    let mut known = Known::default();
    let id = |shard: u32, content: u32| {
        ContentId((u128::from(shard) << 32 | u128::from(content)).to_be_bytes())
    };
    for shard in 0..SHARDS {
        for page in 0..2 {
            known.reserve(shard, 50_000);
            for content in page * 50_000..(page + 1) * 50_000 {
                known.add(shard, id(shard, content));
            }
        }
    }
    for (shard, content) in [(0, 0), (3, 77_777), (SHARDS - 1, CONTENTS - 1)] {
        assert_eq!(known.slot(&id(shard, content)), Some(Slot { shard, content }));
    }
    assert_eq!(known.slot(&id(SHARDS, 0)), None);
    let ids: usize = known.shards.iter().map(|shard| shard.ids.capacity() * 16).sum();
    let bytes = ids + known.slots.allocation_size();
    let contents = (SHARDS * CONTENTS) as usize;
    assert!(bytes < 40 * contents, "{} bytes a content", bytes / contents);
}

#[test]
fn slots_come_back() {
    for slot in [
        Slot { shard: 0, content: 0 },
        Slot { shard: (1 << 26) - 1, content: (1 << 24) - 1 },
        Slot { shard: 1, content: 1 << 23 },
    ] {
        assert_eq!(Packed::new(slot).slot(), slot);
    }
}
