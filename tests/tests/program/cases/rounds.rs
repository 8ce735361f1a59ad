use anchor_lang::error::ErrorCode;
use pixr::{
    constants::*,
    errors::PixrError,
    state::{Round, RoundTerms},
};
use pixr_client::{escrow_address, vault_address};
use pixr_tests::{
    rounds::{SUPPORT, TERMS},
    tokens::Token,
    transactions::Failure,
    world::{SETTINGS, views},
};
use solana_address::Address;
use solana_signer::Signer;

use super::{Case, case};
use crate::scene::{ALICE, Attempt, BOB, Scene};

/// Alice opens a round with these terms.
fn open(scene: &Scene, terms: RoundTerms) -> Attempt {
    scene.alice_signs(scene.open_round(terms))
}

fn with_account((mut instructions, signers): Attempt, position: usize, to: Address) -> Attempt {
    instructions[0].accounts[position].pubkey = to;
    (instructions, signers)
}

/// Signed by bob, who is neither owner nor creator nor keeper.
fn by_bob((mut instructions, _): Attempt, scene: &Scene) -> Attempt {
    instructions[0].accounts[0].pubkey = scene.bob.address();
    (instructions, vec![scene.bob.key.insecure_clone()])
}

fn set(scene: &mut Scene, change: impl FnOnce(&mut pixr::state::Settings)) {
    let mut settings = SETTINGS;
    change(&mut settings);
    let admin = scene.admin();
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
}

/// Past the deadline of a round that was just opened.
fn miss_deadline(scene: &mut Scene) {
    scene.world.wait(TERMS.deadline);
}

fn past_term(scene: &mut Scene) {
    scene.world.wait(i64::from(TERMS.term_seconds) + 1);
}

fn cancel(scene: &Scene, round: Address) -> Attempt {
    let alice = scene.alice.address();
    scene.alice_signs(scene.platform().cancel_round(alice, scene.shard, round))
}

fn cancelled(scene: &mut Scene) -> Address {
    let round = scene.started_round();
    let (instructions, signers) = cancel(scene, round);
    scene.run(instructions[0].clone(), &[&signers[0]]);
    round
}

fn deliver(scene: &mut Scene, round: Address, quality: u16) -> Attempt {
    let deliver = scene.deliver(round, quality);
    scene.keeper_signs(deliver)
}

/// A funded round that could be delivered.
fn ripe(scene: &mut Scene, terms: RoundTerms) -> Address {
    let round = scene.funded_round(terms);
    scene.world.wait(SETTINGS.baseline_seconds_min.into());
    round
}

pub fn cases() -> Vec<Case> {
    let mut cases = terms();
    cases.extend(openings());
    cases.extend(investments());
    cases.extend(endings());
    cases.extend(deliveries());
    cases.extend(returns());
    cases.extend(market());
    cases
}

fn terms() -> Vec<Case> {
    vec![
        case("open_round", PixrError::TargetOutOfBounds, |scene| {
            open(scene, RoundTerms { target: 0, ..TERMS })
        }),
        case("open_round", PixrError::TargetOutOfBounds, |scene| {
            open(scene, RoundTerms { target: ROUND_AMOUNT_MAX + 1, ..TERMS })
        }),
        case("open_round", PixrError::DeadlineOutOfBounds, |scene| {
            open(scene, RoundTerms { deadline: 0, ..TERMS })
        }),
        case("open_round", PixrError::DeadlineOutOfBounds, |scene| {
            open(scene, RoundTerms { deadline: i64::from(ROUND_SECONDS_MAX) + 1, ..TERMS })
        }),
        case("open_round", PixrError::DeliveryOutOfBounds, |scene| {
            open(scene, RoundTerms { delivery_seconds: DELIVERY_SECONDS_MIN - 1, ..TERMS })
        }),
        case("open_round", PixrError::DeliveryOutOfBounds, |scene| {
            open(scene, RoundTerms { delivery_seconds: DELIVERY_SECONDS_MAX + 1, ..TERMS })
        }),
        case("open_round", PixrError::ShareOutOfBounds, |scene| {
            open(scene, RoundTerms { share_bps: 0, ..TERMS })
        }),
        case("open_round", PixrError::ShareOutOfBounds, |scene| {
            set(scene, |settings| settings.shares_bps_max = TERMS.share_bps - 1);
            open(scene, TERMS)
        }),
        case("open_round", PixrError::CapOutOfBounds, |scene| {
            open(scene, RoundTerms { cap: 0, ..TERMS })
        }),
        case("open_round", PixrError::CapOutOfBounds, |scene| {
            open(scene, RoundTerms { cap: ROUND_AMOUNT_MAX + 1, ..TERMS })
        }),
        case("open_round", PixrError::TermOutOfBounds, |scene| {
            open(scene, RoundTerms { term_seconds: TERM_SECONDS_MIN - 1, ..TERMS })
        }),
        case("open_round", PixrError::TermOutOfBounds, |scene| {
            open(scene, RoundTerms { term_seconds: TERM_SECONDS_MAX + 1, ..TERMS })
        }),
        case("open_round", PixrError::SupportHasReturns, |scene| {
            open(scene, RoundTerms { share_bps: 1, ..SUPPORT })
        }),
        case("open_round", PixrError::SupportHasReturns, |scene| {
            open(scene, RoundTerms { cap: 1, ..SUPPORT })
        }),
        case("open_round", PixrError::SupportHasReturns, |scene| {
            open(scene, RoundTerms { term_seconds: 1, ..SUPPORT })
        }),
    ]
}

fn openings() -> Vec<Case> {
    vec![
        case("open_round", PixrError::Paused, |scene| {
            scene.pause();
            open(scene, TERMS)
        }),
        case("open_round", PixrError::NotCreatorOrKeeper, |scene| {
            by_bob(open(scene, TERMS), scene)
        }),
        case("open_round", PixrError::UnknownContent, |scene| {
            let mut new = scene.world.new_round(&scene.shard, ALICE, TERMS);
            new.content = 2;
            let open = scene.platform().open_round(scene.alice.address(), scene.payer(), new);
            scene.alice_signs(open)
        }),
        case("open_round", PixrError::RoundNumber, |scene| {
            let mut new = scene.world.new_round(&scene.shard, ALICE, TERMS);
            new.number = 1;
            let open = scene.platform().open_round(scene.alice.address(), scene.payer(), new);
            scene.alice_signs(open)
        }),
        // The system program: a retry of an opening that went through.
        case("open_round", Failure::Custom(0), |scene| {
            let attempt = open(scene, TERMS);
            scene.world.run(&attempt.0, &[&attempt.1[0]]).expect("a round");
            attempt
        }),
        // A round that was closed never comes back.
        case("open_round", PixrError::RoundNumber, |scene| {
            let attempt = open(scene, TERMS);
            scene.world.run(&attempt.0, &[&attempt.1[0]]).expect("a round");
            let round = attempt.0[0].accounts[4].pubkey;
            let (instructions, signers) = cancel(scene, round);
            scene.run(instructions[0].clone(), &[&signers[0]]);
            let close = scene.close_round(round);
            scene.run(close, &[]);
            attempt
        }),
        case("open_round", PixrError::SharesExceeded, |scene| {
            scene.earning_round();
            set(scene, |settings| settings.shares_bps_max = 2 * TERMS.share_bps - 1);
            open(scene, TERMS)
        }),
        case("open_round", PixrError::ContentFullOfLanes, |scene| {
            scene.world.wait(1);
            let investor = scene.world.wallet(4 * TERMS.target);
            for _ in 0..LANES_PER_CONTENT_MAX {
                scene.world.delivered_round(&scene.shard, ALICE, TERMS, &investor);
            }
            open(scene, TERMS)
        }),
    ]
}

fn investments() -> Vec<Case> {
    vec![
        case("invest", PixrError::Paused, |scene| {
            let round = scene.started_round();
            scene.pause();
            scene.patron_signs(scene.invest(round, 1))
        }),
        case("invest", PixrError::AmountIsZero, |scene| {
            let round = scene.started_round();
            scene.patron_signs(scene.invest(round, 0))
        }),
        case("invest", PixrError::InsufficientTokens, |scene| {
            let round = scene.started_round();
            let terms = RoundTerms { target: u64::MAX >> 14, ..TERMS };
            let large = scene.world.open_round(&scene.shard, BOB, terms);
            assert_ne!(round, large);
            scene.patron_signs(scene.invest(large, u64::MAX))
        }),
        case("invest", PixrError::DeadlinePassed, |scene| {
            let round = scene.started_round();
            miss_deadline(scene);
            scene.patron_signs(scene.invest(round, 1))
        }),
        case("invest", PixrError::RoundNotOpen, |scene| {
            let round = scene.funded_round(TERMS);
            scene.patron_signs(scene.invest(round, 1))
        }),
        case("invest", PixrError::RoundNotOpen, |scene| {
            let round = cancelled(scene);
            scene.patron_signs(scene.invest(round, 1))
        }),
        case("invest", PixrError::WrongEscrow, |scene| {
            let round = scene.started_round();
            let other = scene.world.open_round(&scene.shard, BOB, TERMS);
            let attempt = scene.patron_signs(scene.invest(round, 1));
            with_account(attempt, 5, escrow_address(&other))
        }),
        case("invest", PixrError::WrongRound, |scene| {
            let round = scene.started_round();
            let other = scene.world.open_round(&scene.shard, BOB, TERMS);
            let position = scene.position(&round).address;
            let attempt = scene.patron_signs(scene.invest(other, 1));
            with_account(attempt, 4, position)
        }),
        case("invest", PixrError::NotOwner, |scene| {
            let round = scene.started_round();
            let position = scene.position(&round).address;
            let bob = scene.bob.address();
            let tokens = scene.world.token_account(&bob, 5);
            let invest = scene.platform().invest(bob, scene.payer(), tokens, round, 1);
            let attempt = (vec![invest], vec![scene.bob.key.insecure_clone()]);
            with_account(attempt, 4, position)
        }),
        // An address that is not derived for this round and investor.
        case("invest", ErrorCode::ConstraintSeeds, |scene| {
            let round = scene.world.open_round(&scene.shard, BOB, TERMS);
            let attempt = scene.patron_signs(scene.invest(round, 1));
            with_account(attempt, 4, Address::new_unique())
        }),
    ]
}

fn endings() -> Vec<Case> {
    vec![
        case("cancel_round", PixrError::Paused, |scene| {
            let round = scene.started_round();
            scene.pause();
            cancel(scene, round)
        }),
        case("cancel_round", PixrError::NotCreatorOrKeeper, |scene| {
            let round = scene.started_round();
            by_bob(cancel(scene, round), scene)
        }),
        case("cancel_round", PixrError::NotKeeper, |scene| {
            let round = scene.funded_round(TERMS);
            cancel(scene, round)
        }),
        case("cancel_round", PixrError::RoundNotCancellable, |scene| {
            let round = cancelled(scene);
            cancel(scene, round)
        }),
        case("refund", PixrError::Paused, |scene| {
            let round = cancelled(scene);
            scene.pause();
            scene.patron_signs(scene.refund(&round))
        }),
        case("refund", PixrError::RoundNotRefunding, |scene| {
            let round = scene.started_round();
            scene.patron_signs(scene.refund(&round))
        }),
        case("refund", PixrError::RoundNotRefunding, |scene| {
            let round = scene.funded_round(TERMS);
            scene.world.wait(TERMS.delivery_seconds.into());
            scene.patron_signs(scene.refund(&round))
        }),
        case("refund", PixrError::RoundNotRefunding, |scene| {
            let round = scene.earning_round();
            miss_deadline(scene);
            scene.patron_signs(scene.refund(&round))
        }),
        // Before the deadline only the owner may ask.
        case("refund", PixrError::NotOwner, |scene| {
            let round = cancelled(scene);
            by_bob(scene.patron_signs(scene.refund(&round)), scene)
        }),
        // After it anybody may, but not for his own account.
        case("refund", PixrError::WrongDestination, |scene| {
            let round = scene.started_round();
            miss_deadline(scene);
            let attempt = by_bob(scene.patron_signs(scene.refund(&round)), scene);
            with_account(attempt, 6, scene.bob.tokens)
        }),
        case("refund", PixrError::WrongRound, |scene| {
            let round = cancelled(scene);
            let other = scene.funded_round(RoundTerms { target: 1_000, ..TERMS });
            let position = scene.position(&other).address;
            with_account(scene.patron_signs(scene.refund(&round)), 3, position)
        }),
        case("refund", PixrError::WrongRentReceiver, |scene| {
            let round = cancelled(scene);
            let bob = scene.bob.address();
            with_account(scene.patron_signs(scene.refund(&round)), 4, bob)
        }),
        // Twice in one transaction: the position is gone.
        case("refund", ErrorCode::AccountNotInitialized, |scene| {
            let round = cancelled(scene);
            let refund = scene.refund(&round);
            let (mut instructions, signers) = scene.patron_signs(refund.clone());
            instructions.push(refund);
            (instructions, signers)
        }),
        case("close_round", PixrError::Paused, |scene| {
            let round = scene.world.open_round(&scene.shard, ALICE, TERMS);
            miss_deadline(scene);
            scene.pause();
            (vec![scene.close_round(round)], Vec::new())
        }),
        case("close_round", PixrError::RoundNotFinished, |scene| {
            let round = scene.world.open_round(&scene.shard, ALICE, TERMS);
            (vec![scene.close_round(round)], Vec::new())
        }),
        case("close_round", PixrError::RoundNotFinished, |scene| {
            let round = cancelled(scene);
            (vec![scene.close_round(round)], Vec::new())
        }),
        case("close_round", PixrError::RoundNotFinished, |scene| {
            let round = scene.final_round();
            (vec![scene.close_round(round)], Vec::new())
        }),
        case("close_round", PixrError::WrongDestination, |scene| {
            let round = scene.world.open_round(&scene.shard, ALICE, TERMS);
            miss_deadline(scene);
            let close = scene.close_round(round);
            with_account((vec![close], Vec::new()), 5, scene.bob.tokens)
        }),
        case("close_round", PixrError::WrongRentReceiver, |scene| {
            let round = scene.world.open_round(&scene.shard, ALICE, TERMS);
            miss_deadline(scene);
            let close = scene.close_round(round);
            with_account((vec![close], Vec::new()), 3, scene.bob.address())
        }),
    ]
}

fn deliveries() -> Vec<Case> {
    vec![
        case("deliver", PixrError::Paused, |scene| {
            let round = ripe(scene, TERMS);
            scene.pause();
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::NotKeeper, |scene| {
            let round = ripe(scene, TERMS);
            by_bob(deliver(scene, round, 10_000), scene)
        }),
        case("deliver", PixrError::RoundNotFunded, |scene| {
            let round = scene.started_round();
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::RoundNotFunded, |scene| {
            let round = scene.earning_round();
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::DeliveryOverdue, |scene| {
            let round = scene.funded_round(TERMS);
            scene.world.wait(i64::from(TERMS.delivery_seconds) + 1);
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::BpsTooHigh, |scene| {
            let round = ripe(scene, TERMS);
            deliver(scene, round, 10_001)
        }),
        case("deliver", PixrError::QualityTooLow, |scene| {
            let round = ripe(scene, TERMS);
            deliver(scene, round, 9_999)
        }),
        case("deliver", PixrError::BaselineTooShort, |scene| {
            let round = scene.funded_round(TERMS);
            scene.world.wait(i64::from(SETTINGS.baseline_seconds_min) - 1);
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::BaselineTooHigh, |scene| {
            let terms = RoundTerms { term_seconds: TERM_SECONDS_MAX, ..TERMS };
            let round = ripe(scene, terms);
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| {
                view.content(ALICE).expect("a content").earned = 1 << 62;
            });
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::SharesExceeded, |scene| {
            let round = ripe(scene, TERMS);
            set(scene, |settings| settings.shares_bps_max = TERMS.share_bps - 1);
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::ShardFullOfLanes, |scene| {
            let round = ripe(scene, TERMS);
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| {
                view.header.lane_count = view.header.lane_capacity;
            });
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::WrongDestination, |scene| {
            let round = ripe(scene, TERMS);
            let attempt = deliver(scene, round, 10_000);
            with_account(attempt, 5, scene.bob.tokens)
        }),
        case("deliver", PixrError::WrongDestination, |scene| {
            let round = ripe(scene, TERMS);
            let attempt = deliver(scene, round, 10_000);
            with_account(attempt, 5, vault_address(&scene.shard))
        }),
        case("deliver", PixrError::WrongVault, |scene| {
            let round = ripe(scene, SUPPORT);
            deliver(scene, round, 10_000)
        }),
        case("deliver", PixrError::WrongEscrow, |scene| {
            let round = ripe(scene, TERMS);
            let other = scene.world.open_round(&scene.shard, BOB, TERMS);
            with_account(deliver(scene, round, 10_000), 4, escrow_address(&other))
        }),
    ]
}

fn returns() -> Vec<Case> {
    vec![
        case("claim", PixrError::Paused, |scene| {
            let round = scene.final_round();
            scene.pause();
            scene.patron_signs(scene.claim(&round))
        }),
        case("claim", PixrError::RoundNotDelivered, |scene| {
            let round = scene.funded_round(TERMS);
            scene.patron_signs(scene.claim(&round))
        }),
        case("claim", PixrError::NothingToClaim, |scene| {
            let round = scene.earning_round();
            scene.patron_signs(scene.claim(&round))
        }),
        case("claim", PixrError::NotOwner, |scene| {
            let (round, shard) = (scene.earning_round(), scene.shard);
            scene.world.settle(&shard, &[views(ALICE, 1_000)]).expect("a batch");
            by_bob(scene.patron_signs(scene.claim(&round)), scene)
        }),
        case("claim", PixrError::WrongDestination, |scene| {
            let round = scene.final_round();
            let attempt = by_bob(scene.patron_signs(scene.claim(&round)), scene);
            with_account(attempt, 7, scene.bob.tokens)
        }),
        case("claim", PixrError::WrongRound, |scene| {
            let round = scene.final_round();
            let other = scene.funded_round(RoundTerms { target: 1_000, ..TERMS });
            let position = scene.position(&other).address;
            with_account(scene.patron_signs(scene.claim(&round)), 4, position)
        }),
        case("claim", PixrError::WrongVault, |scene| {
            let round = scene.final_round();
            with_account(scene.patron_signs(scene.claim(&round)), 6, escrow_address(&round))
        }),
        case("retire_lane", PixrError::Paused, |scene| {
            let round = scene.earning_round();
            past_term(scene);
            scene.pause();
            (vec![scene.platform().retire_lane(scene.shard, round)], Vec::new())
        }),
        case("retire_lane", PixrError::RoundNotDelivered, |scene| {
            let round = scene.funded_round(TERMS);
            (vec![scene.platform().retire_lane(scene.shard, round)], Vec::new())
        }),
        case("retire_lane", PixrError::TermNotOver, |scene| {
            let round = scene.earning_round();
            scene.world.wait(TERMS.term_seconds.into());
            (vec![scene.platform().retire_lane(scene.shard, round)], Vec::new())
        }),
        case("retire_lane", PixrError::LaneRetired, |scene| {
            let round = scene.final_round();
            (vec![scene.platform().retire_lane(scene.shard, round)], Vec::new())
        }),
        case("retire_lane", PixrError::WrongPlatform, |scene| {
            let round = scene.earning_round();
            let rival = scene.world.rival(Token::Spl);
            scene.world.svm = rival.svm;
            (vec![rival.platform.retire_lane(scene.shard, round)], Vec::new())
        }),
    ]
}

fn market() -> Vec<Case> {
    vec![
        case("list", PixrError::Paused, |scene| {
            let round = scene.funded_round(TERMS);
            scene.pause();
            scene.patron_signs(scene.list(&round, 5))
        }),
        case("list", PixrError::PositionFixed, |scene| {
            let round = scene.started_round();
            scene.patron_signs(scene.list(&round, 5))
        }),
        case("list", PixrError::AmountIsZero, |scene| {
            let round = scene.funded_round(TERMS);
            scene.patron_signs(scene.list(&round, 0))
        }),
        case("list", PixrError::NotOwner, |scene| {
            let round = scene.funded_round(TERMS);
            by_bob(scene.patron_signs(scene.list(&round, 5)), scene)
        }),
        case("unlist", PixrError::NotListed, |scene| {
            let round = scene.funded_round(TERMS);
            let position = scene.position(&round).address;
            let patron = scene.patron.address();
            scene.patron_signs(scene.platform().unlist(patron, round, position))
        }),
        case("transfer_position", PixrError::PositionFixed, |scene| {
            let round = scene.started_round();
            let position = scene.position(&round).address;
            let (patron, bob) = (scene.patron.address(), scene.bob.address());
            scene.patron_signs(scene.platform().transfer_position(patron, round, position, bob))
        }),
        case("transfer_position", PixrError::RoleIsZero, |scene| {
            let round = scene.funded_round(TERMS);
            let position = scene.position(&round).address;
            let (patron, zero) = (scene.patron.address(), Address::default());
            scene.patron_signs(scene.platform().transfer_position(patron, round, position, zero))
        }),
        case("transfer_position", PixrError::WrongRound, |scene| {
            let round = scene.funded_round(TERMS);
            let other = scene.world.open_round(&scene.shard, BOB, TERMS);
            let position = scene.position(&round).address;
            let (patron, bob) = (scene.patron.address(), scene.bob.address());
            scene.patron_signs(scene.platform().transfer_position(patron, other, position, bob))
        }),
        case("buy", PixrError::NotListed, |scene| {
            let round = scene.funded_round(TERMS);
            by_bob(scene.patron_signs(scene.buy(&round, 5, 0)), scene)
        }),
        case("buy", PixrError::PriceTooHigh, |scene| {
            let round = listed(scene);
            by_bob(scene.patron_signs(scene.buy(&round, 4, 0)), scene)
        }),
        case("buy", PixrError::ClaimedTooHigh, |scene| {
            let (round, shard) = (scene.earning_round(), scene.shard);
            scene.world.settle(&shard, &[views(ALICE, 100_000)]).expect("a batch");
            let patron = scene.patron.key.insecure_clone();
            // Listed, and claimed before the buyer comes.
            let (list, claim) = (scene.list(&round, 5), scene.claim(&round));
            scene.run(list, &[&patron]);
            scene.run(claim, &[&patron]);
            by_bob(scene.patron_signs(scene.buy(&round, 5, 0)), scene)
        }),
        case("buy", PixrError::InsufficientTokens, |scene| {
            let round = listed(scene);
            by_bob(scene.patron_signs(scene.buy(&round, 5, 0)), scene)
        }),
        case("buy", PixrError::WrongDestination, |scene| {
            let round = listed(scene);
            let attempt = by_bob(scene.patron_signs(scene.buy(&round, 5, 0)), scene);
            with_account(attempt, 5, scene.bob.tokens)
        }),
        case("buy", PixrError::PositionFixed, |scene| {
            let round = scene.started_round();
            by_bob(scene.patron_signs(scene.buy(&round, 5, 0)), scene)
        }),
        case("buy", PixrError::Paused, |scene| {
            let round = listed(scene);
            scene.pause();
            by_bob(scene.patron_signs(scene.buy(&round, 5, 0)), scene)
        }),
    ]
}

/// The patron's position in a funded round is for sale.
fn listed(scene: &mut Scene) -> Address {
    let round = scene.funded_round(TERMS);
    let (list, patron) = (scene.list(&round, 5), scene.patron.key.insecure_clone());
    scene.run(list, &[&patron]);
    assert_eq!(scene.world.read::<Round>(&round).positions, 1);
    round
}
