//! Mints, token accounts and transfers, all by instructions of the token programs.

use anchor_lang::solana_program::{program_pack::Pack, system_instruction};
use anchor_spl::{
    token::spl_token::state::{Account as TokenAccount, Mint},
    token_2022::spl_token_2022::instruction as token,
};
use pixr_client::Platform;
use pixr_tests::{tokens::DECIMALS, world::Wallet};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::fixture::Bank;

/// Lamports of a new wallet.
const LAMPORTS: u64 = 1 << 34;

impl Bank {
    /// Creates the platform's mint; the payer is its authority.
    pub async fn create_mint(&self, mint: &Keypair) {
        let (payer, program) = (self.keys.payer.pubkey(), self.platform.token_program);
        let create = [
            self.create_account(&mint.pubkey(), Mint::LEN).await,
            token::initialize_mint2(&program, &mint.pubkey(), &payer, None, DECIMALS)
                .expect("a token program"),
        ];
        self.run(&create, &[mint]).await.expect("a mint");
    }

    /// An account of the token program, without content yet.
    async fn create_account(&self, address: &Address, length: usize) -> Instruction {
        let (payer, rent) = (self.keys.payer.pubkey(), self.rent(length).await);
        let space = u64::try_from(length).expect("64 bits");
        let program = &self.platform.token_program;
        system_instruction::create_account(&payer, address, rent, space, program)
    }

    /// A wallet with lamports and `amount` newly minted base units.
    pub async fn wallet(&self, amount: u64) -> Wallet {
        let (payer, key) = (self.keys.payer.pubkey(), Keypair::new());
        let lamports = system_instruction::transfer(&payer, &key.pubkey(), LAMPORTS);
        self.run(&[lamports], &[]).await.expect("lamports");
        let tokens = self.token_account(&key.pubkey(), amount).await;
        Wallet { key, tokens }
    }

    /// A token account of `owner` with `amount` newly minted base units.
    pub async fn token_account(&self, owner: &Address, amount: u64) -> Address {
        let Platform { mint, token_program: program, .. } = self.platform;
        let (account, payer) = (Keypair::new(), self.keys.payer.pubkey());
        let address = account.pubkey();
        let create = [
            self.create_account(&address, TokenAccount::LEN).await,
            token::initialize_account3(&program, &address, &mint, owner).expect("a token program"),
            token::mint_to(&program, &mint, &address, &payer, &[], amount)
                .expect("a token program"),
        ];
        self.run(&create, &[&account]).await.expect("a token account");
        address
    }

    /// Transfers base units between two token accounts, past the platform.
    pub async fn transfer(&self, from: &Wallet, to: &Address, amount: u64) {
        let Platform { mint, token_program: program, .. } = self.platform;
        let owner = from.address();
        let transfer = token::transfer_checked(
            &program,
            &from.tokens,
            &mint,
            to,
            &owner,
            &[],
            amount,
            DECIMALS,
        );
        let transfer = transfer.expect("a token program");
        self.run(&[transfer], &[&from.key]).await.expect("a transfer");
    }

    /// What a token account holds, in base units.
    pub async fn amount(&self, address: &Address) -> u64 {
        let account = self.account(address).await.expect("a token account");
        TokenAccount::unpack_from_slice(&account.data[..TokenAccount::LEN])
            .expect("a token account")
            .amount
    }
}
