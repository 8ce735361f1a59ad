//! Terms, and who may open a round when.

use super::*;

pub fn terms() -> Vec<Case> {
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

pub fn openings() -> Vec<Case> {
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
