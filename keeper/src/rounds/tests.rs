use anchor_lang::prelude::Pubkey;
use pixr::state::{Position, Round, RoundKind, RoundStatus, RoundTerms};

use super::Care;
use crate::{
    app::{App, Ledger},
    index::{
        self,
        rounds::{self, RoundStatus as Indexed},
        testing::{
            World,
            rounds::{Investor, SUPPORT, TERMS},
        },
    },
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// More passes than any of these needs.
const PASSES_MAX: usize = 10;

const PROMOTION: RoundTerms = RoundTerms { kind: RoundKind::Promotion, ..TERMS };

async fn world() -> (World, App) {
    let mut world = World::new().await;
    world.settle(0, &[(0, 1_000, 10_000), (1, 500, 10_000)]).await;
    let app = world.app(world.chain.clone());
    index::catch_up(&app).await.unwrap();
    (world, app)
}

/// Passes until nothing is left to do; returns how many operations landed.
async fn care(app: &App) -> u64 {
    let mut landed = 0;
    for _ in 0..PASSES_MAX {
        index::catch_up(app).await.unwrap();
        let now = Care::new(app).pass().await.unwrap();
        landed += now;
        if now == 0 {
            return landed;
        }
    }
    panic!("there is always something to do");
}

/// What the token account has that the keeper pays a wallet into.
async fn paid(app: &App, owner: &Investor) -> u64 {
    let ledger = Ledger::finalized(app);
    let tokens = ledger.tokens_of(&owner.address());
    ledger.token_account(&tokens).await.unwrap().map_or(0, |account| account.amount)
}

async fn indexed(app: &App, round: &Pubkey) -> Indexed {
    rounds::round(&app.store, round).await.unwrap().unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn support_is_delivered_and_closed_at_once() {
    let (world, app) = world().await;
    let anna = world.investor(1 << 30).await;
    let round = world.open_round(0, 1, SUPPORT).await;
    let position = world.invest(round, &anna, SUPPORT.target).await;
    let before = Ledger::finalized(&app).creator(0, 0).await.unwrap().slot.balance;
    // Delivery; the last claim, which closes the position; the round.
    world.wait(1).await;
    assert_eq!(care(&app).await, 1);
    world.wait(1).await;
    assert_eq!(care(&app).await, 2);
    let after = Ledger::finalized(&app).creator(0, 0).await.unwrap().slot.balance;
    assert_eq!(after - before, SUPPORT.target);
    assert!(world.state::<Position>(&position).await.is_none());
    assert!(world.state::<Round>(&round).await.is_none());
    assert_eq!(indexed(&app, &round).await, Indexed::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_waits_for_its_baseline_and_is_paid_out_at_the_end() {
    let (mut world, app) = world().await;
    let (anna, bert) = (world.investor(1 << 30).await, world.investor(1 << 30).await);
    let round = world.open_round(0, 0, PROMOTION).await;
    world.invest(round, &anna, 300_000).await;
    world.invest(round, &bert, 100_000).await;
    world.wait(HOUR - 60).await;
    assert_eq!(care(&app).await, 0);
    world.wait(61).await;
    assert_eq!(care(&app).await, 1);
    let delivered: Round = world.state(&round).await.unwrap();
    assert_eq!(delivered.status, RoundStatus::Delivered);
    assert_eq!(delivered.manifest_hash, PROMOTION.plan_hash);

    world.wait(60).await;
    world.settle(0, &[(0, 50_000, 10_000)]).await;
    assert_eq!(care(&app).await, 0);
    let owed = Ledger::finalized(&app).owed(&delivered).await.unwrap();
    assert!(owed > 0);
    world.wait(DAY + HOUR).await;
    // The lane, two positions, the round.
    assert_eq!(care(&app).await, 4);
    assert!(world.state::<Round>(&round).await.is_none());
    let (first, second) = (paid(&app, &anna).await, paid(&app, &bert).await);
    assert_eq!((first, second), (owed * 3 / 4, owed / 4));
    assert_eq!(indexed(&app, &round).await, Indexed::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn investments_of_a_failed_round_go_back_after_the_deadline() {
    let (world, app) = world().await;
    let (anna, bert) = (world.investor(1 << 30).await, world.investor(1 << 30).await);
    let missed = world.open_round(0, 0, TERMS).await;
    world.invest(missed, &anna, 1_234).await;
    world.invest(missed, &bert, 4_321).await;
    let cancelled = world.open_round(0, 1, TERMS).await;
    world.invest(cancelled, &anna, 77).await;
    world.cancel_round(cancelled).await;
    let unmade = world.open_round(0, 1, TERMS).await;
    world.invest(unmade, &bert, TERMS.target).await;
    // Before the deadline only the owners may ask; what is funded waits for an upgrade that nobody
    // has a plan of.
    assert_eq!(care(&app).await, 0);
    world.wait(2 * DAY).await;
    assert_eq!(care(&app).await, 5);
    assert_eq!((paid(&app, &anna).await, paid(&app, &bert).await), (1_311, 4_321));
    world.wait(2 * DAY).await;
    assert_eq!(care(&app).await, 2);
    assert_eq!(paid(&app, &bert).await, 4_321 + TERMS.target);
    for round in [missed, cancelled, unmade] {
        assert!(world.state::<Round>(&round).await.is_none());
    }
}
