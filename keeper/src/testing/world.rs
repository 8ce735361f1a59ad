//! A platform with funded shards on an embedded chain, and a keeper for it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anchor_lang::{
    prelude::Pubkey,
    solana_program::{program_pack::Pack, system_instruction},
};
use anchor_spl::{
    token::spl_token::state::{Account as TokenAccount, Mint},
    token_2022::spl_token_2022::instruction as token,
};
use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use pixr::{
    entries::{Entry, Packed, Writer},
    instructions::Roles,
    math::earnings::{accrue_floor, rate_floor, reverse_ceil},
    state::{
        ContentSlot, CreatorSlot, Settings, Shard,
        shard::{Capacities, ShardRef},
    },
};
use pixr_client::{Platform, RolesAndSettings, vault_address};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::{TestPostgres, faults::FaultyChain};
use crate::{
    app::App,
    chain::{
        Chain, Commitment,
        embedded::Embedded,
        testing::SETTINGS,
        transactions::{Limits, Version, sign},
    },
    config::{Config, KeysConfig, Millis, Secret},
    keys::{Keys, Purpose},
    log::PostgresLog,
    settle::Kind,
    store::schema::{batches, contents, creators, shards, windows},
};

/// Registrations in one transaction; the runtime takes 64 instructions.
const REGISTRATIONS: usize = 48;

/// How large a world is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub shards: u32,
    /// In each shard; content c pays creator c mod creators.
    pub creators: u32,
    pub contents: u32,
    /// Reward budget of each shard, in base units.
    pub budget: u64,
    pub settings: Settings,
}

impl Default for Size {
    fn default() -> Self {
        Self { shards: 1, creators: 4, contents: 16, budget: 1 << 50, settings: SETTINGS }
    }
}

/// A platform, its chain, its database and a keeper.
pub struct World {
    pub app: App,
    pub chain: Arc<Embedded>,
    /// In front of the chain; the keeper sees this one.
    pub faults: Arc<FaultyChain>,
    pub postgres: TestPostgres,
    pub shards: Vec<Pubkey>,
    through: AtomicI64,
}

/// The compiled program.
pub fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deploy/pixr.so")
}

/// Packs entries, which are sorted first.
pub fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut sorted = entries.to_vec();
    sorted.sort_by_key(|entry| (entry.relevance, entry.content));
    let mut writer = Writer::default();
    for entry in sorted {
        writer.push(entry).expect("an entry that can be written");
    }
    writer.finish()
}

/// Reads packed entries.
pub fn unpack(bytes: &[u8]) -> Vec<Entry> {
    let packed = Packed::new(bytes.to_vec()).expect("a list");
    packed.entries().map(|entry| entry.expect("an entry")).collect()
}

/// The slots in use of a shard, copied.
#[derive(Debug)]
pub struct Slots {
    pub header: Shard,
    pub creators: Vec<CreatorSlot>,
    pub contents: Vec<ContentSlot>,
}

impl World {
    /// A world of this size, with a database of its own.
    pub async fn new(size: Size) -> Self {
        Self::with_database(size, TestPostgres::start().await).await
    }

    /// A world of this size that uses this database.
    pub async fn with_database(size: Size, postgres: TestPostgres) -> Self {
        Self::with(size, postgres, Embedded::temporary(&program()).expect("a chain")).await
    }

    /// A world of this size with this database and this chain.
    pub async fn with(size: Size, postgres: TestPostgres, chain: Arc<Embedded>) -> Self {
        let master_seed = Some(Secret::new("2a".repeat(32)));
        let keys = KeysConfig { master_seed, ..KeysConfig::default() };
        let keys = Arc::new(Keys::load(&keys, Path::new("/nonexistent")).expect("valid keys"));
        let mut config = Config::default();
        config.settlement.batch_interval_ms = Millis(100);
        let faults = FaultyChain::new(chain.clone());
        let base = keys.address(Purpose::PlatformBase);
        let mint = keys.address(Purpose::Mint);
        let app = App {
            config: Arc::new(config),
            platform: Platform::new(&base, mint, anchor_spl::token::ID),
            keys,
            store: postgres.pool.clone(),
            chain: faults.clone(),
            log: Arc::new(PostgresLog::new(postgres.pool.clone())),
            objects: Arc::new(object_store::memory::InMemory::new()),
        };
        let through = AtomicI64::new(1);
        let mut world = Self { app, chain, faults, postgres, shards: Vec::new(), through };
        world.set_up(&size).await;
        for number in 0..size.shards {
            world.open_shard(number, &size).await;
        }
        world
    }

    fn key(&self, purpose: Purpose) -> Keypair {
        self.app.keys.key(purpose)
    }

    /// Executes instructions, paid by the keeper.
    pub async fn run(&self, instructions: &[Instruction], signers: &[&Keypair]) {
        let keeper = self.key(Purpose::Keeper);
        let hash = self.chain.blockhash().await.expect("a blockhash").hash;
        let signed = sign(Version::V1, hash, Limits::MOST, instructions, &keeper, signers);
        let bytes = signed.expect("a transaction").bytes;
        self.chain.send(&bytes).await.expect("the transaction succeeds");
    }

    async fn set_up(&self, size: &Size) {
        use Purpose::{Admin, Guardian, Keeper, Mint as MintKey, PlatformBase, Treasury};

        let address = |purpose| self.app.keys.address(purpose);
        self.chain.airdrop(&address(Keeper), 1 << 44).await.expect("lamports");
        let (keeper, mint) = (address(Keeper), address(MintKey));
        let rent = self.chain.rent_lamports(Mint::LEN).await.expect("rent");
        let token_program = self.app.platform.token_program;
        let roles = Roles {
            admin: address(Admin),
            keeper,
            guardian: address(Guardian),
            treasury: address(Treasury),
            processor: address(Treasury),
        };
        let start = RolesAndSettings { roles, settings: size.settings };
        let bytes = Mint::LEN as u64;
        self.run(
            &[
                system_instruction::create_account(&keeper, &mint, rent, bytes, &token_program),
                token::initialize_mint2(&token_program, &mint, &keeper, None, 6)
                    .expect("an instruction"),
                self.app.platform.initialize(keeper, address(PlatformBase), start),
            ],
            &[&self.key(MintKey), &self.key(PlatformBase)],
        )
        .await;
    }

    async fn open_shard(&mut self, number: u32, size: &Size) {
        let (keeper, admin) = (self.key(Purpose::Keeper), self.key(Purpose::Admin));
        let key = self.key(Purpose::Shard(number));
        let (payer, shard) = (keeper.pubkey(), key.pubkey());
        let capacities = Capacities { creators: size.creators, contents: size.contents, lanes: 0 };
        let space = capacities.account_bytes().expect("possible capacities");
        let rent = self.chain.rent_lamports(space.try_into().expect("64 bits")).await;
        let platform = self.app.platform;
        let open = platform
            .open_shard(payer, admin.pubkey(), shard, capacities, rent.expect("rent"))
            .expect("possible capacities");
        self.run(&open, &[&admin, &key]).await;
        self.shards.push(shard);
        self.list_shard(number, &shard, payer, capacities).await;
        self.fund(shard, size.budget).await;

        let creators = (0..size.creators).map(|creator| {
            let authority = self.app.keys.address(Purpose::Creator(creator.into()));
            platform.register_creator(payer, shard, payer, authority)
        });
        let contents = (0..size.contents).map(|content| {
            let id = u128::from(content + 1).to_le_bytes();
            platform.register_content(payer, shard, payer, content % size.creators, id)
        });
        let register: Vec<_> = creators.chain(contents).collect();
        for part in register.chunks(REGISTRATIONS) {
            self.run(part, &[]).await;
        }
        self.list_slots(number, size).await;
    }

    /// Enters a shard into the registry.
    async fn list_shard(&self, number: u32, shard: &Pubkey, payer: Pubkey, of: Capacities) {
        let count = |count: u32| i32::try_from(count).expect("a small number");
        diesel::insert_into(shards::table)
            .values((
                shards::number.eq(count(number)),
                shards::address.eq(shard.to_string()),
                shards::vault.eq(vault_address(shard).to_string()),
                shards::rent_receiver.eq(payer.to_string()),
                shards::creator_capacity.eq(count(of.creators)),
                shards::content_capacity.eq(count(of.contents)),
                shards::lane_capacity.eq(count(of.lanes)),
            ))
            .execute(&mut self.postgres.pool.get().await.expect("a connection"))
            .await
            .expect("a shard");
    }

    async fn list_slots(&self, number: u32, size: &Size) {
        let connection = &mut self.postgres.pool.get().await.expect("a connection");
        let count = |count: u32| i32::try_from(count).expect("a small number");
        let rows: Vec<_> = (0..size.creators)
            .map(|creator| {
                let authority = self.app.keys.address(Purpose::Creator(creator.into()));
                (
                    creators::shard.eq(count(number)),
                    creators::creator.eq(count(creator)),
                    creators::authority.eq(authority.to_string()),
                )
            })
            .collect();
        diesel::insert_into(creators::table).values(&rows).execute(connection).await.expect("rows");
        let rows: Vec<_> = (0..size.contents)
            .map(|content| {
                (
                    contents::shard.eq(count(number)),
                    contents::content.eq(count(content)),
                    contents::creator.eq(count(content % size.creators)),
                    contents::id.eq(u128::from(content + 1).to_le_bytes().to_vec()),
                )
            })
            .collect();
        for part in rows.chunks(1_000) {
            diesel::insert_into(contents::table)
                .values(part)
                .execute(connection)
                .await
                .expect("rows");
        }
    }

    /// Puts base units out of nowhere into a shard's reward budget.
    pub async fn fund(&self, shard: Pubkey, amount: u64) {
        if amount == 0 {
            return;
        }
        let (keeper, tokens) = (self.key(Purpose::Keeper).pubkey(), Keypair::new());
        let Platform { mint, token_program: program, .. } = &self.app.platform;
        let rent = self.chain.rent_lamports(TokenAccount::LEN).await.expect("rent");
        let at = tokens.pubkey();
        let bytes = TokenAccount::LEN as u64;
        self.run(
            &[
                system_instruction::create_account(&keeper, &at, rent, bytes, program),
                token::initialize_account3(program, &at, mint, &keeper).expect("an instruction"),
                token::mint_to(program, mint, &at, &keeper, &[], amount).expect("an instruction"),
                self.app.platform.fund_shard(keeper, at, shard, amount),
            ],
            &[&tokens],
        )
        .await;
    }

    /// Changes the platform's settings.
    pub async fn set(&self, settings: Settings) {
        let admin = self.key(Purpose::Admin);
        let update = self.app.platform.update_settings(admin.pubkey(), settings);
        self.run(&[update], &[&admin]).await;
    }

    /// Stores a window that came in now; returns its number.
    pub async fn window(&self, shard: u32, kind: Kind, entries: &[Entry]) -> i64 {
        self.window_at(shard, kind, entries, Utc::now()).await
    }

    /// Stores a window that came in at `oldest_at`.
    pub async fn window_at(
        &self,
        shard: u32,
        kind: Kind,
        entries: &[Entry],
        oldest_at: DateTime<Utc>,
    ) -> i64 {
        let views: u64 = entries.iter().map(|entry| entry.views).sum();
        diesel::insert_into(windows::table)
            .values((
                windows::shard.eq(i32::try_from(shard).expect("a shard")),
                windows::kind.eq(kind.name()),
                windows::partition.eq(if kind == Kind::Views { 0_i16 } else { -1 }),
                windows::through.eq(self.through.fetch_add(1, Ordering::Relaxed)),
                windows::views.eq(i64::try_from(views).expect("a number of views")),
                windows::entries.eq(pack(entries)),
                windows::oldest_at.eq(oldest_at),
            ))
            .returning(windows::id)
            .get_result(&mut self.postgres.pool.get().await.expect("a connection"))
            .await
            .expect("a window")
    }

    /// What a shard's account holds.
    pub async fn slots(&self, shard: u32) -> Slots {
        let address = &self.shards[usize::try_from(shard).expect("an index")];
        let account = self.chain.account(address, Commitment::Finalized).await.expect("an answer");
        let data = account.expect("a shard").data;
        let view = ShardRef::parse(&data).expect("a shard");
        Slots {
            header: *view.header,
            creators: view.creators.to_vec(),
            contents: view.contents.to_vec(),
        }
    }

    /// Makes sure that every window of every shard is settled exactly once: recomputes all slots
    /// from the batches, by the program's formulas and at [`SETTINGS`]' rate, and compares the
    /// batches' views with the windows'.
    pub async fn check(&self) {
        for number in 0..u32::try_from(self.shards.len()).expect("a count") {
            self.check_shard(number).await;
        }
    }

    async fn check_shard(&self, number: u32) {
        let connection = &mut self.postgres.pool.get().await.expect("a connection");
        let shard = i32::try_from(number).expect("a shard");
        let of_windows: Vec<(String, Vec<u8>)> = windows::table
            .filter(windows::shard.eq(shard))
            .select((windows::kind, windows::entries))
            .load(connection)
            .await
            .expect("windows");
        type Row = (i64, String, Vec<u8>, Vec<u8>, Option<DateTime<Utc>>);
        let of_batches: Vec<Row> = batches::table
            .filter(batches::shard.eq(shard))
            .order(batches::sequence)
            .select((
                batches::sequence,
                batches::kind,
                batches::entries,
                batches::hash,
                batches::finalized_at,
            ))
            .load(connection)
            .await
            .expect("batches");

        let slots = self.slots(number).await;
        let mut contents = vec![(0_u64, 0_u64, 0_i64); slots.contents.len()];
        let mut creators = vec![0_u64; slots.creators.len()];
        let mut hash = [0; 32];
        let mut signed_views = vec![0_i128; slots.contents.len()];
        for (at, (sequence, kind, entries, stored_hash, finalized_at)) in
            of_batches.iter().enumerate()
        {
            let kind = Kind::from_name(kind).expect("a kind");
            assert_eq!(usize::try_from(*sequence), Ok(at + 1), "batches follow each other");
            assert!(finalized_at.is_some(), "batch {sequence} is not finalized");
            hash = kind.chain(&hash, entries);
            assert_eq!(hash.as_slice(), stored_hash);
            for Entry { content, views, relevance } in unpack(entries) {
                let index = usize::try_from(content).expect("an index");
                let slot = &slots.contents[index];
                let (have, earned, remainder) = &mut contents[index];
                let rate = rate_floor(SETTINGS.base_rate, slot.quality());
                if kind == Kind::Views {
                    let (more, left) = accrue_floor(views * relevance, rate, *remainder);
                    (*have, *earned, *remainder) = (*have + views, *earned + more, left);
                    creators[slot.creator as usize] += more;
                } else {
                    let (_, left) =
                        reverse_ceil(views * relevance, rate, *remainder).expect("a small debt");
                    (*have, *remainder) = (*have - views, left);
                }
            }
        }
        for (kind, entries) in of_windows {
            let sign = if kind == Kind::Views.name() { 1 } else { -1 };
            for Entry { content, views, .. } in unpack(&entries) {
                signed_views[usize::try_from(content).expect("an index")] +=
                    sign * i128::from(views);
            }
        }
        for (index, slot) in slots.contents.iter().enumerate() {
            let (views, earned, remainder) = contents[index];
            assert_eq!((slot.views, slot.earned, slot.remainder), (views, earned, remainder));
            assert_eq!(i128::from(slot.views), signed_views[index], "content {index}");
        }
        let balances: Vec<_> = slots.creators.iter().map(|creator| creator.balance).collect();
        assert_eq!(balances, creators);
        assert_eq!(slots.header.hash, hash);
        assert_eq!(slots.header.next_sequence, of_batches.len() as u64 + 1);
    }
}
