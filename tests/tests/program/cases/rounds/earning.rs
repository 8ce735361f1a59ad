//! Deliveries, and what they return.

use super::*;

pub fn deliveries() -> Vec<Case> {
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

pub fn returns() -> Vec<Case> {
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
