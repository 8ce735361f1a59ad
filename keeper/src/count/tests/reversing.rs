use super::{
    findings::{Finding, Outcome},
    *,
};
use crate::store::schema::reversed_events;

async fn report(scene: &Scene, events: &[Finding]) -> Outcome {
    let config = CountingConfig::default();
    findings::report(&scene.pool, &*scene.log, &config, "analyst", "bots", events).await.unwrap()
}

fn finding(event: &ViewEvent) -> Finding {
    Finding { event: event.id, at_ms: Some(event.at_ms) }
}

#[tokio::test(flavor = "multi_thread")]
async fn counted_views_are_taken_back_once() {
    let scene = Scene::new().await;
    let counter = scene.counter("a").await;
    let now = Utc::now();
    let events: Vec<_> = (1..=10).map(|n| event(n, n as u8, (n % 3 + 1) as u8, now)).collect();
    scene.append(&events[..6]).await;
    let duplicate = event(20, 1, 2, now);
    let last = scene.append(&[&events[6..], &[duplicate]].concat()).await;
    scene.counted(last).await;
    counter.stop().await;
    let waiting = event(30, 30, 1, now);
    scene.append(&[waiting]).await;

    let unknown = event(99, 99, 1, now);
    let named = [events[0], events[6], events[0], duplicate, unknown, waiting];
    let findings: Vec<_> = named.iter().map(finding).collect();
    let outcome = report(&scene, &findings).await;
    let expected = Outcome {
        finding: Some(1),
        reversed: 2,
        already_reversed: 0,
        not_counted: 1,
        pending: 1,
        unknown: 1,
    };
    assert_eq!(outcome, expected);
    let reversals = |credits: Credits| -> Credits {
        credits.into_iter().filter(|((kind, ..), _)| kind == "reversal").collect()
    };
    let mut booked = Credits::new();
    for event in [&events[0], &events[6]] {
        let (_, shard, relevance, content) = credit(event);
        *booked.entry(("reversal".into(), shard, relevance, content)).or_default() += 1;
    }
    assert_eq!(reversals(scene.credits().await), booked);

    // Again, without a hint: one more, and the others not twice.
    let findings: Vec<_> = [events[0], events[1], events[6]]
        .iter()
        .map(|event| Finding { event: event.id, at_ms: None })
        .collect();
    let outcome = report(&scene, &findings).await;
    assert_eq!((outcome.reversed, outcome.already_reversed), (1, 2));
    assert_eq!(reversals(scene.credits().await).values().sum::<u64>(), 3);
    let outcome = report(&scene, &findings).await;
    assert_eq!((outcome.finding, outcome.reversed, outcome.already_reversed), (None, 0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_at_once_take_back_once() {
    let scene = Scene::new().await;
    let counter = scene.counter("a").await;
    let now = Utc::now();
    let events: Vec<_> = (1..=30).map(|n| event(n, n as u8, 1, now)).collect();
    let last = scene.append(&events).await;
    scene.counted(last).await;
    counter.stop().await;
    let forward: Vec<_> = events.iter().map(finding).collect();
    let mut backward = forward.clone();
    backward.reverse();
    let (one, two) = tokio::join!(report(&scene, &forward), report(&scene, &backward));
    assert_eq!(one.reversed + two.reversed, 30);
    let taken: u64 = scene
        .credits()
        .await
        .iter()
        .filter(|((kind, ..), _)| kind == "reversal")
        .map(|(_, views)| views)
        .sum();
    assert_eq!(taken, 30);
    let rows: i64 = reversed_events::table
        .count()
        .get_result(&mut scene.pool.get().await.unwrap())
        .await
        .unwrap();
    assert_eq!(rows, 30);
}

/// A content that another shard got later is taken back where it counted.
#[tokio::test(flavor = "multi_thread")]
async fn views_are_taken_back_in_the_shard_that_has_them() {
    let scene = Scene::new().await;
    let counter = scene.counter("a").await;
    let now = Utc::now();
    scene.register(1, 200).await;
    let before = event(1, 1, 200, now);
    let last = scene.append(&[before]).await;
    scene.counted(last).await;
    scene.register(0, 200).await;
    // Something unknown, so that the counter looks for new contents.
    let after = event(2, 2, 200, now);
    let looked = scene.append(&[event(3, 3, 250, now)]).await;
    scene.counted(looked).await;
    let last = scene.append(&[after]).await;
    scene.counted(last).await;
    counter.stop().await;
    report(&scene, &[finding(&before)]).await;
    report(&scene, &[finding(&after)]).await;
    let shards: Vec<_> =
        scene.credits().await.into_keys().map(|(kind, shard, ..)| (kind, shard)).collect();
    let expected = [("reversal", 0), ("reversal", 1), ("views", 0), ("views", 1)];
    assert_eq!(shards, expected.map(|(kind, shard)| (kind.to_owned(), shard)));
}
