//! Positions that change hands.

use super::*;

pub fn market() -> Vec<Case> {
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
