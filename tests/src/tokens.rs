//! Mints and token accounts, written straight into the accounts of an SVM.

use anchor_lang::solana_program::program_pack::Pack;
use anchor_spl::token::spl_token;
use litesvm::LiteSVM;
use solana_account::Account;
use solana_address::Address;
use spl_token::state::{Account as TokenAccount, AccountState, Mint};

/// Decimals of the tests' mint.
pub const DECIMALS: u8 = 6;

/// Supply of the tests' mint, in base units: more than any test moves.
pub const SUPPLY: u64 = 1 << 62;

/// Which token program the mint belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// SPL Token.
    Spl,
    /// Token-2022, without extensions.
    Token2022,
}

impl Token {
    /// The address of the token program.
    pub const fn program(self) -> Address {
        match self {
            Self::Spl => anchor_spl::token::ID,
            Self::Token2022 => anchor_spl::token_2022::ID,
        }
    }
}

fn write(svm: &mut LiteSVM, address: Address, owner: Address, state: &impl Pack, length: usize) {
    let mut data = vec![0; length];
    Pack::pack_into_slice(state, &mut data);
    let lamports = svm.minimum_balance_for_rent_exemption(length);
    let account = Account { lamports, data, owner, executable: false, rent_epoch: 0 };
    svm.set_account(address, account).expect("an account that can be written");
}

/// Writes a mint without extensions.
pub fn write_mint(svm: &mut LiteSVM, token: Token) -> Address {
    let mint = Address::new_unique();
    let state = Mint {
        mint_authority: None.into(),
        supply: SUPPLY,
        decimals: DECIMALS,
        is_initialized: true,
        freeze_authority: None.into(),
    };
    write(svm, mint, token.program(), &state, Mint::LEN);
    mint
}

/// Writes `owner`'s token account with `amount` base units at `address`.
pub fn write_token_account(
    svm: &mut LiteSVM,
    token_program: Address,
    address: Address,
    mint: Address,
    owner: Address,
    amount: u64,
) {
    let state = TokenAccount {
        mint,
        owner,
        amount,
        delegate: None.into(),
        state: AccountState::Initialized,
        is_native: None.into(),
        delegated_amount: 0,
        close_authority: None.into(),
    };
    write(svm, address, token_program, &state, TokenAccount::LEN);
}

/// What the token account at `address` holds, in base units.
pub fn amount(svm: &LiteSVM, address: &Address) -> u64 {
    let account = svm.get_account(address).expect("a token account");
    TokenAccount::unpack_from_slice(&account.data[..TokenAccount::LEN])
        .expect("a token account")
        .amount
}
