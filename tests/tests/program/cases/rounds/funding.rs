//! Investments, and how they go back.

use super::*;

pub fn investments() -> Vec<Case> {
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

pub fn endings() -> Vec<Case> {
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
