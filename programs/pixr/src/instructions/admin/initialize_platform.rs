use anchor_lang::prelude::*;
use anchor_spl::{
    token_2022::spl_token_2022::{
        extension::{BaseStateWithExtensions, ExtensionType, StateWithExtensions},
        state::Mint as MintState,
    },
    token_interface::{Mint, TokenInterface},
};

use crate::{
    errors::PixrError,
    events::PlatformInitialized,
    seeds,
    state::{Platform, Settings},
};

/// Who holds which role from the start.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    pub admin: Pubkey,
    pub keeper: Pubkey,
    pub guardian: Pubkey,
    pub treasury: Pubkey,
    pub processor: Pubkey,
}

#[derive(Accounts)]
pub struct InitializePlatform<'info> {
    #[account(mut)]
    pub payer: Signer<'info>,
    /// Signs so that nobody else can take this platform's address.
    pub base: Signer<'info>,
    #[account(
        init,
        payer = payer,
        space = Platform::SPACE,
        seeds = [seeds::PLATFORM, base.key().as_ref()],
        bump,
    )]
    pub platform: Box<Account<'info, Platform>>,
    #[account(constraint = mint.to_account_info().owner == token_program.key @ PixrError::WrongTokenProgram)]
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    pub token_program: Interface<'info, TokenInterface>,
    pub system_program: Program<'info, System>,
}

/// 1. Refuses a mint whose tokens would not stay exactly where they are put.
/// 2. Writes the platform.
pub fn initialize_platform(
    ctx: Context<InitializePlatform>,
    roles: Roles,
    settings: Settings,
) -> Result<()> {
    validate_mint(&ctx.accounts.mint.to_account_info())?;
    let platform = &mut ctx.accounts.platform;
    platform.set_inner(Platform {
        base: ctx.accounts.base.key(),
        mint: ctx.accounts.mint.key(),
        token_program: ctx.accounts.token_program.key(),
        admin: roles.admin,
        pending_admin: Pubkey::default(),
        keeper: roles.keeper,
        guardian: roles.guardian,
        treasury: roles.treasury,
        processor: roles.processor,
        settings,
        shard_count: 0,
        paused: false,
        bump: ctx.bumps.platform,
        reserved: [0; 58],
    });
    emit!(PlatformInitialized {
        platform: platform.key(),
        mint: platform.mint,
        admin: platform.admin,
        settings,
    });
    platform.invariant()
}

/// Accepts only extensions that describe a token; any other could change what a balance is worth.
///
/// A close authority is refused too: the mint could come back at its address with other extensions.
fn validate_mint(mint: &AccountInfo) -> Result<()> {
    let data = mint.try_borrow_data()?;
    let state = StateWithExtensions::<MintState>::unpack(&data)?;
    for extension in state.get_extension_types()? {
        match extension {
            ExtensionType::MetadataPointer
            | ExtensionType::TokenMetadata
            | ExtensionType::GroupPointer
            | ExtensionType::TokenGroup
            | ExtensionType::GroupMemberPointer
            | ExtensionType::TokenGroupMember
            | ExtensionType::InterestBearingConfig
            | ExtensionType::ScaledUiAmount => {}
            ExtensionType::TransferFeeConfig => return err!(PixrError::MintHasTransferFee),
            ExtensionType::TransferHook => return err!(PixrError::MintHasTransferHook),
            _ => return err!(PixrError::MintExtensionUnsupported),
        }
    }
    Ok(())
}
