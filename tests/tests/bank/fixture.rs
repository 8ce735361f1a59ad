//! A bank on which one platform runs.
//!
//! Every transaction is of version 1: this bank has all features, SIMD-0385 included.

use std::time::Duration;

use anchor_lang::AccountDeserialize;
use pixr::{
    entries::Entry,
    state::{
        Settings, Shard,
        shard::{Capacities, ShardRef},
    },
};
use pixr_client::{Platform, RolesAndSettings, vault_address};
use pixr_tests::{
    artifacts,
    tokens::Token,
    transactions::{Failure, Version, sign},
    world::{Keys, SETTINGS, START, ShardState, Wallet, pack},
};
use solana_account::Account;
use solana_address::Address;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::Hash;
use solana_program_test::{ProgramTest, ProgramTestContext};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use tokio::time::sleep;

/// What became of a transaction.
pub type Outcome = Result<(), Failure>;

/// Base units that one view earns under [`SETTINGS`], at full quality and relevance.
pub const PER_VIEW: u64 = SETTINGS.base_rate / 1_000;

/// The loader whose programs are one account.
const LOADER: Address = Address::from_str_const("BPFLoader2111111111111111111111111111111111");
/// How often a transaction is signed anew before a test gives up.
const ATTEMPTS_MAX: u32 = 1_000;

/// One platform on one bank. Its payer pays every transaction and mints the tokens.
pub struct Bank {
    pub context: ProgramTestContext,
    pub keys: Keys,
    pub platform: Platform,
}

/// A wallet, its creator slot and its content slot.
pub struct Creator {
    pub wallet: Wallet,
    pub creator: u32,
    pub content: u32,
}

/// The program, loaded from its compiled file. The bank logs only where `PIXR_LOGS` is set.
fn program_test() -> ProgramTest {
    let mut test = ProgramTest::default();
    if std::env::var_os("PIXR_LOGS").is_none() {
        log::set_max_level(log::LevelFilter::Off);
    }
    let program = Account {
        lamports: 1 << 40,
        data: artifacts::program("pixr"),
        owner: LOADER,
        executable: true,
        rent_epoch: 0,
    };
    test.add_account(pixr::ID, program);
    test
}

impl Bank {
    /// A platform with a mint of `token` and [`SETTINGS`].
    pub async fn start(token: Token) -> Self {
        Self::with_settings(token, SETTINGS).await
    }

    /// A platform with other settings.
    pub async fn with_settings(token: Token, settings: Settings) -> Self {
        let context = program_test().start_with_context().await;
        let keys = Keys::paid_by(context.payer.insecure_clone());
        let mint = Keypair::new();
        let platform = Platform::new(&keys.base.pubkey(), mint.pubkey(), token.program());
        let bank = Self { context, keys, platform };
        bank.set_time(START).await;
        bank.create_mint(&mint).await;
        let start = RolesAndSettings { roles: bank.keys.roles(), settings };
        let (payer, base) = (bank.keys.payer.pubkey(), bank.keys.base.pubkey());
        let initialize = bank.platform.initialize(payer, base, start);
        bank.run(&[initialize], &[&bank.keys.base]).await.expect("a platform");
        bank
    }

    /// The newest blockhash.
    pub async fn blockhash(&self) -> Hash {
        self.context.banks_client.get_latest_blockhash().await.expect("a blockhash")
    }

    /// Sends a transaction once.
    pub async fn send(&self, transaction: VersionedTransaction) -> Result<(), TransactionError> {
        let client = &self.context.banks_client;
        let answer = client.process_transaction_with_metadata(transaction).await;
        answer.expect("an answer of the bank").result
    }

    /// Sends instructions in a transaction that `payer` pays.
    ///
    /// While the bank does not take it up, it is signed again on a newer blockhash: when its own is
    /// too old, when another transaction holds an account, and when an equal one was there before.
    pub async fn run_as(
        &self,
        payer: &Keypair,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Outcome {
        for _ in 0..ATTEMPTS_MAX {
            let transaction =
                sign(self.blockhash().await, Version::V1, instructions, payer, signers);
            match self.send(transaction).await {
                Err(
                    TransactionError::BlockhashNotFound
                    | TransactionError::AccountInUse
                    | TransactionError::AlreadyProcessed,
                ) => sleep(Duration::from_millis(2)).await,
                outcome => return outcome.map_err(Failure::from),
            }
        }
        panic!("the bank does not take the transaction up")
    }

    /// Sends instructions; the bank's payer pays.
    pub async fn run(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Outcome {
        self.run_as(&self.keys.payer, instructions, signers).await
    }

    /// Moves the clock, not the slot.
    pub async fn set_time(&self, unix_timestamp: i64) {
        let clock = Clock { unix_timestamp, ..self.clock().await };
        self.context.set_sysvar(&clock);
    }

    /// The clock as programs see it.
    pub async fn clock(&self) -> Clock {
        self.context.banks_client.get_sysvar().await.expect("a clock")
    }

    /// Goes on to the next slot.
    pub async fn next_slot(&mut self) {
        let slot = self.clock().await.slot + 1;
        self.context.warp_to_slot(slot).expect("a later slot");
    }

    /// An account, if there is one.
    pub async fn account(&self, address: &Address) -> Option<Account> {
        self.context.banks_client.get_account(*address).await.expect("an answer of the bank")
    }

    /// What an address holds in lamports.
    pub async fn lamports(&self, address: &Address) -> u64 {
        self.account(address).await.map_or(0, |account| account.lamports)
    }

    /// An account of the program, decoded.
    pub async fn read<T: AccountDeserialize>(&self, address: &Address) -> T {
        let account = self.account(address).await.expect("an account");
        T::try_deserialize(&mut account.data.as_slice()).expect("an account of this type")
    }

    /// Lamports that make an account of `length` bytes rent-exempt.
    pub async fn rent(&self, length: usize) -> u64 {
        self.context.banks_client.get_rent().await.expect("the rent").minimum_balance(length)
    }

    /// Opens a shard.
    pub async fn open_shard(&self, capacities: Capacities) -> Address {
        let length = capacities.account_bytes().expect("possible capacities");
        let rent = self.rent(usize::try_from(length).expect("64 bits")).await;
        let shard = Keypair::new();
        self.open_shard_at(&shard, capacities, rent).await.expect("a shard");
        shard.pubkey()
    }

    /// Opens a shard at the address of `shard` with so many lamports.
    pub async fn open_shard_at(
        &self,
        shard: &Keypair,
        capacities: Capacities,
        lamports: u64,
    ) -> Outcome {
        let Keys { payer, admin, .. } = &self.keys;
        let (payer, key) = (payer.pubkey(), shard.pubkey());
        let open = self
            .platform
            .open_shard(payer, admin.pubkey(), key, capacities, lamports)
            .expect("possible capacities");
        self.run(&open, &[admin, shard]).await
    }

    /// Opens a shard and funds its reward budget.
    pub async fn funded_shard(&self, capacities: Capacities, budget: u64) -> Address {
        let shard = self.open_shard(capacities).await;
        let funder = self.wallet(budget).await;
        let fund = self.platform.fund_shard(funder.address(), funder.tokens, shard, budget);
        self.run(&[fund], &[&funder.key]).await.expect("a funded shard");
        shard
    }

    /// A wallet with a creator slot and one content, both registered by the keeper.
    pub async fn creator(&self, shard: &Address) -> Creator {
        let wallet = self.wallet(0).await;
        let header = self.shard(shard).await.header;
        let Shard { creator_count: creator, content_count: content, .. } = header;
        let id = u128::from(content + 1).to_le_bytes();
        let Keys { keeper, payer, .. } = &self.keys;
        let (registrar, payer, authority) = (keeper.pubkey(), payer.pubkey(), wallet.address());
        let register = [
            self.platform.register_creator(registrar, *shard, payer, authority),
            self.platform.register_content(registrar, *shard, payer, creator, id),
        ];
        self.run(&register, &[keeper]).await.expect("a creator");
        Creator { wallet, creator, content }
    }

    /// The instruction that settles `entries` as batch `sequence`.
    pub fn settlement(&self, shard: &Address, sequence: u64, entries: &[Entry]) -> Instruction {
        self.platform.settle(self.keys.keeper.pubkey(), *shard, sequence, pack(entries))
    }

    /// Settles `entries` as the shard's next batch.
    pub async fn settle(&self, shard: &Address, entries: &[Entry]) -> Outcome {
        let sequence = self.shard(shard).await.header.next_sequence;
        let settle = self.settlement(shard, sequence, entries);
        self.run(&[settle], &[&self.keys.keeper]).await
    }

    /// The shard's header and its slots in use.
    pub async fn shard(&self, shard: &Address) -> ShardState {
        let account = self.account(shard).await.expect("a shard");
        let view = ShardRef::parse(&account.data).expect("a shard");
        ShardState {
            header: *view.header,
            creators: view.creators.to_vec(),
            contents: view.contents.to_vec(),
            lanes: view.lanes.to_vec(),
        }
    }

    /// A creator's balance in base units.
    pub async fn balance(&self, shard: &Address, creator: u32) -> u64 {
        let creators = self.shard(shard).await.creators;
        creators[usize::try_from(creator).expect("64 bits")].balance
    }

    /// Checks what always holds: the sums are those of the slots, and the vault covers what is owed.
    pub async fn check(&self, shard: &Address) {
        let ShardState { header, creators, contents, .. } = self.shard(shard).await;
        assert_eq!(header.balances, creators.iter().map(|slot| slot.balance).sum::<u64>());
        assert_eq!(header.credited, contents.iter().map(|slot| slot.earned).sum::<u64>());
        let liabilities = header.liabilities().expect("no overflow");
        let vault = self.amount(&vault_address(shard)).await;
        assert!(vault >= liabilities, "the vault holds {vault} of {liabilities}");
    }
}
