//! A world in which one platform runs: the compiled program, a mint, the roles, shards and wallets.

use std::sync::OnceLock;

use anchor_lang::AccountDeserialize;
use litesvm::LiteSVM;
use pixr::{
    entries::{Entry, Writer},
    instructions::Roles,
    state::{
        ContentSlot, CreatorSlot, Lane, Settings, Shard,
        shard::{Capacities, ShardMut, ShardRef},
    },
};
use pixr_client::{Platform, RolesAndSettings, vault_address};
use solana_account::Account;
use solana_address::Address;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    artifacts,
    tokens::{self, Token},
    transactions::{Failure, Outcome, Version, addresses, send, sign},
};

/// Unix seconds at which every world starts.
pub const START: i64 = 1_800_000_000;

/// Settings of every world: one token (10^6 base units) for 1,000 views.
pub const SETTINGS: Settings = Settings {
    base_rate: 1_000_000,
    batch_cap: 1_000_000_000_000,
    day_cap: 10_000_000_000_000,
    withdraw_limit: 1_000_000_000,
    withdraw_window_seconds: 86_400,
    withdraw_delay_seconds: 172_800,
    platform_fee_bps: 500,
    processing_fee_bps: 290,
    initial_quality: 10_000,
    baseline_seconds_min: 86_400,
    shares_bps_max: 10_000,
};

/// Slots of a small shard.
pub const SMALL: Capacities = Capacities { creators: 8, contents: 16, lanes: 6 };

/// The keys of a platform.
pub struct Keys {
    /// Pays every transaction and the rent of every account.
    pub payer: Keypair,
    /// Gave the platform its address.
    pub base: Keypair,
    pub admin: Keypair,
    pub keeper: Keypair,
    pub guardian: Keypair,
    pub treasury: Keypair,
    pub processor: Keypair,
}

impl Keys {
    /// New keys, but for that of `payer`.
    pub fn paid_by(payer: Keypair) -> Self {
        Self {
            payer,
            base: Keypair::new(),
            admin: Keypair::new(),
            keeper: Keypair::new(),
            guardian: Keypair::new(),
            treasury: Keypair::new(),
            processor: Keypair::new(),
        }
    }

    /// Who holds which role.
    pub fn roles(&self) -> Roles {
        Roles {
            admin: self.admin.pubkey(),
            keeper: self.keeper.pubkey(),
            guardian: self.guardian.pubkey(),
            treasury: self.treasury.pubkey(),
            processor: self.processor.pubkey(),
        }
    }
}

/// Somebody with a key, lamports and a token account.
pub struct Wallet {
    pub key: Keypair,
    pub tokens: Address,
}

impl Wallet {
    pub fn address(&self) -> Address {
        self.key.pubkey()
    }
}

/// A shard's slots in use, copied out of its account.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardState {
    pub header: Shard,
    pub creators: Vec<CreatorSlot>,
    pub contents: Vec<ContentSlot>,
    /// Lanes that are or were in use.
    pub lanes: Vec<Lane>,
}

/// One platform on one SVM.
pub struct World {
    pub svm: LiteSVM,
    pub keys: Keys,
    pub platform: Platform,
}

/// A fresh SVM with the program; loading it once is enough for all tests of a process.
pub fn svm() -> LiteSVM {
    static LOADED: OnceLock<LiteSVM> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let mut svm = LiteSVM::new().with_transaction_history(0);
        svm.add_program(pixr::ID, &artifacts::program("pixr")).expect("a program that loads");
        let clock = Clock { unix_timestamp: START, ..svm.get_sysvar() };
        svm.set_sysvar(&clock);
        svm
    });
    loaded.clone()
}

impl World {
    /// A platform with a mint of `token` and [`SETTINGS`].
    pub fn new(token: Token) -> Self {
        Self::with_settings(token, SETTINGS)
    }

    /// A platform with other settings.
    pub fn with_settings(token: Token, settings: Settings) -> Self {
        let mut world = Self::without_platform(token);
        let start = world.start(settings);
        let initialize = world.initialize(start);
        let base = world.keys.base.insecure_clone();
        world.run(&[initialize], &[&base]).expect("a platform");
        world
    }

    /// Keys and a mint, but no platform yet.
    pub fn without_platform(token: Token) -> Self {
        let mut svm = svm();
        let keys = Keys::paid_by(Keypair::new());
        let Keys { payer, admin, keeper, guardian, .. } = &keys;
        for key in [payer, admin, keeper, guardian] {
            svm.airdrop(&key.pubkey(), 1 << 44).expect("lamports");
        }
        let mint = tokens::write_mint(&mut svm, token);
        let platform = Platform::new(&keys.base.pubkey(), mint, token.program());
        Self { svm, keys, platform }
    }

    /// A second platform in the same SVM, with keys and a mint of its own.
    pub fn rival(&self, token: Token) -> Self {
        let mut rival = Self { svm: self.svm.clone(), ..Self::without_platform(token) };
        for key in [&rival.keys.payer, &rival.keys.admin, &rival.keys.keeper] {
            rival.svm.airdrop(&key.pubkey(), 1 << 44).expect("lamports");
        }
        let mint = tokens::write_mint(&mut rival.svm, token);
        rival.platform = Platform::new(&rival.keys.base.pubkey(), mint, token.program());
        let initialize = rival.initialize(rival.start(SETTINGS));
        let base = rival.keys.base.insecure_clone();
        rival.run(&[initialize], &[&base]).expect("a platform");
        rival
    }

    /// What a platform starts with: this world's roles and `settings`.
    pub fn start(&self, settings: Settings) -> RolesAndSettings {
        RolesAndSettings { roles: self.keys.roles(), settings }
    }

    /// The instruction that creates this world's platform.
    pub fn initialize(&self, start: RolesAndSettings) -> Instruction {
        self.platform.initialize(self.keys.payer.pubkey(), self.keys.base.pubkey(), start)
    }

    /// Sends instructions; the world's payer pays and signs first.
    pub fn run(&mut self, instructions: &[Instruction], signers: &[&Keypair]) -> Outcome {
        let (blockhash, payer) = (self.svm.latest_blockhash(), &self.keys.payer);
        let transaction = sign(blockhash, Version::V1, instructions, payer, signers);
        send(&mut self.svm, transaction)
    }

    /// Sends instructions that must fail with `error`, and checks that no account they name changed.
    pub fn refuse(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        error: impl Into<Failure>,
    ) {
        let payer = self.keys.payer.pubkey();
        let named: Vec<_> = addresses(instructions).filter(|address| *address != payer).collect();
        let before: Vec<_> = named.iter().map(|address| self.svm.get_account(address)).collect();
        let outcome = self.run(instructions, signers);
        let after: Vec<_> = named.iter().map(|address| self.svm.get_account(address)).collect();
        assert_eq!(outcome.map(|meta| meta.logs), Err(error.into()));
        assert!(before == after, "a refused instruction changed an account");
    }

    /// A wallet with lamports and `amount` base units.
    pub fn wallet(&mut self, amount: u64) -> Wallet {
        let key = Keypair::new();
        self.svm.airdrop(&key.pubkey(), 1 << 34).expect("lamports");
        let tokens = self.token_account(&key.pubkey(), amount);
        Wallet { key, tokens }
    }

    /// A token account of `owner` with `amount` base units.
    pub fn token_account(&mut self, owner: &Address, amount: u64) -> Address {
        let address = Address::new_unique();
        let Platform { mint, token_program, .. } = self.platform;
        tokens::write_token_account(&mut self.svm, token_program, address, mint, *owner, amount);
        address
    }

    /// Opens a shard.
    pub fn open_shard(&mut self, capacities: Capacities) -> Address {
        let key = Keypair::new();
        let space = capacities.account_bytes().expect("possible capacities");
        let space = usize::try_from(space).expect("64 bits");
        let rent = self.svm.minimum_balance_for_rent_exemption(space);
        let (payer, admin) = (self.keys.payer.pubkey(), self.keys.admin.insecure_clone());
        let open = self
            .platform
            .open_shard(payer, admin.pubkey(), key.pubkey(), capacities, rent)
            .expect("possible capacities");
        self.run(&open, &[&admin, &key]).expect("a shard");
        key.pubkey()
    }

    /// Opens a shard and funds its reward budget.
    pub fn funded_shard(&mut self, capacities: Capacities, budget: u64) -> Address {
        let shard = self.open_shard(capacities);
        self.fund(&shard, budget);
        shard
    }

    /// Puts `amount` into a shard's reward budget.
    pub fn fund(&mut self, shard: &Address, amount: u64) {
        let funder = self.wallet(amount);
        let fund = self.platform.fund_shard(funder.address(), funder.tokens, *shard, amount);
        self.run(&[fund], &[&funder.key]).expect("a funded shard");
    }

    /// Registers a creator slot for `authority`, by the keeper. Returns its index.
    pub fn register_creator(&mut self, shard: &Address, authority: &Address) -> u32 {
        let index = self.shard(shard).header.creator_count;
        let (keeper, payer) = (self.keys.keeper.insecure_clone(), self.keys.payer.pubkey());
        let register = self.platform.register_creator(keeper.pubkey(), *shard, payer, *authority);
        self.run(&[register], &[&keeper]).expect("a creator");
        index
    }

    /// Registers a content, by the keeper. Returns its index.
    pub fn register_content(&mut self, shard: &Address, creator: u32, id: u128) -> u32 {
        let index = self.shard(shard).header.content_count;
        let (keeper, payer) = (self.keys.keeper.insecure_clone(), self.keys.payer.pubkey());
        let id = id.to_le_bytes();
        let register = self.platform.register_content(keeper.pubkey(), *shard, payer, creator, id);
        self.run(&[register], &[&keeper]).expect("a content");
        index
    }

    /// A wallet with a creator slot and one content.
    pub fn creator(&mut self, shard: &Address) -> (Wallet, u32, u32) {
        let wallet = self.wallet(0);
        let creator = self.register_creator(shard, &wallet.address());
        let id = u128::from(self.shard(shard).header.content_count) + 1;
        let content = self.register_content(shard, creator, id);
        (wallet, creator, content)
    }

    /// The instruction that settles `entries` as the shard's next batch.
    pub fn settlement(&self, shard: &Address, entries: &[Entry]) -> Instruction {
        let sequence = self.header(shard).next_sequence;
        self.platform.settle(self.keys.keeper.pubkey(), *shard, sequence, pack(entries))
    }

    /// Settles `entries` as the shard's next batch.
    pub fn settle(&mut self, shard: &Address, entries: &[Entry]) -> Outcome {
        let settle = self.settlement(shard, entries);
        let keeper = self.keys.keeper.insecure_clone();
        self.run(&[settle], &[&keeper])
    }

    /// Reverses `entries` as the shard's next batch.
    pub fn reverse(&mut self, shard: &Address, entries: &[Entry]) -> Outcome {
        let keeper = self.keys.keeper.insecure_clone();
        let sequence = self.header(shard).next_sequence;
        let reverse = self.platform.reverse_views(keeper.pubkey(), *shard, sequence, pack(entries));
        self.run(&[reverse], &[&keeper])
    }

    /// The shard's header and its slots in use.
    pub fn shard(&self, shard: &Address) -> ShardState {
        let account = self.svm.get_account(shard).expect("a shard");
        let view = ShardRef::parse(&account.data).expect("a shard");
        ShardState {
            header: *view.header,
            creators: view.creators.to_vec(),
            contents: view.contents.to_vec(),
            lanes: view.lanes.to_vec(),
        }
    }

    /// The shard's header.
    pub fn header(&self, shard: &Address) -> Shard {
        let account = self.svm.get_account(shard).expect("a shard");
        *ShardRef::parse(&account.data).expect("a shard").header
    }

    /// Changes a shard's account behind the program's back.
    pub fn forge_shard(&mut self, shard: &Address, change: impl FnOnce(&mut ShardMut)) {
        self.forge(shard, |account| {
            change(&mut ShardMut::parse(&mut account.data).expect("a shard"));
        });
    }

    /// Changes an account behind the program's back.
    pub fn forge(&mut self, address: &Address, change: impl FnOnce(&mut Account)) {
        let mut account = self.svm.get_account(address).expect("an account");
        change(&mut account);
        self.svm.set_account(*address, account).expect("an account that can be written");
    }

    /// An account of the program, decoded.
    pub fn read<T: AccountDeserialize>(&self, address: &Address) -> T {
        let account = self.svm.get_account(address).expect("an account");
        T::try_deserialize(&mut account.data.as_slice()).expect("an account of this type")
    }

    /// What a token account holds, in base units.
    pub fn amount(&self, address: &Address) -> u64 {
        tokens::amount(&self.svm, address)
    }

    /// What a shard's vault holds, in base units.
    pub fn vault_amount(&self, shard: &Address) -> u64 {
        self.amount(&vault_address(shard))
    }

    /// Lets `seconds` pass.
    pub fn wait(&mut self, seconds: i64) {
        let clock: Clock = self.svm.get_sysvar();
        let unix_timestamp = clock.unix_timestamp + seconds;
        self.svm.set_sysvar(&Clock { unix_timestamp, ..clock });
    }
}

/// Packs entries into bytes.
pub fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::default();
    for entry in entries {
        writer.push(*entry).expect("an entry that can be written");
    }
    writer.finish()
}

/// `views` of `content` at full relevance.
pub fn views(content: u32, views: u64) -> Entry {
    Entry { content: content.into(), views, relevance: 10_000 }
}
