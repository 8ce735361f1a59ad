//! Rounds and positions.

mod earning;
mod funding;
mod market;
mod opening;

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
    let parts = [
        opening::terms(),
        opening::openings(),
        funding::investments(),
        funding::endings(),
        earning::deliveries(),
        earning::returns(),
        market::market(),
    ];
    parts.into_iter().flatten().collect()
}
