//! Accounts that are not what they seem.

use anchor_lang::{AccountSerialize, Discriminator, error::ErrorCode};
use pixr::{
    errors::PixrError,
    state::{Shard, Withdrawal},
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
use solana_signer::Signer;

use crate::scene::{ALICE, BOB, EARNED, Scene};

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
    // Data that is no instruction.
    let garbage = Instruction { program_id: pixr::ID, accounts: Vec::new(), data: vec![1, 2, 3] };
    scene.world.refuse(&[garbage], &[], ErrorCode::InstructionFallbackNotFound);
}
