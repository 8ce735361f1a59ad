//! Signatures, pauses, freezes and stolen keys.

use anchor_lang::{error::ErrorCode, solana_program::instruction::AccountMeta};
use pixr::{constants::SECONDS_PER_DAY, errors::PixrError, state::RoundTerms};
use pixr_client::withdrawal_address;
use pixr_tests::{
    rounds::TERMS,
    transactions::Failure,
    world::{SETTINGS, pack, views},
};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::scene::{ALICE, BOB, BUDGET, EARNED, Scene};

/// Every instruction of the program that needs a signature, as its rightful signers would send it.
pub fn signed_instructions(scene: &mut Scene) -> Vec<(Instruction, Vec<Keypair>)> {
    scene.requested();
    let platform = scene.platform();
    let (shard, payer) = (scene.shard, scene.payer());
    let (keeper, admin) = (scene.keeper().pubkey(), scene.admin().pubkey());
    let (alice, patron) = (scene.alice.address(), scene.patron.address());
    let keeper_signed = [
        platform.settle(keeper, shard, 2, pack(&[views(ALICE, 1)])),
        platform.reverse_views(keeper, shard, 2, pack(&[views(ALICE, 1)])),
        platform.set_quality(keeper, shard, ALICE, 5_000),
        platform.register_creator(keeper, shard, payer, patron),
        platform.register_content(keeper, shard, payer, BOB, [7; 16]),
    ];
    let admin_signed = [
        platform.update_settings(admin, SETTINGS),
        platform.set_role(admin, pixr::state::Role::Keeper, alice),
        platform.propose_admin(admin, alice),
        platform.pause(admin),
        platform.unpause(admin),
    ];
    let alice_signed = [
        scene.withdraw(1),
        scene.request(1, 1),
        scene.cancel(0),
        platform.propose_authority(alice, shard, ALICE, patron),
    ];
    let patron_signed = [
        scene.tip(100),
        platform.fund_shard(patron, scene.patron.tokens, shard, 1),
        platform.register_creator(patron, shard, payer, patron),
    ];
    let frozen = [scene.freeze(0, true), scene.freeze(0, false)];
    let mut all = Vec::new();
    all.extend(keeper_signed.map(|instruction| scene.keeper_signs(instruction)));
    all.extend(admin_signed.map(|instruction| scene.admin_signs(instruction)));
    all.extend(alice_signed.map(|instruction| scene.alice_signs(instruction)));
    all.extend(patron_signed.map(|instruction| scene.patron_signs(instruction)));
    all.extend(frozen.map(|instruction| scene.guardian_signs(instruction)));
    all.into_iter().map(|(mut list, signers)| (list.remove(0), signers)).collect()
}

/// What is done with rounds, each as its rightful signer would send it, all from one state: one round
/// on alice's content is open, one funded, one earns and is for sale; one of bob's refunds.
pub fn rounds(scene: &mut Scene) -> Vec<(Instruction, Vec<Keypair>)> {
    let shard = scene.shard;
    let earning = scene.earning_round();
    scene.world.settle(&shard, &[views(ALICE, 100_000)]).expect("a batch");
    let patron = scene.patron.key.insecure_clone();
    let list = scene.list(&earning, 5);
    scene.run(list, &[&patron]);
    let small = RoundTerms { target: 1_000, ..TERMS };
    let funded = scene.funded_round(small);
    scene.world.wait(SETTINGS.baseline_seconds_min.into());
    let open = scene.world.open_round(&shard, ALICE, small);
    let refunding = scene.world.open_round(&shard, BOB, TERMS);
    let invest = scene.invest(refunding, 7);
    scene.run(invest, &[&patron]);
    let keeper = scene.keeper();
    let cancel = scene.platform().cancel_round(keeper.pubkey(), shard, refunding);
    scene.run(cancel, &[&keeper]);
    let alice = scene.alice.address();
    let held = scene.position(&earning).address;
    let (owner, platform) = (patron.pubkey(), scene.platform());
    let deliver = scene.deliver(funded, 10_000);
    let buyer = scene.world.wallet(10);
    let buy = platform.buy(buyer.address(), buyer.tokens, earning, held, scene.patron.tokens, 5, 0);
    vec![
        scene.alice_signs(scene.open_round(small)),
        scene.alice_signs(platform.cancel_round(alice, shard, open)),
        scene.patron_signs(scene.invest(open, 5)),
        scene.patron_signs(scene.refund(&refunding)),
        scene.keeper_signs(deliver),
        scene.patron_signs(scene.claim(&earning)),
        scene.patron_signs(scene.list(&earning, 7)),
        scene.patron_signs(platform.unlist(owner, earning, held)),
        scene.patron_signs(platform.transfer_position(owner, earning, held, alice)),
        (vec![buy], vec![buyer.key]),
    ]
    .into_iter()
    .map(|(mut list, signers)| (list.remove(0), signers))
    .collect()
}

fn all_signed(scene: &mut Scene) -> Vec<(Instruction, Vec<Keypair>)> {
    let mut all = signed_instructions(scene);
    all.extend(rounds(scene));
    all
}

#[test]
fn missing_signer() {
    let mut scene = Scene::new();
    for (mut instruction, signers) in all_signed(&mut scene) {
        let signer = signers[0].pubkey();
        for meta in &mut instruction.accounts {
            if meta.pubkey == signer {
                meta.is_signer = false;
            }
        }
        scene.world.refuse(&[instruction], &[], ErrorCode::AccountNotSigner);
    }
}

#[test]
fn wrong_signer() {
    let mut scene = Scene::new();
    for (mut instruction, signers) in all_signed(&mut scene) {
        let (rightful, mallory) = (signers[0].pubkey(), scene.world.wallet(1_000_000));
        for meta in &mut instruction.accounts {
            if meta.pubkey == rightful {
                meta.pubkey = mallory.address();
            }
        }
        let outcome = scene.world.run(&[instruction], &[&mallory.key]);
        let Err(Failure::Custom(code)) = outcome else { panic!("{outcome:?}") };
        // The token program's own error (4) guards the patron's tokens; all others are the program's.
        let token_owner_mismatch = 4;
        assert!(code >= 6_000 || code == token_owner_mismatch, "{code}");
    }
}

#[test]
fn freeze_bypass() {
    let mut scene = Scene::new();
    scene.requested();
    let (alice, guardian) = (scene.alice.key.insecure_clone(), scene.guardian());
    let freeze = scene.freeze(0, true);
    scene.run(freeze, &[&guardian]);
    scene.world.wait(172_800);
    let withdrawal = withdrawal_address(&scene.shard, ALICE, 0);
    // Neither at once, nor by way of the balance, nor by a new request in its place.
    scene.world.refuse(&[scene.execute(0)], &[&alice], PixrError::WithdrawalFrozen);
    scene.world.refuse(&[scene.cancel(0)], &[&alice], PixrError::WithdrawalFrozen);
    scene.world.refuse(
        &[scene.cancel(0), scene.execute(0)],
        &[&alice],
        PixrError::WithdrawalFrozen,
    );
    // (The last by the system program: the address is taken.)
    scene.world.refuse(&[scene.request(0, 1)], &[&alice], Failure::Custom(0));
    // Nor by another hand: a new authority is bound in the same way.
    let propose =
        scene.platform().propose_authority(alice.pubkey(), scene.shard, ALICE, scene.bob.address());
    scene.run(propose, &[&alice]);
    let bob = scene.bob.key.insecure_clone();
    let accept =
        scene.platform().accept_authority(bob.pubkey(), scene.shard, ALICE, alice.pubkey());
    scene.run(accept, &[&bob]);
    let mut execute = scene.execute(0);
    execute.accounts[0] = AccountMeta::new_readonly(bob.pubkey(), true);
    scene.world.refuse(&[execute.clone()], &[&bob], PixrError::WithdrawalFrozen);
    let unfreeze = scene.freeze(0, false);
    scene.run(unfreeze, &[&guardian]);
    // The old key has lost its say; the new one is paid, to the destination that was fixed.
    scene.world.refuse(&[scene.execute(0)], &[&alice], PixrError::NotCreator);
    scene.run(execute, &[&bob]);
    assert!(scene.world.svm.get_account(&withdrawal).is_none_or(|account| account.data.is_empty()));
    assert_eq!(scene.world.amount(&scene.alice.tokens), 2_000_000_000);
}

#[test]
fn pause_bypass() {
    let mut scene = Scene::new();
    let attempts = all_signed(&mut scene);
    scene.pause();
    for (instruction, signers) in attempts {
        let role = signers[0].pubkey();
        if [scene.admin().pubkey(), scene.guardian().pubkey()].contains(&role) {
            continue;
        }
        scene.world.refuse(&[instruction], &[&signers[0]], PixrError::Paused);
    }
    // A pause holds within a transaction, too; only the admin ends it.
    let (guardian, admin) = (scene.guardian(), scene.admin());
    let lift = scene.platform().unpause(guardian.pubkey());
    scene.world.refuse(&[lift], &[&guardian], PixrError::NotAdmin);
    let unpause = scene.platform().unpause(admin.pubkey());
    scene.run(unpause, &[&admin]);
    let (pause, alice) =
        (scene.platform().pause(guardian.pubkey()), scene.alice.key.insecure_clone());
    scene.world.refuse(&[pause, scene.withdraw(1)], &[&guardian, &alice], PixrError::Paused);
}

/// The most that a stolen keeper key can do in a day: credit `day_cap` in each shard to creators of
/// its own, of which a limit's worth leaves at once; reverse views worth `day_cap`; set qualities.
/// It cannot touch a balance that exists.
#[test]
fn stolen_keeper_key() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    let settings = pixr::state::Settings {
        batch_cap: 2_000_000_000,
        day_cap: EARNED + 5_000_000_000,
        ..SETTINGS
    };
    let admin = scene.admin();
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
    let before = scene.world.shard(&shard);
    let thief = scene.world.wallet(0);
    let slot = scene.world.register_creator(&shard, &thief.address());
    let content = scene.world.register_content(&shard, slot, 666);

    // It invents views as fast as it can.
    let mut stolen = 0;
    for views_invented in [2_000_000, 2_000_000, 2_000_000, 1_000_000, 1_000, 1] {
        if scene.world.settle(&shard, &[views(content, views_invented)]).is_ok() {
            stolen += views_invented * 1_000;
        }
    }
    assert_eq!(stolen, settings.day_cap - EARNED);
    let settle = scene.world.settlement(&shard, &[views(content, 1)]);
    let keeper = scene.keeper();
    scene.world.refuse(&[settle], &[&keeper], PixrError::DayCapExceeded);

    // It leaves within the creator's limit; the rest waits where the guardian can hold it.
    let withdraw =
        |amount| scene.platform().withdraw(thief.address(), shard, slot, thief.tokens, amount);
    let (limit, more) = (withdraw(settings.withdraw_limit), withdraw(1));
    scene.world.run(&[limit], &[&thief.key]).expect("a withdrawal");
    scene.world.refuse(&[more], &[&thief.key], PixrError::WithdrawLimitExceeded);

    // It takes views back, worth no more than the cap, and no balance changes.
    assert!(scene.world.reverse(&shard, &[views(ALICE, 3_000_000)]).is_ok());
    let after = scene.world.shard(&shard);
    assert_eq!(after.creators[..2], before.creators[..2]);
    assert!(after.header.day_reversed <= settings.day_cap);

    // The next day it could go on, until the admin hands the role to another key.
    let replacement = Keypair::new().pubkey();
    let role = pixr::state::Role::Keeper;
    let replace = scene.platform().set_role(admin.pubkey(), role, replacement);
    scene.run(replace, &[&admin]);
    scene.world.wait(i64::try_from(SECONDS_PER_DAY).expect("a day"));
    let settle = scene.world.settlement(&shard, &[views(content, 1)]);
    scene.world.refuse(&[settle], &[&keeper], PixrError::NotKeeper);
    assert!(scene.world.header(&shard).reward_budget >= BUDGET - EARNED - 5_000_000_000);
}
