//! What every instruction does when it is used as it should be: its state, its tokens, its event.

use anchor_lang::{AnchorDeserialize, Discriminator, Event};
use base64::{Engine, prelude::BASE64_STANDARD};
use litesvm::types::TransactionMetadata;
use pixr::{
    entries::Entry,
    events::*,
    instructions::{chain_reversal, chain_settlement},
    state::{AuthorityTransfer, Platform, Role, Settings, Withdrawal},
};
use pixr_client::{authority_transfer_address, vault_address, withdrawal_address};
use pixr_tests::{
    tokens::Token,
    world::{SETTINGS, SMALL, START, World, pack, views},
};
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::scene::{ALICE, BOB, BUDGET, EARNED, Scene};

/// The one event of type `E` that a transaction emitted.
pub fn event<E: Event + AnchorDeserialize + Discriminator>(meta: &TransactionMetadata) -> E {
    let events: Vec<E> = meta
        .logs
        .iter()
        .filter_map(|line| line.strip_prefix("Program data: "))
        .filter_map(|data| BASE64_STANDARD.decode(data).ok())
        .filter_map(|data| E::try_from_slice(data.strip_prefix(E::DISCRIMINATOR)?).ok())
        .collect();
    let [event]: [E; 1] = events.try_into().ok().expect("one such event");
    event
}

#[test]
fn initialize_platform() {
    for token in [Token::Spl, Token::Token2022] {
        let world = World::new(token);
        let platform: Platform = world.read(&world.platform.address);
        assert_eq!(platform.settings, SETTINGS);
        assert_eq!(platform.mint, world.platform.mint);
        assert_eq!(platform.token_program, token.program());
        assert_eq!(platform.admin, world.keys.admin.pubkey());
        assert_eq!(platform.keeper, world.keys.keeper.pubkey());
        assert_eq!((platform.shard_count, platform.paused), (0, false));
    }
}

#[test]
fn settings_roles_and_pause() {
    let mut scene = Scene::new();
    let (admin, platform) = (scene.admin(), scene.platform());
    let settings = Settings { base_rate: 7, ..SETTINGS };
    let update = platform.update_settings(admin.pubkey(), settings);
    let meta = scene.world.run(&[update], &[&admin]).expect("settings");
    let changed: SettingsChanged = event(&meta);
    assert_eq!((changed.before, changed.after), (SETTINGS, settings));

    let key = Keypair::new().pubkey();
    for role in [Role::Keeper, Role::Guardian, Role::Treasury, Role::Processor] {
        let set = platform.set_role(admin.pubkey(), role, key);
        let meta = scene.world.run(&[set], &[&admin]).expect("a role");
        assert_eq!(event::<RoleChanged>(&meta).after, key);
    }
    let state: Platform = scene.world.read(&platform.address);
    assert_eq!([state.keeper, state.guardian, state.treasury, state.processor], [key; 4]);

    // The guardian has just been replaced; the admin can pause too.
    let pause = platform.pause(admin.pubkey());
    let meta = scene.world.run(&[pause], &[&admin]).expect("a pause");
    assert!(event::<PauseChanged>(&meta).paused);
    let unpause = platform.unpause(admin.pubkey());
    let meta = scene.world.run(&[unpause], &[&admin]).expect("the end of a pause");
    assert!(!event::<PauseChanged>(&meta).paused);
    assert!(!scene.world.read::<Platform>(&platform.address).paused);
}

#[test]
fn admin_transfer_in_two_steps() {
    let mut scene = Scene::new();
    let (admin, next, platform) = (scene.admin(), Keypair::new(), scene.platform());
    let propose = platform.propose_admin(admin.pubkey(), next.pubkey());
    scene.run(propose, &[&admin]);
    // Nothing has changed yet, and the old admin can think better of it.
    assert_eq!(scene.world.read::<Platform>(&platform.address).admin, admin.pubkey());
    let take_back = platform.propose_admin(admin.pubkey(), Default::default());
    scene.run(take_back, &[&admin]);
    let accept = platform.accept_admin(next.pubkey());
    assert!(scene.world.run(&[accept.clone()], &[&next]).is_err());
    let propose = platform.propose_admin(admin.pubkey(), next.pubkey());
    scene.run(propose, &[&admin]);
    let meta = scene.world.run(&[accept], &[&next]).expect("a new admin");
    let changed: AdminChanged = event(&meta);
    assert_eq!((changed.before, changed.after), (admin.pubkey(), next.pubkey()));
    let state: Platform = scene.world.read(&platform.address);
    assert_eq!((state.admin, state.pending_admin), (next.pubkey(), Default::default()));
}

#[test]
fn open_and_fund_shards() {
    let mut world = World::new(Token::Spl);
    for number in 0..3 {
        let shard = world.open_shard(SMALL);
        let header = world.header(&shard);
        assert_eq!(header.number, number);
        assert_eq!(header.platform, world.platform.address);
        assert_eq!(header.vault, vault_address(&shard));
        assert_eq!(header.next_sequence, 1);
        assert_eq!(header.hash, [0; 32]);
        world.fund(&shard, 500);
        let funder = world.wallet(100);
        let fund = world.platform.fund_shard(funder.address(), funder.tokens, shard, 100);
        let meta = world.run(&[fund], &[&funder.key]).expect("a funded shard");
        let funded: BudgetFunded = event(&meta);
        assert_eq!((funded.amount, funded.budget_before, funded.budget_after), (100, 500, 600));
        assert_eq!((world.vault_amount(&shard), world.amount(&funder.tokens)), (600, 0));
    }
    assert_eq!(world.read::<Platform>(&world.platform.address).shard_count, 3);
}

#[test]
fn creators_register_themselves_and_pay_for_their_slot() {
    let mut scene = Scene::new();
    let (platform, shard, payer) = (scene.platform(), scene.shard, scene.payer());
    let patron = scene.patron.address();
    let before = scene.world.svm.get_balance(&patron).expect("lamports");
    let register = platform.register_creator(patron, shard, payer, patron);
    let key = scene.patron.key.insecure_clone();
    let meta = scene.world.run(&[register], &[&key]).expect("a creator");
    let registered: CreatorRegistered = event(&meta);
    assert_eq!((registered.creator, registered.authority), (2, patron));
    let rent = |bytes| {
        let svm = &scene.world.svm;
        svm.minimum_balance_for_rent_exemption(bytes) - svm.minimum_balance_for_rent_exemption(0)
    };
    let (creator_rent, content_rent) = (rent(64), rent(64));
    let after = scene.world.svm.get_balance(&patron).expect("lamports");
    assert_eq!(before - after, creator_rent);

    let content = platform.register_content(patron, shard, payer, 2, [5; 16]);
    let meta = scene.world.run(&[content], &[&key]).expect("a content");
    let registered: ContentRegistered = event(&meta);
    assert_eq!((registered.content, registered.creator, registered.id), (2, 2, [5; 16]));
    assert_eq!(after - scene.world.svm.get_balance(&patron).expect("lamports"), content_rent);
    let state = scene.world.shard(&shard);
    assert_eq!((state.contents[2].id, state.contents[2].quality()), ([5; 16], 10_000));
    assert_eq!(state.creators[2].authority, patron);
}

#[test]
fn authority_changes_hands_in_two_steps() {
    let mut scene = Scene::new();
    let (platform, shard) = (scene.platform(), scene.shard);
    let (alice, bob) = (scene.alice.key.insecure_clone(), scene.bob.key.insecure_clone());
    let propose = platform.propose_authority(alice.pubkey(), shard, ALICE, bob.pubkey());
    let cancel = platform.cancel_authority(alice.pubkey(), shard, ALICE);
    let address = authority_transfer_address(&shard, ALICE);
    let lamports = |scene: &Scene| scene.world.svm.get_balance(&alice.pubkey());
    let before = lamports(&scene);
    scene.run(propose.clone(), &[&alice]);
    let proposal: AuthorityTransfer = scene.world.read(&address);
    assert_eq!((proposal.creator, proposal.proposed), (ALICE, bob.pubkey()));
    scene.run(cancel, &[&alice]);
    assert!(scene.world.svm.get_account(&address).is_none());
    assert_eq!(lamports(&scene), before);
    scene.run(propose, &[&alice]);
    let accept = platform.accept_authority(bob.pubkey(), shard, ALICE, alice.pubkey());
    let meta = scene.world.run(&[accept], &[&bob]).expect("a new authority");
    let changed: AuthorityChanged = event(&meta);
    assert_eq!((changed.before, changed.after), (alice.pubkey(), bob.pubkey()));
    assert_eq!(scene.world.shard(&shard).creators[0].authority, bob.pubkey());
    assert_eq!(lamports(&scene), before);
}

#[test]
fn withdraw_within_the_window() {
    let mut scene = Scene::new();
    let alice = scene.alice.key.insecure_clone();
    let limit = SETTINGS.withdraw_limit;
    let meta = scene.world.run(&[scene.withdraw(limit)], &[&alice]).expect("a withdrawal");
    let withdrawn: Withdrawn = event(&meta);
    assert_eq!((withdrawn.amount, withdrawn.balance_before), (limit, EARNED));
    assert_eq!(withdrawn.balance_after, EARNED - limit);
    assert_eq!(scene.world.amount(&scene.alice.tokens), limit);
    // The window starts anew a day after the first withdrawal in it.
    scene.world.wait(86_400);
    scene.run(scene.withdraw(limit), &[&alice]);
    let slot = scene.world.shard(&scene.shard).creators[0];
    assert_eq!((slot.balance, slot.withdrawn), (EARNED - 2 * limit, 2 * limit));
    assert_eq!(slot.credited(), Some(EARNED));
    assert_eq!(i64::from(slot.window_start), START + 86_400);
    assert_eq!(scene.world.header(&scene.shard).withdrawn, 2 * limit);
    assert_eq!(scene.world.vault_amount(&scene.shard), BUDGET - 2 * limit);
}

#[test]
fn delayed_withdrawals() {
    let mut scene = Scene::new();
    let (shard, alice, guardian) =
        (scene.shard, scene.alice.key.insecure_clone(), scene.guardian());
    let address = withdrawal_address(&shard, ALICE, 0);
    let request = scene.request(0, 2_000_000_000);
    let meta = scene.world.run(&[request], &[&alice]).expect("a request");
    let requested: WithdrawalRequested = event(&meta);
    assert_eq!(requested.executable_at, START + 172_800);
    assert_eq!((requested.balance_before, requested.balance_after), (EARNED, 1_000_000_000));
    let state: Withdrawal = scene.world.read(&address);
    assert_eq!((state.amount, state.destination), (2_000_000_000, scene.alice.tokens));
    assert_eq!(scene.world.header(&shard).delayed, 2_000_000_000);

    // Cancelled: everything is back.
    let meta = scene.world.run(&[scene.cancel(0)], &[&alice]).expect("a cancellation");
    assert_eq!(event::<WithdrawalCancelled>(&meta).balance_after, EARNED);
    assert_eq!(scene.world.header(&shard).delayed, 0);
    assert_eq!(scene.world.shard(&shard).creators[0].withdrawn, 0);

    // Frozen and released, then executed to the second; the rent goes back.
    let lamports = scene.world.svm.get_balance(&scene.payer()).expect("lamports");
    let request = scene.request(1, EARNED);
    scene.run(request, &[&alice]);
    let meta = scene.world.run(&[scene.freeze(1, true)], &[&guardian]).expect("a freeze");
    assert!(event::<FreezeChanged>(&meta).frozen);
    scene.world.wait(172_800);
    let meta = scene.world.run(&[scene.freeze(1, false)], &[&guardian]).expect("a release");
    assert!(!event::<FreezeChanged>(&meta).frozen);
    let meta = scene.world.run(&[scene.execute(1)], &[&alice]).expect("a payment");
    let executed: WithdrawalExecuted = event(&meta);
    assert_eq!(
        (executed.amount, executed.delayed_before, executed.delayed_after),
        (EARNED, EARNED, 0)
    );
    assert_eq!(scene.world.amount(&scene.alice.tokens), EARNED);
    assert!(scene.world.svm.get_account(&withdrawal_address(&shard, ALICE, 1)).is_none());
    let fees = 5_000 * (2 + 2 + 2 + 2);
    assert_eq!(scene.world.svm.get_balance(&scene.payer()).expect("lamports") + fees, lamports);
    let header = scene.world.header(&shard);
    assert_eq!((header.balances, header.delayed, header.withdrawn), (0, 0, EARNED));
}

#[test]
fn settle_pays_by_the_formula_and_chains_the_hash() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    let before = scene.world.shard(&shard);
    let entries = [
        Entry { content: 0, views: 7, relevance: 3_333 },
        Entry { content: 1, views: 70_000, relevance: 10_000 },
        Entry { content: 1, views: 1, relevance: 0 },
    ];
    let meta = scene.world.settle(&shard, &entries).expect("a batch");
    let after = scene.world.shard(&shard);
    let alice = 7 * 3_333 * 1_000_000 / 10_000_000;
    let bob = 70_000 * 1_000;
    assert_eq!(after.creators[0].balance, EARNED + alice);
    assert_eq!(after.creators[1].balance, bob);
    assert_eq!(after.contents[0].earned, EARNED + alice);
    assert_eq!(after.contents[0].remainder, 7 * 3_333 * 1_000_000 % 10_000_000);
    assert_eq!(after.contents[1].views, 70_001);
    let settled: BatchSettled = event(&meta);
    assert_eq!((settled.sequence, settled.views), (2, 70_008));
    assert_eq!(settled.credited, alice + bob);
    assert_eq!(settled.budget_before - settled.budget_after, alice + bob);
    assert_eq!(settled.balances_after - settled.balances_before, alice + bob);
    assert_eq!(settled.hash, chain_settlement(&before.header.hash, &pack(&entries)));
    assert_eq!(after.header.hash, settled.hash);

    // The running hash is enough to prove a published list: start at zero, chain every batch.
    let first = chain_settlement(&[0; 32], &pack(&[views(ALICE, 3_000_000)]));
    assert_eq!(chain_settlement(&first, &pack(&entries)), after.header.hash);
}

#[test]
fn rate_and_quality_count_from_the_next_batch_and_lose_no_remainder() {
    let mut scene = Scene::new();
    let (shard, keeper, admin) = (scene.shard, scene.keeper(), scene.admin());
    let fraction = Entry { content: 1, views: 1, relevance: 7 };
    scene.world.settle(&shard, &[fraction]).expect("a batch");
    let kept = 7 * 1_000_000;
    assert_eq!(scene.world.shard(&shard).contents[1].remainder, kept);
    let quality = scene.platform().set_quality(keeper.pubkey(), shard, BOB, 2_500);
    let meta = scene.world.run(&[quality], &[&keeper]).expect("a quality");
    let changed: QualityChanged = event(&meta);
    assert_eq!((changed.before, changed.after, changed.next_sequence), (10_000, 2_500, 3));
    let settings = Settings { base_rate: 2_000_000, ..SETTINGS };
    let update = scene.platform().update_settings(admin.pubkey(), settings);
    scene.run(update, &[&admin]);
    assert_eq!(scene.world.shard(&shard).contents[1].remainder, kept);
    scene.world.settle(&shard, &[fraction]).expect("a batch");
    let content = scene.world.shard(&shard).contents[1];
    let total = kept + 7 * 500_000;
    assert_eq!((content.earned, content.remainder), (1, total - 10_000_000));
}

#[test]
fn content_added_later_needs_no_change_of_old_entries() {
    let mut scene = Scene::new();
    let (shard, keeper) = (scene.shard, scene.keeper());
    // Packed before, settled after another content was registered.
    let settle = scene.world.settlement(&shard, &[views(BOB, 9)]);
    scene.world.register_content(&shard, ALICE, 424_242);
    scene.run(settle, &[&keeper]);
    assert_eq!(scene.world.shard(&shard).contents[1].views, 9);
}

#[test]
fn reversals_reduce_later_earnings_and_no_balance() {
    let mut scene = Scene::new();
    let shard = scene.shard;
    let before = scene.world.shard(&shard);
    let meta = scene.world.reverse(&shard, &[views(ALICE, 1_000)]).expect("a reversal");
    let reversed: ViewsReversed = event(&meta);
    assert_eq!((reversed.sequence, reversed.views, reversed.value), (2, 1_000, 1_000_000));
    assert_eq!(reversed.hash, chain_reversal(&before.header.hash, &pack(&[views(ALICE, 1_000)])));
    let after = scene.world.shard(&shard);
    assert_eq!(after.creators, before.creators);
    assert_eq!(after.contents[0].remainder, -1_000_000 * 10_000_000);
    assert_eq!(after.contents[0].views, 2_999_000);
    assert_eq!(after.header.day_reversed, 1_000_000);
    // 400 views and 600 more only earn back what was owed; the next one is paid.
    for (count, expected) in [(400, 0), (599, 0), (1, 0), (1, 1_000)] {
        let balance = scene.world.shard(&shard).creators[0].balance;
        scene.world.settle(&shard, &[views(ALICE, count)]).expect("a batch");
        assert_eq!(scene.world.shard(&shard).creators[0].balance - balance, expected);
    }
    // A debt that a large entry outweighs.
    scene.world.reverse(&shard, &[views(ALICE, 50_000)]).expect("a reversal");
    let balance = scene.world.shard(&shard).creators[0].balance;
    scene.world.settle(&shard, &[views(ALICE, 60_000)]).expect("a batch");
    assert_eq!(scene.world.shard(&shard).creators[0].balance - balance, 10_000_000);
}

#[test]
fn tips_are_paid_less_fees_that_are_collected() {
    let mut scene = Scene::new();
    let (patron, shard) = (scene.patron.key.insecure_clone(), scene.shard);
    let meta = scene.world.run(&[scene.tip(10_001)], &[&patron]).expect("a tip");
    let tipped: Tipped = event(&meta);
    assert_eq!((tipped.platform_fee, tipped.processing_fee), (501, 291));
    assert_eq!(tipped.balance_after - tipped.balance_before, 10_001 - 501 - 291);
    assert_eq!(tipped.memo, "for the sunrise video");
    assert_eq!(scene.world.vault_amount(&shard), BUDGET + 10_001);

    let (treasury, processor) =
        (scene.world.keys.treasury.pubkey(), scene.world.keys.processor.pubkey());
    let treasury = scene.world.token_account(&treasury, 0);
    let processor = scene.world.token_account(&processor, 0);
    let collect = scene.platform().collect_fees(shard, treasury, processor);
    let meta = scene.world.run(&[collect], &[]).expect("collected fees");
    let collected: FeesCollected = event(&meta);
    assert_eq!((collected.platform_fees, collected.processing_fees), (501, 291));
    assert_eq!((scene.world.amount(&treasury), scene.world.amount(&processor)), (501, 291));
    let header = scene.world.header(&shard);
    assert_eq!((header.platform_fees, header.processing_fees, header.tipped), (0, 0, 9_209));
}

#[test]
fn one_wallet_can_be_treasury_and_processor() {
    let mut scene = Scene::new();
    let (patron, admin, platform) =
        (scene.patron.key.insecure_clone(), scene.admin(), scene.platform());
    let treasury = scene.world.keys.treasury.pubkey();
    let set = platform.set_role(admin.pubkey(), Role::Processor, treasury);
    scene.run(set, &[&admin]);
    scene.run(scene.tip(10_000), &[&patron]);
    let tokens = scene.world.token_account(&treasury, 0);
    scene.run(platform.collect_fees(scene.shard, tokens, tokens), &[]);
    assert_eq!(scene.world.amount(&tokens), 790);
}
