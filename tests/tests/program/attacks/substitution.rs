//! Every account of every instruction, exchanged for every other one that an attacker might try.

use pixr_client::{
    escrow_address, position_address, round_address, vault_address, withdrawal_address,
};
use pixr_tests::{
    rounds::TERMS,
    tokens::Token,
    transactions::Failure,
    world::{SMALL, pack, views},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::roles::{rounds, signed_instructions};
use crate::{
    interface::committed_idl,
    scene::{ALICE, BOB, Scene},
};

/// Accounts that an instruction's sender may choose: where its own money goes to, and which of the
/// platform's shards a creator registers in.
const FREE: [(&str, &str); 5] = [
    ("withdraw", "destination"),
    ("request_withdrawal", "destination"),
    ("register_creator", "shard"),
    // A creator's own round, and a keeper's: who pays is who signs.
    ("invest", "source"),
    ("buy", "source"),
];

/// The names of an instruction and of its accounts, by the discriminator of its data.
fn names(instruction: &Instruction) -> (String, Vec<String>) {
    let idl = committed_idl();
    let instructions = idl["instructions"].as_array().expect("a list of instructions");
    let tag: Vec<u64> = instruction.data[..8].iter().map(|byte| u64::from(*byte)).collect();
    let found = instructions
        .iter()
        .find(|known| {
            let known = known["discriminator"].as_array().expect("a discriminator");
            known.iter().map(|byte| byte.as_u64().expect("a byte")).eq(tag.iter().copied())
        })
        .expect("an instruction of the program");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    (name(found), found["accounts"].as_array().expect("accounts").iter().map(name).collect())
}

/// What an attacker could put in an account's place: the scene's own accounts of every type, and
/// those of a rival platform on the same chain, which are in perfect order there.
fn pool(scene: &mut Scene) -> Vec<Address> {
    let mut rival = scene.world.rival(Token::Spl);
    let rival_shard = rival.funded_shard(SMALL, 1_000_000_000);
    let (mallory, ..) = rival.creator(&rival_shard);
    rival.settle(&rival_shard, &[views(ALICE, 5_000)]).expect("a batch");
    scene.world.svm = rival.svm.clone();
    let own_tokens = scene.world.token_account(&mallory.address(), 1_000_000);
    let twin = scene.world.open_shard(SMALL);
    let others = [(ALICE, 0), (ALICE, 2), (BOB, 0)].into_iter().flat_map(|(content, number)| {
        let round = round_address(&scene.shard, content, number);
        [round, escrow_address(&round), position_address(&round, &scene.patron.address())]
    });
    let mut pool = others.collect::<Vec<_>>();
    pool.extend([
        rival.platform.address,
        rival.platform.mint,
        rival_shard,
        vault_address(&rival_shard),
        rival.keys.payer.pubkey(),
        mallory.address(),
        mallory.tokens,
        own_tokens,
        twin,
        vault_address(&twin),
        scene.platform().address,
        scene.platform().mint,
        scene.shard,
        vault_address(&scene.shard),
        withdrawal_address(&scene.shard, ALICE, 0),
        scene.bob.address(),
        scene.bob.tokens,
        scene.patron.tokens,
        Token::Spl.program(),
        Token::Token2022.program(),
        pixr::ID,
        Address::default(),
    ]);
    pool
}

/// Exchanges every account of the instructions for every candidate; returns how often.
fn exchange(scene: &mut Scene, instructions: &[(Instruction, Vec<Keypair>)]) -> u32 {
    let candidates = pool(scene);
    let before = scene.world.svm.clone();
    let mut tried = 0;
    for (instruction, signers) in instructions {
        let (name, accounts) = names(instruction);
        let signers: Vec<&Keypair> = signers.iter().collect();
        for (position, account) in accounts.iter().enumerate() {
            let original = &instruction.accounts[position];
            if original.is_signer || FREE.contains(&(name.as_str(), account.as_str())) {
                continue;
            }
            for candidate in &candidates {
                if *candidate == original.pubkey {
                    continue;
                }
                let mut forged = instruction.clone();
                forged.accounts[position].pubkey = *candidate;
                scene.world.svm = before.clone();
                let outcome = scene.world.run(&[forged], &signers);
                assert!(outcome.is_err(), "{name} took {candidate} for its {account}");
                tried += 1;
            }
        }
    }
    scene.world.svm = before;
    tried
}

#[test]
fn substituted_account() {
    let mut scene = Scene::new();
    let mut instructions = signed_instructions(&mut scene);
    instructions.push((scene.execute(0), vec![scene.alice.key.insecure_clone()]));
    instructions.extend(rounds(&mut scene));
    scene.world.wait(172_800);
    let tried = exchange(&mut scene, &instructions);
    assert!(tried > 1_000, "only {tried} substitutions");
}

/// What anybody may send needs no signature to be forged.
#[test]
fn substituted_account_where_nobody_signs() {
    let mut scene = Scene::new();
    let round = scene.earning_round();
    scene.world.wait(i64::from(TERMS.term_seconds) + 1);
    let retire = scene.platform().retire_lane(scene.shard, round);
    assert!(exchange(&mut scene, &[(retire.clone(), Vec::new())]) > 0);
    scene.run(retire, &[]);
    let (claim, patron) = (scene.claim(&round), scene.patron.key.insecure_clone());
    scene.run(claim, &[&patron]);
    let close = scene.close_round(round);
    assert!(exchange(&mut scene, &[(close.clone(), Vec::new())]) > 0);
    scene.run(close, &[]);
}

/// What a wallet signs names its own slot by index: another's index is another's money.
#[test]
fn substituted_index() {
    let mut scene = Scene::new();
    let (platform, shard) = (scene.platform(), scene.shard);
    let bob = scene.bob.key.insecure_clone();
    for index in [ALICE, 2, 7, 8, u32::MAX] {
        let withdraw = platform.withdraw(bob.pubkey(), shard, index, scene.bob.tokens, 1);
        let outcome = scene.world.run(&[withdraw], &[&bob]);
        assert!(matches!(outcome, Err(Failure::Custom(6_000..))), "{index}: {outcome:?}");
    }
    // A slot that is not in use yet has the zero address as its authority, which cannot sign.
    let state = scene.world.shard(&shard);
    assert_eq!(state.header.creator_count, BOB + 1);
    let keeper = scene.keeper();
    let entries = pack(&[views(state.header.content_count, 1)]);
    let settle = platform.settle(keeper.pubkey(), shard, 2, entries);
    scene.world.refuse(&[settle], &[&keeper], pixr::errors::PixrError::UnknownContent);
}
