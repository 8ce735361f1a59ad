//! Which mints a platform can be made of.

use anchor_lang::solana_program::{
    program_error::ProgramError, system_instruction::create_account,
};
use anchor_spl::token_2022::spl_token_2022::{
    extension::{
        ExtensionType, default_account_state::instruction::initialize_default_account_state,
        metadata_pointer, transfer_fee, transfer_hook,
    },
    instruction as token_instruction,
    state::{AccountState, Mint},
};
use pixr_client::Platform;
use pixr_tests::{
    tokens::{self, Token},
    world::{SETTINGS, SMALL, World, views},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

const TOKEN_2022: Address = Token::Token2022.program();

/// Gives the world a Token-2022 mint with one extension, before it has a platform.
fn make_mint(
    world: &mut World,
    extension: ExtensionType,
    initialize: impl Fn(&Address, &Address) -> Result<Instruction, ProgramError>,
) {
    let mint = Keypair::new();
    let payer = world.keys.payer.pubkey();
    let space = ExtensionType::try_calculate_account_len::<Mint>(&[extension]).expect("a size");
    let rent = world.svm.minimum_balance_for_rent_exemption(space);
    let space = u64::try_from(space).expect("64 bits");
    let create = [
        create_account(&payer, &mint.pubkey(), rent, space, &TOKEN_2022),
        initialize(&mint.pubkey(), &payer).expect("an instruction"),
        token_instruction::initialize_mint2(&TOKEN_2022, &mint.pubkey(), &payer, None, 6)
            .expect("an instruction"),
    ];
    world.run(&create, &[&mint]).expect("a mint");
    world.platform = Platform::new(&world.keys.base.pubkey(), mint.pubkey(), TOKEN_2022);
}

/// A transfer fee that is zero today can be raised tomorrow.
pub fn with_transfer_fee(world: &mut World) {
    make_mint(world, ExtensionType::TransferFeeConfig, |mint, authority| {
        let authority = Some(authority);
        transfer_fee::instruction::initialize_transfer_fee_config(
            &TOKEN_2022,
            mint,
            authority,
            authority,
            0,
            0,
        )
    });
}

/// A hook without a program today can get one tomorrow.
pub fn with_transfer_hook(world: &mut World) {
    make_mint(world, ExtensionType::TransferHook, |mint, authority| {
        transfer_hook::instruction::initialize(&TOKEN_2022, mint, Some(*authority), None)
    });
}

pub fn with_permanent_delegate(world: &mut World) {
    make_mint(world, ExtensionType::PermanentDelegate, |mint, authority| {
        token_instruction::initialize_permanent_delegate(&TOKEN_2022, mint, authority)
    });
}

pub fn with_close_authority(world: &mut World) {
    make_mint(world, ExtensionType::MintCloseAuthority, |mint, authority| {
        token_instruction::initialize_mint_close_authority(&TOKEN_2022, mint, Some(authority))
    });
}

pub fn non_transferable(world: &mut World) {
    make_mint(world, ExtensionType::NonTransferable, |mint, _| {
        token_instruction::initialize_non_transferable_mint(&TOKEN_2022, mint)
    });
}

pub fn with_default_state(world: &mut World) {
    make_mint(world, ExtensionType::DefaultAccountState, |mint, _| {
        let state = AccountState::Initialized;
        initialize_default_account_state(&TOKEN_2022, mint, &state)
    });
}

#[test]
fn an_extension_that_only_describes_is_fine() {
    let mut world = World::without_platform(Token::Token2022);
    make_mint(&mut world, ExtensionType::MetadataPointer, |mint, authority| {
        metadata_pointer::instruction::initialize(&TOKEN_2022, mint, Some(*authority), Some(*mint))
    });
    let initialize = world.initialize(world.start(SETTINGS));
    let base = world.keys.base.insecure_clone();
    world.run(&[initialize], &[&base]).expect("a platform");
    let shard = world.open_shard(SMALL);
    assert_eq!(world.shard(&shard).header.number, 0);
}

#[test]
fn both_token_programs_pay_and_are_paid() {
    for token in [Token::Spl, Token::Token2022] {
        let mut world = World::new(token);
        let shard = world.funded_shard(SMALL, 1_000_000);
        let (wallet, creator, content) = world.creator(&shard);
        world.settle(&shard, &[views(content, 500)]).expect("a batch");
        let platform = world.platform;
        let withdraw = platform.withdraw(wallet.address(), shard, creator, wallet.tokens, 500_000);
        world.run(&[withdraw], &[&wallet.key]).expect("a withdrawal");
        assert_eq!(world.amount(&wallet.tokens), 500_000);
        assert_eq!(world.vault_amount(&shard), 500_000);
    }
}

#[test]
fn an_account_that_is_no_mint_is_refused() {
    let mut world = World::without_platform(Token::Spl);
    let owner = world.keys.payer.pubkey();
    world.platform.mint = world.token_account(&owner, 5);
    let initialize = world.initialize(world.start(SETTINGS));
    let base = world.keys.base.insecure_clone();
    assert!(world.run(&[initialize], &[&base]).is_err());
    assert!(world.svm.get_account(&world.platform.address).is_none());
    assert_eq!(tokens::amount(&world.svm, &world.platform.mint), 5);
}
