use anchor_lang::prelude::Pubkey;
use chrono::{DateTime, TimeDelta, Utc};
use pixr::state::{RoundKind, RoundTerms};

use super::*;
use crate::{
    app::App,
    chain::Chain,
    index::{
        self,
        testing::{World, rounds::TERMS},
    },
    views::ContentId,
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const MICRO: i64 = 1_000_000;

/// Content number 0 and 1 of the world.
const IDS: [ContentId; 2] = [ContentId([1; 16]), ContentId([2; 16])];

async fn look(app: &App) -> usize {
    index::catch_up(app).await.unwrap();
    advance(app).await.unwrap()
}

async fn priced(app: &App, content: i32) -> Priced {
    super::content(&app.store, 0, content).await.unwrap().expect("a valuation")
}

async fn now(world: &World) -> DateTime<Utc> {
    let unix_seconds = world.chain.time().await.unwrap().unix_seconds;
    DateTime::from_timestamp(unix_seconds, 0).unwrap()
}

async fn last_totals(app: &App) -> Totals {
    totals(&app.store, 1).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn values_follow_from_the_events_whenever_they_are_taken_in() {
    let mut world = World::new().await;
    let steps = world.app(world.chain.clone());
    // (content, views, relevance, hours before the next)
    let batches = [(0, 1_000, 10_000, 5), (1, 500, 5_000, 40), (0, 200, 8_000, 100), (0, 7, 1, 0)];
    for (content, views, relevance, hours) in batches {
        world.settle(0, &[(content, views, relevance)]).await;
        look(&steps).await;
        world.wait(hours * HOUR).await;
    }
    world.reverse(0, &[(0, 100, 10_000)]).await;
    look(&steps).await;
    assert_eq!(look(&steps).await, 0);

    // An independent reckoning: 1,000 views 145 hours ago, 200 × 0.8 views 100 hours ago.
    let half = |hours: f64| (-hours * 3_600.0 / 524_288.0).exp2();
    let faded = 1_000.0 * half(145.0) + 160.0 * half(100.0) + 0.000_7 - 100.0;
    let row = priced(&steps, 0).await;
    let found = row.views_micro as f64 / MICRO as f64;
    assert!((found - faded).abs() < 0.1, "{found} {faded}");
    let days = 524_288.0 / 86_400.0 / 2_f64.ln() * (1.0 - half(145.0));
    let a_day = row.interest as f64 / MICRO as f64;
    assert!((a_day - faded / days).abs() < 0.1, "{a_day}");
    assert_eq!((row.quality, row.base_rate), (10_000, 1_000_000));

    // Another database that sees all of it at once.
    let other = World { store: crate::testing::TestPostgres::start().await.pool, ..world };
    let whole = other.app(other.chain.clone());
    look(&whole).await;
    let later = now(&other).await + TimeDelta::hours(2);
    assert_eq!(refresh(&steps, later).await.unwrap(), 2);
    assert_eq!(refresh(&whole, later).await.unwrap(), 2);
    assert_eq!(refresh(&whole, later).await.unwrap(), 0);
    for content in [0, 1] {
        let (stepwise, at_once) = (priced(&steps, content).await, priced(&whole, content).await);
        assert!(stepwise.value.abs_diff(at_once.value) <= stepwise.value.unsigned_abs() / 1_000);
    }
    let sum = priced(&steps, 0).await.value + priced(&steps, 1).await.value;
    let all = last_totals(&steps).await;
    assert_eq!((all.value, all.contents), (sum, 2));
    let history = history(&steps.store, 0, 0, 100).await.unwrap();
    assert!(history.len() >= 3 && history.is_sorted_by_key(|point| point.at));
    assert_eq!(history.last().unwrap().value, priced(&steps, 0).await.value);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_searches_takes_the_place_of_the_one_before() {
    let mut world = World::new().await;
    let app = world.app(world.chain.clone());
    world.settle(0, &[(0, 1_000, 10_000)]).await;
    look(&app).await;
    let before = priced(&app, 0).await;
    let at = Utc::now();
    let reports = |searches| {
        let unknown = Report { content: ContentId([9; 16]), at, searches };
        [Report { content: IDS[0], at, searches }, unknown]
    };
    let tell = async |source: &str, searches| {
        let known = report(&app.store, source, &reports(searches), at, 60).await.unwrap();
        assert_eq!(known, 1);
        priced(&app, 0).await.value
    };
    let once = tell("site", 10_000).await;
    assert!(once > before.value);
    assert_eq!(tell("site", 10_000).await, once);
    let less = tell("site", 5_000).await;
    assert!(before.value < less && less < once);
    let both = tell("app", 5_000).await;
    assert!(both.abs_diff(once) <= once.unsigned_abs() / 1_000, "{both} {once}");
    assert_eq!(tell("app", 0).await, less);
    let back = tell("site", 0).await;
    assert!(back.abs_diff(before.value) <= before.value.unsigned_abs() / 1_000);
    assert_eq!(last_totals(&app).await.value, back);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_raises_the_rank_for_its_term_and_pays_nobody() {
    let mut world = World::new().await;
    let app = world.app(world.chain.clone());
    world.settle(0, &[(0, 1_000, 10_000), (1, 800, 10_000)]).await;
    let promotion = RoundTerms { kind: RoundKind::Promotion, target: 1 << 40, ..TERMS };
    let anna = world.investor(1 << 41).await;
    let round = world.open_round(0, 1, promotion).await;
    world.invest(round, &anna, promotion.target).await;
    world.wait(HOUR + 1).await;
    look(&app).await;
    let first = async |at| {
        let ranked = ranking(&app.store, at, 2).await.unwrap();
        (ranked[0].content, ranked.iter().map(|it| it.weight_bps).max().unwrap())
    };
    let earned = async || {
        let shard = crate::app::Ledger::finalized(&app).shard(0).await.unwrap();
        crate::app::Ledger::finalized(&app).content(&shard, 1).await.unwrap().earned
    };
    assert_eq!(first(now(&world).await).await, (IDS[0], 10_000));
    let before = (earned().await, priced(&app, 1).await.interest);
    world.deliver(round, 10_000).await;
    look(&app).await;
    // Paid far more a day than the content earns: nearly twice the weight.
    let (content, weight) = first(now(&world).await).await;
    assert!(content == IDS[1] && (19_900..=20_000).contains(&weight), "{weight}");
    let one = ranking(&app.store, now(&world).await, 1).await.unwrap();
    assert_eq!(one.iter().map(|it| it.content).collect::<Vec<_>>(), [IDS[1]]);
    let end = now(&world).await + TimeDelta::seconds(promotion.term_seconds.into());
    assert_eq!(first(end + TimeDelta::seconds(1)).await, (IDS[0], 10_000));
    let after = (earned().await, priced(&app, 1).await.interest);
    assert_eq!(after.0, before.0);
    assert!(after.1 <= before.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn opportunities_are_the_rounds_that_take_investments() {
    let mut world = World::new().await;
    let app = world.app(world.chain.clone());
    world.settle(0, &[(0, 50_000, 10_000), (1, 500, 10_000)]).await;
    world.set_quality(0, 0, 5_000).await;
    let feature = RoundTerms { kind: RoundKind::Feature, ..TERMS };
    let support = RoundTerms { deadline: TERMS.deadline, ..index::testing::rounds::SUPPORT };
    let small = world.open_round(0, 1, feature).await;
    let large = world.open_round(0, 0, RoundTerms { share_bps: 2_000, ..feature }).await;
    world.open_round(0, 1, support).await;
    let soon = world.open_round(0, 1, RoundTerms { deadline: 60, ..feature }).await;
    world.wait(61).await;
    look(&app).await;
    let found = opportunities(&app, now(&world).await).await.unwrap();
    let rounds: Vec<Pubkey> = found.iter().map(|it| it.round).collect();
    assert_eq!(rounds, [large, small]);
    assert!(!rounds.contains(&soon));
    for it in &found {
        assert!(it.low <= it.expected && it.expected <= it.high && it.high <= it.cap);
        assert_eq!(it.assumptions.views_gained_bps, returns::FEATURE_VIEWS_BPS);
        assert!(!it.assumptions.plan_known && it.doubt_bps >= 3_000);
    }
    // The quality that counts is the one that the chain has now.
    assert_eq!(found[0].assumptions.quality, 5_000);
    assert!(found[0].expected > found[1].expected && found[1].doubt_bps > found[0].doubt_bps);

    let anna = world.investor(1 << 30).await;
    world.invest(large, &anna, 1_000).await;
    look(&app).await;
    let found = opportunities(&app, now(&world).await).await.unwrap();
    assert_eq!(found.iter().find(|it| it.round == large).unwrap().raised, 1_000);
    assert_eq!(priced(&app, 0).await.invested, 1_000);
    world.wait(3 * DAY).await;
    assert!(opportunities(&app, now(&world).await).await.unwrap().is_empty());
}
