//! What rounds do when they are used as they should be.

use pixr::{
    events::*,
    math::returns::part_floor,
    state::{Position, Round, RoundStatus, RoundTerms, shard::link_of},
};
use pixr_client::escrow_address;
use pixr_tests::{
    rounds::{MANIFEST, SUPPORT, TERMS},
    world::{SETTINGS, views},
};
use solana_signer::Signer;

use crate::{
    scene::{ALICE, BUDGET, EARNED, Scene},
    success::event,
};

const DAY: i64 = 86_400;

#[test]
fn the_last_investment_is_cut_to_the_target() {
    let mut scene = Scene::new();
    let round = scene.started_round();
    let before = scene.world.amount(&scene.patron.tokens);
    let patron = scene.patron.key.insecure_clone();
    let meta = scene.world.run(&[scene.invest(round, TERMS.target)], &[&patron]).expect("the rest");
    let rest = TERMS.target - TERMS.target / 10;
    let invested: Invested = event(&meta);
    assert_eq!((invested.amount, invested.invested), (rest, TERMS.target));
    assert_eq!((invested.raised_before, invested.raised_after), (TERMS.target / 10, TERMS.target));
    let funded: RoundFunded = event(&meta);
    let now = scene.world.now();
    assert_eq!(funded.deliver_until, now + i64::from(TERMS.delivery_seconds));
    assert_eq!(before - scene.world.amount(&scene.patron.tokens), rest);
    assert_eq!(scene.world.amount(&escrow_address(&round)), TERMS.target);
    let state: Round = scene.world.read(&round);
    assert_eq!((state.status, state.funded_at, state.positions), (RoundStatus::Funded, now, 1));
}

#[test]
fn a_round_is_paid_by_its_uplift_and_ends_without_a_trace() {
    let mut scene = Scene::new();
    let (shard, patron) = (scene.shard, scene.patron.key.insecure_clone());
    let round = scene.funded_round(TERMS);
    // 100,000 views in two days: the baseline is 50 tokens a day.
    scene.world.settle(&shard, &[views(ALICE, 100_000)]).expect("a batch");
    scene.world.wait(2 * DAY);
    let (deliver, keeper) = (scene.deliver(round, 10_000), scene.keeper());
    let treasury = deliver.accounts[5].pubkey;
    let meta = scene.world.run(&[deliver], &[&keeper]).expect("a delivery");
    let delivered: RoundDelivered = event(&meta);
    assert_eq!(delivered.baseline_earned, 100_000_000);
    assert_eq!(i64::from(delivered.baseline_seconds), 2 * DAY);
    assert_eq!(delivered.manifest_hash, MANIFEST);
    assert_eq!(scene.world.amount(&treasury), TERMS.target);
    let slot = scene.world.shard(&shard).contents[0];
    assert!(slot.has_lanes() && slot.quality() == 10_000);
    assert_eq!(u64::from(slot.first_lane), link_of(1));

    // A day later 40 tokens more: below the baseline, so all of it is the creator's.
    scene.world.wait(DAY);
    let meta = scene.world.settle(&shard, &[views(ALICE, 40_000)]).expect("a batch");
    assert_eq!(event::<BatchSettled>(&meta).owed, 0);
    // 110 more on the same day: 100 above it, of which the round gets a fifth.
    let balance = scene.world.shard(&shard).creators[0].balance;
    let meta = scene.world.settle(&shard, &[views(ALICE, 110_000)]).expect("a batch");
    let settled: BatchSettled = event(&meta);
    assert_eq!((settled.credited, settled.owed), (110_000_000, 20_000_000));
    assert_eq!((settled.owed_before, settled.owed_after), (0, 20_000_000));
    assert_eq!(settled.unix_seconds, scene.world.now());
    assert_eq!(scene.world.shard(&shard).creators[0].balance - balance, 90_000_000);

    let before = scene.world.amount(&scene.patron.tokens);
    let meta = scene.world.run(&[scene.claim(&round)], &[&patron]).expect("a return");
    let claimed: Claimed = event(&meta);
    assert_eq!((claimed.amount, claimed.claimed_before), (20_000_000, 0));
    assert!(!claimed.closed);
    assert_eq!(scene.world.amount(&scene.patron.tokens) - before, 20_000_000);

    // The term is over: what comes now is the creator's, also before the lane is given back.
    scene.world.wait(i64::from(TERMS.term_seconds));
    let meta = scene.world.settle(&shard, &[views(ALICE, 9_000_000)]).expect("a batch");
    assert_eq!(event::<BatchSettled>(&meta).owed, 0);
    let retire = scene.platform().retire_lane(shard, round);
    let meta = scene.world.run_unsigned(retire).expect("a free lane");
    assert_eq!(event::<LaneRetired>(&meta).owed, 20_000_000);
    assert!(!scene.world.shard(&shard).contents[0].has_lanes());

    // Anybody may end what is left.
    let lamports = scene.world.svm.get_balance(&scene.payer()).expect("lamports");
    let bob = scene.bob.key.insecure_clone();
    let mut last = scene.claim(&round);
    last.accounts[0].pubkey = bob.pubkey();
    let meta = scene.world.run(&[last], &[&bob]).expect("the last claim");
    assert!(event::<Claimed>(&meta).closed);
    let close = scene.close_round(round);
    let meta = scene.world.run_unsigned(close).expect("a closed round");
    assert_eq!(event::<RoundClosed>(&meta).dust, 0);
    assert!(scene.world.svm.get_account(&round).is_none());
    assert!(scene.world.svm.get_account(&escrow_address(&round)).is_none());
    assert!(scene.world.svm.get_balance(&scene.payer()).expect("lamports") > lamports);
    let header = scene.world.header(&shard);
    assert_eq!((header.owed, header.shared, header.claimed), (0, 20_000_000, 20_000_000));
}

#[test]
fn what_rounding_leaves_goes_back_into_the_budget() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    let round = scene.world.open_round(&shard, ALICE, RoundTerms { target: 3, ..TERMS });
    let investors: Vec<_> = (0..3).map(|_| scene.world.wallet(1)).collect();
    for investor in &investors {
        scene.world.invest(&round, investor, 1).expect("an investment");
    }
    scene.world.wait(SETTINGS.baseline_seconds_min.into());
    scene.world.deliver(&round, 10_000).expect("a delivery");
    // 25 base units: a fifth is 5, and a third of it 1.
    let entry = pixr::entries::Entry { content: 0, views: 1, relevance: 250 };
    scene.world.settle(&shard, &[entry]).expect("a batch");
    scene.world.wait(i64::from(TERMS.term_seconds) + 1);
    let retire = scene.platform().retire_lane(shard, round);
    scene.run(retire, &[]);
    for investor in &investors {
        let position = scene.world.position(&round, &investor.address());
        scene.world.claim(&shard, position, investor).expect("a return");
        assert_eq!(scene.world.amount(&investor.tokens), 1);
    }
    assert_eq!(part_floor(5, 1, 3), Some(1));
    let close = scene.close_round(round);
    let meta = scene.world.run_unsigned(close).expect("a closed round");
    let closed: RoundClosed = event(&meta);
    assert_eq!((closed.dust, closed.budget_after - closed.budget_before), (2, 2));
    let header = scene.world.header(&shard);
    assert_eq!((header.owed, header.reward_budget), (0, BUDGET - EARNED - 25 + 2));
}

#[test]
fn support_pays_the_creator() {
    let mut scene = Scene::new();
    let (shard, patron) = (scene.shard, scene.patron.key.insecure_clone());
    let round = scene.funded_round(SUPPORT);
    let balance = scene.world.shard(&shard).creators[0].balance;
    let meta = scene.world.deliver(&round, 10_000).expect("a delivery");
    let supported: RoundSupported = event(&meta);
    assert_eq!((supported.amount, supported.balance_before), (SUPPORT.target, balance));
    assert_eq!(scene.world.shard(&shard).creators[0].balance, balance + SUPPORT.target);
    assert_eq!(scene.world.vault_amount(&shard), BUDGET + SUPPORT.target);
    // Nothing is owed; a claim gives the rent back.
    let meta = scene.world.run(&[scene.claim(&round)], &[&patron]).expect("a last claim");
    let claimed: Claimed = event(&meta);
    assert!(claimed.closed && claimed.amount == 0);
}

#[test]
fn a_position_is_sold_with_what_it_will_earn() {
    let mut scene = Scene::new();
    let (shard, patron) = (scene.shard, scene.patron.key.insecure_clone());
    let round = scene.earning_round();
    let list = scene.list(&round, 70);
    let meta = scene.world.run(&[list], &[&patron]).expect("an offer");
    assert_eq!((event::<PriceChanged>(&meta).before, event::<PriceChanged>(&meta).after), (0, 70));
    let buyer = scene.world.wallet(100);
    let position = scene.position(&round);
    let before = scene.world.amount(&scene.patron.tokens);
    let buy = scene.platform().buy(
        buyer.address(),
        buyer.tokens,
        round,
        position.address,
        scene.patron.tokens,
        70,
        0,
    );
    let meta = scene.world.run(&[buy], &[&buyer.key]).expect("a sale");
    let sold: PositionSold = event(&meta);
    assert_eq!((sold.price, sold.seller, sold.buyer), (70, patron.pubkey(), buyer.address()));
    assert_eq!(scene.world.amount(&scene.patron.tokens) - before, 70);
    let state: Position = scene.world.read(&position.address);
    assert_eq!((state.owner, state.price), (buyer.address(), 0));

    // What it earns now is the buyer's, and only he can hand it on.
    scene.world.wait(DAY);
    scene.world.settle(&shard, &[views(ALICE, 1_000)]).expect("a batch");
    scene.world.claim(&shard, position, &buyer).expect("a return");
    assert_eq!(scene.world.amount(&buyer.tokens), 30 + 200_000);
    let (alice, at) = (scene.alice.address(), position.address);
    let platform = scene.platform();
    let stolen = platform.transfer_position(patron.pubkey(), round, at, alice);
    scene.world.refuse(&[stolen], &[&patron], pixr::errors::PixrError::NotOwner);
    let transfer = platform.transfer_position(buyer.address(), round, at, alice);
    let meta = scene.world.run(&[transfer], &[&buyer.key]).expect("another owner");
    assert_eq!(event::<PositionTransferred>(&meta).after, alice);
}

#[test]
fn missed_deadlines_refund_by_anybody_to_the_owner() {
    let mut scene = Scene::new();
    let round = scene.started_round();
    scene.world.wait(TERMS.deadline);
    let before = scene.world.amount(&scene.patron.tokens);
    let bob = scene.bob.key.insecure_clone();
    let mut refund = scene.refund(&round);
    refund.accounts[0].pubkey = bob.pubkey();
    let meta = scene.world.run(&[refund], &[&bob]).expect("a refund");
    let refunded: Refunded = event(&meta);
    assert_eq!((refunded.amount, refunded.raised_after), (TERMS.target / 10, 0));
    assert_eq!(refunded.by, bob.pubkey());
    assert_eq!(scene.world.amount(&scene.patron.tokens) - before, TERMS.target / 10);
    let close = scene.close_round(round);
    scene.world.run_unsigned(close).expect("a closed round");
}
