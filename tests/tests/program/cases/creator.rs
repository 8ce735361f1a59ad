use anchor_lang::error::ErrorCode;
use pixr::{
    constants::CONTENT_PROBES_MAX,
    errors::PixrError,
    state::{ContentSlot, CreatorSlot, shard::bucket_of},
};
use pixr_tests::{tokens::Token, world::SMALL};
use solana_address::Address;
use solana_signer::Signer;

use super::{Case, case};
use crate::scene::{ALICE, Attempt, BOB, EARNED, Scene};

/// The keeper registers a content of alice's.
fn content(scene: &Scene, creator: u32, id: u128) -> Attempt {
    let (keeper, payer) = (scene.keeper().pubkey(), scene.payer());
    let id = id.to_le_bytes();
    scene.keeper_signs(scene.platform().register_content(keeper, scene.shard, payer, creator, id))
}

/// The patron registers itself as a creator.
fn register_patron(scene: &Scene) -> Attempt {
    let (patron, payer) = (scene.patron.address(), scene.payer());
    scene.patron_signs(scene.platform().register_creator(patron, scene.shard, payer, patron))
}

fn propose(scene: &Scene) -> Attempt {
    let (alice, bob) = (scene.alice.address(), scene.bob.address());
    scene.alice_signs(scene.platform().propose_authority(alice, scene.shard, ALICE, bob))
}

/// Alice has proposed bob as her successor.
fn proposed(scene: &mut Scene) {
    let (instructions, signers) = propose(scene);
    scene.run(instructions[0].clone(), &[&signers[0]]);
}

fn accept(scene: &Scene) -> Attempt {
    let (alice, bob) = (scene.alice.address(), scene.bob.address());
    let accept = scene.platform().accept_authority(bob, scene.shard, ALICE, alice);
    (vec![accept], vec![scene.bob.key.insecure_clone()])
}

fn cancel_proposal(scene: &Scene) -> Attempt {
    let alice = scene.alice.address();
    scene.alice_signs(scene.platform().cancel_authority(alice, scene.shard, ALICE))
}

/// `attempt`, with the account at `position` exchanged.
fn with_account(
    (mut instructions, signers): Attempt,
    position: usize,
    address: Address,
) -> Attempt {
    instructions[0].accounts[position].pubkey = address;
    (instructions, signers)
}

fn blank_content(id: u128) -> ContentSlot {
    ContentSlot::new(id.to_le_bytes(), 0, 0)
}

pub fn cases() -> Vec<Case> {
    let mut cases = registration();
    cases.extend(authority());
    cases.extend(withdrawal());
    cases.extend(delayed());
    cases
}

fn registration() -> Vec<Case> {
    vec![
        case("register_creator", PixrError::Paused, |scene| {
            scene.pause();
            register_patron(scene)
        }),
        case("register_creator", PixrError::NotCreatorOrKeeper, |scene| {
            let (patron, payer) = (scene.patron.address(), scene.payer());
            let other = Address::new_unique();
            scene.patron_signs(scene.platform().register_creator(patron, scene.shard, payer, other))
        }),
        case("register_creator", PixrError::RoleIsZero, |scene| {
            let (keeper, payer) = (scene.keeper().pubkey(), scene.payer());
            let zero = Address::default();
            scene.keeper_signs(scene.platform().register_creator(keeper, scene.shard, payer, zero))
        }),
        case("register_creator", PixrError::WrongRentReceiver, |scene| {
            let patron = scene.patron.address();
            let register = scene.platform().register_creator(patron, scene.shard, patron, patron);
            scene.patron_signs(register)
        }),
        case("register_creator", PixrError::ShardFullOfCreators, |scene| {
            let shard = scene.shard;
            while scene.world.header(&shard).creator_count < SMALL.creators {
                scene.world.register_creator(&shard, &Address::new_unique());
            }
            register_patron(scene)
        }),
        case("register_content", PixrError::Paused, |scene| {
            scene.pause();
            content(scene, ALICE, 77)
        }),
        case("register_content", PixrError::NotCreatorOrKeeper, |scene| {
            let (bob, payer) = (scene.bob.address(), scene.payer());
            let register =
                scene.platform().register_content(bob, scene.shard, payer, ALICE, [9; 16]);
            (vec![register], vec![scene.bob.key.insecure_clone()])
        }),
        case("register_content", PixrError::UnknownCreator, |scene| content(scene, 2, 77)),
        case("register_content", PixrError::ContentIdTaken, |scene| content(scene, BOB, 1)),
        case("register_content", PixrError::ShardFullOfContents, |scene| {
            let shard = scene.shard;
            for id in 100.. {
                if scene.world.header(&shard).content_count == SMALL.contents {
                    break;
                }
                scene.world.register_content(&shard, ALICE, id);
            }
            content(scene, ALICE, 77)
        }),
        case("register_content", PixrError::ContentIndexCrowded, |scene| {
            // An adversary's shard: ids picked so that they crowd one place of the index.
            let contents = 4 * CONTENT_PROBES_MAX;
            let capacities = pixr::state::shard::Capacities { contents, ..SMALL };
            scene.shard = scene.world.open_shard(capacities);
            let shard = scene.shard;
            scene.world.register_creator(&shard, &scene.alice.address());
            let places = usize::try_from(2 * contents).expect("64 bits");
            let span = usize::try_from(CONTENT_PROBES_MAX).expect("64 bits");
            let mut taken = vec![false; span];
            let mut victim = None;
            scene.world.forge_shard(&shard, |view| {
                for id in 0..u128::MAX {
                    match bucket_of(&id.to_le_bytes(), places) {
                        0 if taken[0] => victim = Some(id),
                        place if place < span && !taken[place] => {
                            taken[place] = true;
                            view.add_content(blank_content(id)).expect("a free slot");
                        }
                        _ => {}
                    }
                    if victim.is_some() && taken.iter().all(|taken| *taken) {
                        break;
                    }
                }
            });
            content(scene, ALICE, victim.expect("an id of the crowded place"))
        }),
    ]
}

fn authority() -> Vec<Case> {
    vec![
        case("propose_authority", PixrError::Paused, |scene| {
            scene.pause();
            propose(scene)
        }),
        case("propose_authority", PixrError::NotCreator, |scene| {
            let bob = scene.bob.address();
            let propose = scene.platform().propose_authority(bob, scene.shard, ALICE, bob);
            (vec![propose], vec![scene.bob.key.insecure_clone()])
        }),
        case("propose_authority", PixrError::UnknownCreator, |scene| {
            let alice = scene.alice.address();
            scene.alice_signs(scene.platform().propose_authority(alice, scene.shard, 5, alice))
        }),
        case("propose_authority", PixrError::RoleIsZero, |scene| {
            let (alice, zero) = (scene.alice.address(), Address::default());
            scene.alice_signs(scene.platform().propose_authority(alice, scene.shard, ALICE, zero))
        }),
        case("accept_authority", PixrError::Paused, |scene| {
            proposed(scene);
            scene.pause();
            accept(scene)
        }),
        case("accept_authority", PixrError::NotProposed, |scene| {
            proposed(scene);
            let (patron, alice) = (scene.patron.address(), scene.alice.address());
            let accept = scene.platform().accept_authority(patron, scene.shard, ALICE, alice);
            scene.patron_signs(accept)
        }),
        case("accept_authority", PixrError::WrongRentReceiver, |scene| {
            proposed(scene);
            let bob = scene.bob.address();
            with_account(accept(scene), 4, bob)
        }),
        case("accept_authority", PixrError::NotCreator, |scene| {
            // A proposal whose proposer has lost its slot in the meantime is void.
            proposed(scene);
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| {
                view.creator(ALICE).expect("alice").authority = Address::new_unique();
            });
            accept(scene)
        }),
        case("cancel_authority", PixrError::Paused, |scene| {
            proposed(scene);
            scene.pause();
            cancel_proposal(scene)
        }),
        case("cancel_authority", PixrError::NotCreator, |scene| {
            proposed(scene);
            let bob = scene.bob.address();
            let cancel = scene.platform().cancel_authority(bob, scene.shard, ALICE);
            (vec![cancel], vec![scene.bob.key.insecure_clone()])
        }),
    ]
}

fn withdrawal() -> Vec<Case> {
    vec![
        case("withdraw", PixrError::Paused, |scene| {
            scene.pause();
            scene.alice_signs(scene.withdraw(1))
        }),
        case("withdraw", PixrError::AmountIsZero, |scene| scene.alice_signs(scene.withdraw(0))),
        case("withdraw", PixrError::InsufficientBalance, |scene| {
            scene.alice_signs(scene.withdraw(EARNED + 1))
        }),
        case("withdraw", PixrError::InsufficientBalance, |scene| {
            scene.alice_signs(scene.withdraw(u64::MAX))
        }),
        case("withdraw", PixrError::WithdrawLimitExceeded, |scene| {
            scene.alice_signs(scene.withdraw(1_000_000_001))
        }),
        case("withdraw", PixrError::WithdrawLimitExceeded, |scene| {
            let (first, alice) = (scene.withdraw(999_999_999), scene.alice.key.insecure_clone());
            scene.run(first, &[&alice]);
            scene.world.wait(86_399);
            scene.alice_signs(scene.withdraw(2))
        }),
        case("withdraw", PixrError::UnknownCreator, |scene| {
            let alice = scene.alice.address();
            let tokens = scene.alice.tokens;
            scene.alice_signs(scene.platform().withdraw(alice, scene.shard, 2, tokens, 1))
        }),
        case("withdraw", PixrError::NotCreator, |scene| {
            let bob = scene.bob.address();
            let tokens = scene.bob.tokens;
            let withdraw = scene.platform().withdraw(bob, scene.shard, ALICE, tokens, 1);
            (vec![withdraw], vec![scene.bob.key.insecure_clone()])
        }),
        case("withdraw", ErrorCode::ConstraintDuplicateMutableAccount, |scene| {
            let vault = pixr_client::vault_address(&scene.shard);
            with_account(scene.alice_signs(scene.withdraw(1)), 4, vault)
        }),
        case("withdraw", PixrError::WrongTokenProgram, |scene| {
            let other = Token::Token2022.program();
            with_account(scene.alice_signs(scene.withdraw(1)), 6, other)
        }),
        case("withdraw", PixrError::Insolvent, |scene| {
            // Tokens that went missing from the vault, which no instruction can bring about.
            let vault = pixr_client::vault_address(&scene.shard);
            let amount = scene.world.vault_amount(&scene.shard) - 1;
            scene.world.forge(&vault, |account| {
                account.data[64..72].copy_from_slice(&amount.to_le_bytes());
            });
            scene.alice_signs(scene.withdraw(1))
        }),
    ]
}

fn delayed() -> Vec<Case> {
    vec![
        case("request_withdrawal", PixrError::Paused, |scene| {
            scene.pause();
            scene.alice_signs(scene.request(0, 1))
        }),
        case("request_withdrawal", PixrError::AmountIsZero, |scene| {
            scene.alice_signs(scene.request(0, 0))
        }),
        case("request_withdrawal", PixrError::InsufficientBalance, |scene| {
            scene.alice_signs(scene.request(0, EARNED + 1))
        }),
        case("request_withdrawal", PixrError::WithdrawalNumber, |scene| {
            scene.alice_signs(scene.request(1, 1))
        }),
        case("request_withdrawal", PixrError::NotCreator, |scene| {
            let mut request = scene.request(0, 1);
            request.accounts[0].pubkey = scene.bob.address();
            (vec![request], vec![scene.bob.key.insecure_clone()])
        }),
        case("request_withdrawal", PixrError::DestinationIsVault, |scene| {
            let vault = pixr_client::vault_address(&scene.shard);
            with_account(scene.alice_signs(scene.request(0, 1)), 5, vault)
        }),
        case("request_withdrawal", PixrError::WrongMint, |scene| {
            let mint = pixr_tests::tokens::write_mint(&mut scene.world.svm, Token::Spl);
            with_account(scene.alice_signs(scene.request(0, 1)), 6, mint)
        }),
        case("execute_withdrawal", PixrError::Paused, |scene| {
            scene.requested();
            scene.pause();
            scene.alice_signs(scene.execute(0))
        }),
        case("execute_withdrawal", PixrError::WithdrawalTooEarly, |scene| {
            scene.requested();
            scene.world.wait(172_799);
            scene.alice_signs(scene.execute(0))
        }),
        case("execute_withdrawal", PixrError::WithdrawalFrozen, |scene| {
            scene.requested();
            let (freeze, guardian) = (scene.freeze(0, true), scene.guardian());
            scene.run(freeze, &[&guardian]);
            scene.world.wait(172_800);
            scene.alice_signs(scene.execute(0))
        }),
        case("execute_withdrawal", PixrError::WrongDestination, |scene| {
            scene.requested();
            scene.world.wait(172_800);
            let other = scene.world.token_account(&scene.alice.address(), 0);
            with_account(scene.alice_signs(scene.execute(0)), 6, other)
        }),
        case("execute_withdrawal", PixrError::WrongRentReceiver, |scene| {
            scene.requested();
            scene.world.wait(172_800);
            let alice = scene.alice.address();
            with_account(scene.alice_signs(scene.execute(0)), 4, alice)
        }),
        case("execute_withdrawal", PixrError::NotCreator, |scene| {
            scene.requested();
            scene.world.wait(172_800);
            let mut execute = scene.execute(0);
            execute.accounts[0].pubkey = scene.bob.address();
            (vec![execute], vec![scene.bob.key.insecure_clone()])
        }),
        case("execute_withdrawal", ErrorCode::AccountNotInitialized, |scene| {
            scene.alice_signs(scene.execute(0))
        }),
        case("cancel_withdrawal", PixrError::Paused, |scene| {
            scene.requested();
            scene.pause();
            scene.alice_signs(scene.cancel(0))
        }),
        case("cancel_withdrawal", PixrError::WithdrawalFrozen, |scene| {
            scene.requested();
            let (freeze, guardian) = (scene.freeze(0, true), scene.guardian());
            scene.run(freeze, &[&guardian]);
            scene.alice_signs(scene.cancel(0))
        }),
        case("cancel_withdrawal", PixrError::NotCreator, |scene| {
            scene.requested();
            let mut cancel = scene.cancel(0);
            cancel.accounts[0].pubkey = scene.bob.address();
            (vec![cancel], vec![scene.bob.key.insecure_clone()])
        }),
        case("register_creator", PixrError::ShardCorrupt, |scene| {
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| view.header.version = 9);
            register_patron(scene)
        }),
        case("withdraw", PixrError::ShardCorrupt, |scene| {
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| {
                *view.creator(ALICE).expect("alice") = CreatorSlot {
                    authority: scene.alice.address(),
                    balance: u64::MAX,
                    withdrawn: 0,
                    window_spent: 0,
                    window_start: 0,
                    next_withdrawal: 0,
                };
                view.header.balances = 0;
            });
            scene.alice_signs(scene.withdraw(1))
        }),
    ]
}
