use anchor_lang::error::ErrorCode;
use pixr::{
    constants::*,
    errors::PixrError,
    state::{Role, Settings, shard::Capacities},
};
use pixr_tests::{
    tokens::Token,
    transactions::Failure,
    world::{SETTINGS, SMALL, World},
};
use solana_address::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{Case, case};
use crate::{
    mints,
    scene::{Attempt, Scene},
};

/// The admin tries settings.
fn settings(scene: &Scene, settings: Settings) -> Attempt {
    scene.admin_signs(scene.platform().update_settings(scene.admin().pubkey(), settings))
}

/// The admin opens a shard in an account of `bytes` bytes.
fn open(scene: &mut Scene, capacities: Capacities, bytes: u64) -> Attempt {
    let (shard, admin, payer) = (Keypair::new(), scene.admin(), scene.payer());
    let length = usize::try_from(bytes).expect("64 bits");
    let lamports = scene.world.svm.minimum_balance_for_rent_exemption(length);
    let create = anchor_lang::solana_program::system_instruction::create_account(
        &payer,
        &shard.pubkey(),
        lamports,
        bytes,
        &pixr::ID,
    );
    scene.world.run(&[create], &[&shard]).expect("an account");
    let open = scene.platform().open_shard_only(payer, admin.pubkey(), shard.pubkey(), capacities);
    (vec![open], vec![admin])
}

fn small_bytes() -> u64 {
    SMALL.account_bytes().expect("possible capacities")
}

/// Another platform, about to be created with these settings.
fn initialize(scene: &mut Scene, change: fn(&mut World)) -> Attempt {
    let mut world = World::without_platform(Token::Spl);
    change(&mut world);
    scene.world = world;
    let start = scene.world.start(SETTINGS);
    let base = scene.world.keys.base.insecure_clone();
    (vec![scene.world.initialize(start)], vec![base])
}

pub fn cases() -> Vec<Case> {
    vec![
        case("initialize_platform", PixrError::RoleIsZero, |scene| {
            initialize(scene, |_| {});
            let mut start = scene.world.start(SETTINGS);
            start.roles.guardian = Address::default();
            let base = scene.world.keys.base.insecure_clone();
            (vec![scene.world.initialize(start)], vec![base])
        }),
        case("initialize_platform", PixrError::BaseRateOutOfBounds, |scene| {
            initialize(scene, |_| {});
            let start = scene.world.start(Settings { base_rate: 0, ..SETTINGS });
            let base = scene.world.keys.base.insecure_clone();
            (vec![scene.world.initialize(start)], vec![base])
        }),
        case("initialize_platform", PixrError::WrongTokenProgram, |scene| {
            initialize(scene, |world| world.platform.token_program = Token::Token2022.program())
        }),
        case("initialize_platform", PixrError::MintHasTransferFee, |scene| {
            initialize(scene, mints::with_transfer_fee)
        }),
        case("initialize_platform", PixrError::MintHasTransferHook, |scene| {
            initialize(scene, mints::with_transfer_hook)
        }),
        case("initialize_platform", PixrError::MintExtensionUnsupported, |scene| {
            initialize(scene, mints::with_permanent_delegate)
        }),
        case("initialize_platform", PixrError::MintExtensionUnsupported, |scene| {
            initialize(scene, mints::with_close_authority)
        }),
        case("initialize_platform", PixrError::MintExtensionUnsupported, |scene| {
            initialize(scene, mints::non_transferable)
        }),
        case("initialize_platform", PixrError::MintExtensionUnsupported, |scene| {
            initialize(scene, mints::with_default_state)
        }),
        case("update_settings", PixrError::NotAdmin, |scene| {
            let keeper = scene.keeper();
            let update = scene.platform().update_settings(keeper.pubkey(), SETTINGS);
            (vec![update], vec![keeper])
        }),
        case("update_settings", PixrError::BaseRateOutOfBounds, |scene| {
            settings(scene, Settings { base_rate: 0, ..SETTINGS })
        }),
        case("update_settings", PixrError::BaseRateOutOfBounds, |scene| {
            settings(scene, Settings { base_rate: BASE_RATE_MAX + 1, ..SETTINGS })
        }),
        case("update_settings", PixrError::CapsOutOfBounds, |scene| {
            settings(scene, Settings { batch_cap: 0, ..SETTINGS })
        }),
        case("update_settings", PixrError::CapsOutOfBounds, |scene| {
            settings(scene, Settings { batch_cap: SETTINGS.day_cap + 1, ..SETTINGS })
        }),
        case("update_settings", PixrError::WithdrawLimitOutOfBounds, |scene| {
            settings(scene, Settings { withdraw_limit: 0, ..SETTINGS })
        }),
        case("update_settings", PixrError::WithdrawWindowOutOfBounds, |scene| {
            let withdraw_window_seconds = WITHDRAW_WINDOW_SECONDS_MIN - 1;
            settings(scene, Settings { withdraw_window_seconds, ..SETTINGS })
        }),
        case("update_settings", PixrError::WithdrawWindowOutOfBounds, |scene| {
            let withdraw_window_seconds = WITHDRAW_WINDOW_SECONDS_MAX + 1;
            settings(scene, Settings { withdraw_window_seconds, ..SETTINGS })
        }),
        case("update_settings", PixrError::WithdrawDelayOutOfBounds, |scene| {
            let withdraw_delay_seconds = WITHDRAW_DELAY_SECONDS_MIN - 1;
            settings(scene, Settings { withdraw_delay_seconds, ..SETTINGS })
        }),
        case("update_settings", PixrError::WithdrawDelayOutOfBounds, |scene| {
            let withdraw_delay_seconds = WITHDRAW_DELAY_SECONDS_MAX + 1;
            settings(scene, Settings { withdraw_delay_seconds, ..SETTINGS })
        }),
        case("update_settings", PixrError::BpsTooHigh, |scene| {
            settings(scene, Settings { platform_fee_bps: 10_001, ..SETTINGS })
        }),
        case("update_settings", PixrError::BpsTooHigh, |scene| {
            settings(scene, Settings { processing_fee_bps: u16::MAX, ..SETTINGS })
        }),
        case("update_settings", PixrError::BpsTooHigh, |scene| {
            settings(scene, Settings { initial_quality: 10_001, ..SETTINGS })
        }),
        case("update_settings", PixrError::FeesTooHigh, |scene| {
            settings(scene, Settings { platform_fee_bps: FEES_BPS_MAX, ..SETTINGS })
        }),
        case("update_settings", PixrError::BpsTooHigh, |scene| {
            settings(scene, Settings { shares_bps_max: 10_001, ..SETTINGS })
        }),
        case("update_settings", PixrError::BaselineSecondsOutOfBounds, |scene| {
            let baseline_seconds_min = BASELINE_SECONDS_MIN - 1;
            settings(scene, Settings { baseline_seconds_min, ..SETTINGS })
        }),
        case("update_settings", PixrError::BaselineSecondsOutOfBounds, |scene| {
            let baseline_seconds_min = BASELINE_SECONDS_MAX + 1;
            settings(scene, Settings { baseline_seconds_min, ..SETTINGS })
        }),
        case("set_role", PixrError::NotAdmin, |scene| {
            let guardian = scene.guardian();
            let holder = guardian.pubkey();
            (vec![scene.platform().set_role(holder, Role::Keeper, holder)], vec![guardian])
        }),
        case("set_role", PixrError::RoleIsZero, |scene| {
            let admin = scene.admin().pubkey();
            scene.admin_signs(scene.platform().set_role(admin, Role::Keeper, Address::default()))
        }),
        case("propose_admin", PixrError::NotAdmin, |scene| {
            let keeper = scene.keeper();
            let key = keeper.pubkey();
            (vec![scene.platform().propose_admin(key, key)], vec![keeper])
        }),
        case("accept_admin", PixrError::NotProposed, |scene| {
            let keeper = scene.keeper();
            (vec![scene.platform().accept_admin(keeper.pubkey())], vec![keeper])
        }),
        case("unpause", PixrError::NotAdmin, |scene| {
            scene.pause();
            let guardian = scene.guardian();
            (vec![scene.platform().unpause(guardian.pubkey())], vec![guardian])
        }),
        case("pause", PixrError::NotGuardian, |scene| {
            let keeper = scene.keeper();
            (vec![scene.platform().pause(keeper.pubkey())], vec![keeper])
        }),
        case("open_shard", PixrError::NotAdmin, |scene| {
            let ([mut instruction], _) = take(open(scene, SMALL, small_bytes()));
            let keeper = scene.keeper();
            instruction.accounts[1].pubkey = keeper.pubkey();
            (vec![instruction], vec![keeper])
        }),
        case("open_shard", PixrError::ShardSizeMismatch, |scene| {
            open(scene, SMALL, small_bytes() + 8)
        }),
        case("open_shard", PixrError::ShardSizeMismatch, |scene| {
            open(scene, SMALL, small_bytes() - 8)
        }),
        case("open_shard", PixrError::ShardCapacityOutOfBounds, |scene| {
            open(scene, Capacities { creators: 0, ..SMALL }, small_bytes())
        }),
        case("open_shard", PixrError::ShardCapacityOutOfBounds, |scene| {
            open(scene, Capacities { contents: 0, ..SMALL }, small_bytes())
        }),
        case("open_shard", PixrError::ShardCapacityOutOfBounds, |scene| {
            open(scene, Capacities { contents: CONTENTS_MAX, ..SMALL }, small_bytes())
        }),
        case("open_shard", PixrError::ShardCapacityOutOfBounds, |scene| {
            open(scene, Capacities { creators: u32::MAX, contents: u32::MAX, lanes: u32::MAX }, 512)
        }),
        // The system program: the shard's vault is there already.
        case("open_shard", Failure::Custom(0), |scene| {
            let (shard, payer) = (scene.shard, scene.payer());
            let admin = scene.admin().pubkey();
            scene.admin_signs(scene.platform().open_shard_only(payer, admin, shard, SMALL))
        }),
        case("open_shard", PixrError::WrongMint, |scene| {
            let ([mut instruction], signers) = take(open(scene, SMALL, small_bytes()));
            let mint = pixr_tests::tokens::write_mint(&mut scene.world.svm, Token::Spl);
            instruction.accounts[5].pubkey = mint;
            (vec![instruction], signers)
        }),
        case("freeze_withdrawal", PixrError::NotGuardian, |scene| {
            scene.requested();
            let mut freeze = scene.freeze(0, true);
            freeze.accounts[0].pubkey = scene.alice.address();
            scene.alice_signs(freeze)
        }),
        case("unfreeze_withdrawal", PixrError::NotGuardian, |scene| {
            scene.requested();
            let mut unfreeze = scene.freeze(0, false);
            unfreeze.accounts[0].pubkey = scene.alice.address();
            scene.alice_signs(unfreeze)
        }),
        case("freeze_withdrawal", PixrError::WrongShard, |scene| {
            scene.requested();
            let other = scene.world.open_shard(SMALL);
            let mut freeze = scene.freeze(0, true);
            freeze.accounts[2].pubkey = other;
            scene.guardian_signs(freeze)
        }),
        // A withdrawal that was never requested has no account.
        case("freeze_withdrawal", Failure::from(ErrorCode::AccountNotInitialized), |scene| {
            scene.guardian_signs(scene.freeze(7, true))
        }),
    ]
}

fn take(
    (instructions, signers): Attempt,
) -> ([anchor_lang::solana_program::instruction::Instruction; 1], Vec<Keypair>) {
    (instructions.try_into().expect("one instruction"), signers)
}
