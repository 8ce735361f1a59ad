//! Known classes of attack on Solana programs, each tried. The class is in the test's name.

use anchor_lang::{
    AccountSerialize, Discriminator, error::ErrorCode, solana_program::instruction::AccountMeta,
};
use pixr::{
    constants::SECONDS_PER_DAY,
    errors::PixrError,
    state::{Platform as PlatformState, Shard, Withdrawal},
};
use pixr_client::{vault_address, withdrawal_address};
use pixr_tests::{
    tokens::Token,
    transactions::Failure,
    world::{SETTINGS, SMALL, World, pack, views},
};
use solana_account::Account;
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::scene::{ALICE, BOB, BUDGET, EARNED, Scene};

/// Every instruction of the program that needs a signature, as its rightful signers would send it.
fn signed_instructions(scene: &mut Scene) -> Vec<(Instruction, Vec<Keypair>)> {
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

#[test]
fn missing_signer() {
    let mut scene = Scene::new();
    for (mut instruction, signers) in signed_instructions(&mut scene) {
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
    for (mut instruction, signers) in signed_instructions(&mut scene) {
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
fn wrong_owner_fake_accounts_of_another_program() {
    let mut scene = Scene::new();
    let (instructions, signers) =
        scene.keeper_signs(scene.world.settlement(&scene.shard, &[views(ALICE, 1)]));
    for position in [1, 2] {
        // The same bytes, in an account that the attacker's program owns.
        let address = instructions[0].accounts[position].pubkey;
        let mut copy = scene.world.svm.get_account(&address).expect("an account");
        copy.owner = Address::new_unique();
        let fake = Address::new_unique();
        scene.world.svm.set_account(fake, copy).expect("a fake account");
        let mut forged = instructions[0].clone();
        forged.accounts[position].pubkey = fake;
        scene.world.refuse(&[forged], &[&signers[0]], ErrorCode::AccountOwnedByWrongProgram);
    }
}

#[test]
fn type_confusion() {
    let mut scene = Scene::new();
    scene.requested();
    let (platform, shard) = (scene.platform().address, scene.shard);
    let withdrawal = withdrawal_address(&shard, ALICE, 0);
    let (instructions, signers) =
        scene.keeper_signs(scene.world.settlement(&shard, &[views(ALICE, 1)]));
    for (position, other) in [(1, shard), (1, withdrawal), (2, platform), (2, withdrawal)] {
        let mut confused = instructions[0].clone();
        confused.accounts[position].pubkey = other;
        scene.world.refuse(&[confused], &[&signers[0]], ErrorCode::AccountDiscriminatorMismatch);
    }
}

#[test]
fn accounts_of_another_platform() {
    let mut scene = Scene::new();
    let mut rival = scene.world.rival(Token::Spl);
    let rival_shard = rival.funded_shard(SMALL, 1_000_000);
    rival.creator(&rival_shard);
    let rival_keeper = rival.keys.keeper.insecure_clone();
    scene.world.svm = rival.svm.clone();

    // The rival's keeper, rightful on its own platform, settles into our shard.
    let entries = pack(&[views(ALICE, 1)]);
    let own = rival.platform.settle(rival_keeper.pubkey(), scene.shard, 2, entries.clone());
    scene.world.refuse(&[own], &[&rival_keeper], PixrError::WrongPlatform);
    let ours = scene.platform().settle(rival_keeper.pubkey(), scene.shard, 2, entries);
    scene.world.refuse(&[ours], &[&rival_keeper], PixrError::NotKeeper);

    // Alice draws on the rival's vault.
    let alice = scene.alice.key.insecure_clone();
    let mut withdraw = scene.withdraw(1);
    withdraw.accounts[3].pubkey = vault_address(&rival_shard);
    scene.world.refuse(&[withdraw], &[&alice], PixrError::WrongVault);
    // Alice names the rival's shard, where index 0 is somebody else.
    let mut withdraw = scene.withdraw(1);
    withdraw.accounts[2].pubkey = rival_shard;
    scene.world.refuse(&[withdraw], &[&alice], PixrError::WrongPlatform);
    // The rival's guardian freezes our withdrawal through its own platform.
    scene.requested();
    let mut freeze = scene.freeze(0, true);
    freeze.accounts[0].pubkey = rival.keys.guardian.pubkey();
    freeze.accounts[1].pubkey = rival.platform.address;
    let guardian = rival.keys.guardian.insecure_clone();
    scene.world.refuse(&[freeze], &[&guardian], PixrError::WrongPlatform);
}

#[test]
fn substituted_mint_and_token_program() {
    let mut scene = Scene::new();
    let worthless = pixr_tests::tokens::write_mint(&mut scene.world.svm, Token::Spl);
    let patron = scene.patron.key.insecure_clone();
    let source = Address::new_unique();
    let program = Token::Spl.program();
    pixr_tests::tokens::write_token_account(
        &mut scene.world.svm,
        program,
        source,
        worthless,
        patron.pubkey(),
        1_000_000,
    );
    let mut tip = scene.tip(100_000);
    tip.accounts[4].pubkey = source;
    scene.world.refuse(&[tip.clone()], &[&patron], PixrError::WrongMint);
    tip.accounts[5].pubkey = worthless;
    scene.world.refuse(&[tip], &[&patron], PixrError::WrongMint);

    // A program of the attacker's in place of the token program, and the other token program.
    let mut tip = scene.tip(100_000);
    tip.accounts[6].pubkey = Address::new_unique();
    scene.world.refuse(&[tip.clone()], &[&patron], ErrorCode::InvalidProgramId);
    tip.accounts[6].pubkey = Token::Token2022.program();
    scene.world.refuse(&[tip], &[&patron], PixrError::WrongTokenProgram);
}

#[test]
fn duplicate_mutable_accounts() {
    let mut scene = Scene::new();
    let (alice, patron) = (scene.alice.key.insecure_clone(), scene.patron.key.insecure_clone());
    let vault = vault_address(&scene.shard);
    // The vault as its own destination: the balance would go down and no token would move.
    let mut withdraw = scene.withdraw(1);
    withdraw.accounts[4].pubkey = vault;
    scene.world.refuse(&[withdraw], &[&alice], ErrorCode::ConstraintDuplicateMutableAccount);
    // The vault as the source of a tip: credit for tokens that were there already.
    let mut tip = scene.tip(100);
    tip.accounts[4].pubkey = vault;
    scene.world.refuse(&[tip], &[&patron], ErrorCode::ConstraintDuplicateMutableAccount);
    // One content many times in a batch counts once for each entry, no more.
    let before = scene.world.shard(&scene.shard).contents[0].views;
    let shard = scene.shard;
    scene
        .world
        .settle(&shard, &[views(ALICE, 1), views(ALICE, 1), views(ALICE, 1)])
        .expect("a batch");
    assert_eq!(scene.world.shard(&shard).contents[0].views, before + 3);
}

#[test]
fn forged_address_and_bump() {
    let mut scene = Scene::new();
    scene.requested();
    scene.world.wait(172_800);
    // A withdrawal of the right type and owner at an address that was not derived for it.
    let forged = Withdrawal {
        shard: scene.shard,
        destination: scene.alice.tokens,
        payer: scene.payer(),
        amount: EARNED,
        executable_at: 0,
        creator: ALICE,
        number: 0,
        frozen: false,
        bump: 255,
    };
    let mut data = Vec::new();
    forged.try_serialize(&mut data).expect("bytes");
    let account =
        Account { lamports: 1 << 30, data, owner: pixr::ID, executable: false, rent_epoch: 0 };
    let address = Address::new_unique();
    scene.world.svm.set_account(address, account).expect("an account");
    let alice = scene.alice.key.insecure_clone();
    let mut execute = scene.execute(0);
    execute.accounts[3].pubkey = address;
    let seeds = Failure::from(ErrorCode::ConstraintSeeds);
    scene.world.refuse(&[execute], &[&alice], seeds.clone());
    // A request whose account is at another creator's address.
    let mut request = scene.request(1, 1);
    request.accounts[4].pubkey = withdrawal_address(&scene.shard, BOB, 1);
    scene.world.refuse(&[request], &[&alice], seeds.clone());
    // A shard whose vault is not the derived one.
    let mut withdraw = scene.withdraw(1);
    withdraw.accounts[3].pubkey = scene.patron.tokens;
    scene.world.refuse(&[withdraw], &[&alice], PixrError::WrongVault);
}

#[test]
fn reinitialization() {
    let mut scene = Scene::new();
    let start = scene.world.start(SETTINGS);
    let initialize = scene.world.initialize(start);
    let base = scene.world.keys.base.insecure_clone();
    // The system program: the account is in use already.
    scene.world.refuse(&[initialize], &[&base], Failure::Custom(0));
    let admin = scene.admin();
    let open = scene.platform().open_shard_only(scene.payer(), admin.pubkey(), scene.shard, SMALL);
    // The system program again: the shard's vault is there already.
    scene.world.refuse(&[open], &[&admin], Failure::Custom(0));
    // Nobody else can take a platform's address either: its base must sign.
    let mut world = World::without_platform(Token::Spl);
    let mut squat = world.initialize(world.start(SETTINGS));
    squat.accounts[1].is_signer = false;
    world.refuse(&[squat], &[], ErrorCode::AccountNotSigner);
}

#[test]
fn revival_of_a_closed_account() {
    let mut scene = Scene::new();
    scene.requested();
    scene.world.wait(172_800);
    let (execute, alice) = (scene.execute(0), scene.alice.key.insecure_clone());
    let withdrawal = withdrawal_address(&scene.shard, ALICE, 0);
    // Executed and fed with lamports again in one transaction, so that it would outlive it.
    let feed = anchor_lang::solana_program::system_instruction::transfer(
        &scene.payer(),
        &withdrawal,
        10_000_000,
    );
    scene.world.run(&[execute.clone(), feed], &[&alice]).expect("a payment");
    let left = scene.world.svm.get_account(&withdrawal).expect("lamports");
    assert!(left.data.is_empty() && left.owner != pixr::ID);
    let paid = scene.world.amount(&scene.alice.tokens);
    scene.world.refuse(&[execute.clone()], &[&alice], ErrorCode::AccountOwnedByWrongProgram);
    // Its number never comes back.
    scene.world.refuse(&[scene.request(0, 1)], &[&alice], PixrError::WithdrawalNumber);
    // Twice in one transaction pays nothing.
    let request = scene.request(1, 1_000);
    scene.run(request, &[&alice]);
    scene.world.wait(172_800);
    let twice = [scene.execute(1), scene.execute(1)];
    scene.world.refuse(&twice, &[&alice], ErrorCode::AccountNotInitialized);
    assert_eq!(scene.world.amount(&scene.alice.tokens), paid);
}

#[test]
fn arithmetic_overflow() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    // The largest batch at the highest rate: its sum must not wrap round into something small.
    let mut settings = SETTINGS;
    settings.base_rate = pixr::constants::BASE_RATE_MAX;
    settings.day_cap = u64::MAX;
    settings.batch_cap = u64::MAX;
    let admin = scene.admin();
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
    let largest = vec![views(ALICE, 1 << 24); 450];
    let settle = scene.world.settlement(&shard, &largest);
    let keeper = scene.keeper();
    scene.world.refuse(&[settle], &[&keeper], PixrError::BudgetExhausted);
    // With a budget that covers it, every unit is accounted for.
    scene.world.forge_shard(&shard, |view| {
        view.header.reward_budget = u64::MAX / 2;
        view.header.balances = 0;
    });
    let before = scene.world.shard(&shard);
    scene.world.settle(&shard, &largest).expect("a batch");
    let after = scene.world.shard(&shard);
    let earned = 450 * ((1_u128 << 24) * 10_000 * u128::from(settings.base_rate) / 10_000_000);
    let credited = u128::from(after.header.credited - before.header.credited);
    assert!(credited >= earned && credited < earned + 450);
    let creator = after.creators[0].balance - before.creators[0].balance;
    assert_eq!(u128::from(creator), credited);
    // Amounts at the edge of 64 bits.
    let alice = scene.alice.key.insecure_clone();
    for amount in [u64::MAX, u64::MAX - 1, 1 << 63] {
        scene.world.refuse(&[scene.withdraw(amount)], &[&alice], PixrError::InsufficientBalance);
    }
}

#[test]
fn replayed_and_reordered_batches() {
    let mut scene = Scene::new();
    let (shard, keeper) = (scene.shard, scene.keeper());
    let batch = |sequence, views_of_alice| {
        let entries = pack(&[views(ALICE, views_of_alice)]);
        scene.platform().settle(keeper.pubkey(), shard, sequence, entries)
    };
    let (second, third) = (batch(2, 10), batch(3, 20));
    scene.world.refuse(&[third.clone()], &[&keeper], PixrError::SequenceGap);
    scene.world.refuse(&[second.clone(), second.clone()], &[&keeper], PixrError::SequenceReplayed);
    scene.world.refuse(&[third.clone(), second.clone()], &[&keeper], PixrError::SequenceGap);
    scene.world.run(&[second.clone(), third.clone()], &[&keeper]).expect("two batches");
    for replayed in [second, third] {
        scene.world.refuse(&[replayed], &[&keeper], PixrError::SequenceReplayed);
    }
}

#[test]
fn rounding_drained_by_many_tiny_operations() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    // Many batches of one view at a relevance that earns a fraction each...
    let tiny = pixr::entries::Entry { content: u64::from(BOB), views: 1, relevance: 3 };
    let settings = pixr::state::Settings { base_rate: 1_111, ..SETTINGS };
    let admin = scene.admin();
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
    for _ in 0..10 {
        scene.world.settle(&shard, &[tiny; 1_000]).expect("a batch");
    }
    // ...earn what one batch of all of them would, to the last fraction.
    let content = scene.world.shard(&shard).contents[1];
    let product = 10_000 * 3 * 1_111;
    assert_eq!(
        (content.earned, content.remainder),
        (product / 10_000_000, (product % 10_000_000) as i64)
    );

    // Many tiny tips pay no less in fees than one large one.
    let patron = scene.patron.key.insecure_clone();
    for _ in 0..50 {
        let tip = scene.tip(13);
        scene.run(tip, &[&patron]);
    }
    let header = scene.world.header(&shard);
    let total = 50 * 13;
    assert!(header.platform_fees >= total * 500 / 10_000);
    assert!(header.processing_fees >= total * 290 / 10_000);
    assert_eq!(header.platform_fees + header.processing_fees + header.tipped, total);
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
    let attempts = signed_instructions(&mut scene);
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

/// Accounts that only look like ours: right owner, cut short.
#[test]
fn truncated_accounts() {
    let mut scene = Scene::new();
    let (shard, keeper) = (scene.shard, scene.keeper());
    let settle = scene.world.settlement(&shard, &[views(ALICE, 1)]);
    scene.world.forge(&shard, |account| account.data.truncate(600));
    scene.world.refuse(&[settle.clone()], &[&keeper], PixrError::ShardCorrupt);
    scene.world.forge(&shard, |account| account.data.truncate(Shard::DISCRIMINATOR.len()));
    scene.world.refuse(&[settle.clone()], &[&keeper], ErrorCode::AccountDidNotDeserialize);
    let platform = scene.platform().address;
    scene.world.forge(&platform, |account| account.data.truncate(100));
    scene.world.refuse(&[settle], &[&keeper], ErrorCode::AccountDidNotDeserialize);
    assert!(PlatformState::SPACE > 100);
    // Data that is no instruction.
    let garbage = Instruction { program_id: pixr::ID, accounts: Vec::new(), data: vec![1, 2, 3] };
    scene.world.refuse(&[garbage], &[], ErrorCode::InstructionFallbackNotFound);
}
