//! Token accounts of wallets.

use anchor_lang::prelude::Pubkey;
use anchor_spl::associated_token::spl_associated_token_account::instruction::create_associated_token_account_idempotent;
use solana_instruction::Instruction;

use super::App;
use crate::keys::Purpose;

/// Makes a wallet's token account if there is none; the keeper pays for it.
pub fn open_tokens_of(app: &App, wallet: &Pubkey) -> Instruction {
    let payer = app.keys.address(Purpose::Keeper);
    let platform = &app.platform;
    create_associated_token_account_idempotent(
        &payer,
        wallet,
        &platform.mint,
        &platform.token_program,
    )
}
