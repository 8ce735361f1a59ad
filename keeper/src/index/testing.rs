//! For tests: a platform on an embedded chain, with everything that can happen to it, a database and
//! an object store.

pub mod rounds;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anchor_lang::{
    prelude::Pubkey,
    solana_program::{program_pack::Pack, system_instruction},
};
use anchor_spl::{
    token::spl_token::state::Account as TokenAccount,
    token_2022::spl_token_2022::instruction as token,
};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, memory::InMemory, path::Path};
use pixr::{
    entries::{Entry, Writer},
    state::{Shard, shard::read_header},
};
use pixr_client::{Platform, withdrawal_address};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;

use super::{Publisher, files::Place, index_once, registry};
use crate::{
    app::App,
    chain::{
        Chain, ChainError, ChainTime, ChainTransaction, Commitment, RecentBlockhash,
        SignatureStatus, Simulation,
        embedded::Embedded,
        testing::{SMALL, Scene, program},
    },
    config::{Config, KeysConfig, Secret},
    keys::Keys,
    log::PostgresLog,
    settle::Kind,
    store::Pool,
    testing::TestPostgres,
};

/// Base units that a thousand views earn.
pub const BASE_RATE: u64 = 1_000_000;

/// A platform and what keeps its index.
pub struct World {
    pub chain: Arc<Embedded>,
    pub scene: Scene,
    /// Address and next sequence of each shard.
    pub shards: Vec<(Pubkey, u64)>,
    /// A full token account of the scene's key.
    pub tokens: Pubkey,
    pub store: Pool,
    pub objects: Arc<dyn ObjectStore>,
}

impl World {
    /// One shard with a creator, who is the scene's key, and two contents.
    pub async fn new() -> Self {
        Self::on(Embedded::temporary(&program()).expect("a chain")).await
    }

    /// Another platform on a chain that is there.
    pub async fn on(chain: Arc<Embedded>) -> Self {
        let scene = Scene::new(&*chain).await;
        let store = TestPostgres::start().await.pool;
        let objects = Arc::new(InMemory::new());
        let shards = vec![(scene.shard, 1)];
        let tokens = Pubkey::default();
        let mut world = Self { chain, scene, shards, tokens, store, objects };
        world.tokens = world.token_account(1 << 50).await;
        world
    }

    pub fn platform(&self) -> Platform {
        self.scene.platform
    }

    pub fn key(&self) -> Pubkey {
        self.scene.key.pubkey()
    }

    pub fn place(&self, shard: u32) -> Place {
        let address = self.shards[usize::try_from(shard).expect("small")].0;
        Place::new(self.platform().address, shard, address)
    }

    /// What a keeper of this platform has: the scene's key is the keeper's.
    pub fn app(&self, chain: Arc<dyn Chain>) -> App {
        let (config, folder) = (Config::default(), std::env::temp_dir());
        let master_seed = Some(Secret::new("07".repeat(32)));
        let keeper = Some(Secret::new(self.scene.key.to_base58_string()));
        let keys = KeysConfig { master_seed, keeper, ..KeysConfig::default() };
        App {
            config: Arc::new(config),
            keys: Arc::new(Keys::load(&keys, &folder).expect("keys")),
            store: self.store.clone(),
            chain,
            log: Arc::new(PostgresLog::new(self.store.clone())),
            objects: self.objects.clone(),
            platform: self.platform(),
        }
    }

    pub async fn run(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Signature {
        self.scene.run(&*self.chain, instructions, signers).await
    }

    /// A new token account of the scene's key with so much in it.
    pub async fn token_account(&self, amount: u64) -> Pubkey {
        self.token_account_of(&self.key(), amount).await
    }

    /// A new token account of `owner` with so much in it.
    pub async fn token_account_of(&self, owner: &Pubkey, amount: u64) -> Pubkey {
        let tokens = Keypair::new();
        let Platform { mint, token_program: program, .. } = self.platform();
        let rent = self.chain.rent_lamports(TokenAccount::LEN).await.expect("rent");
        let (me, at, space) = (self.key(), tokens.pubkey(), TokenAccount::LEN as u64);
        let instructions = [
            system_instruction::create_account(&me, &at, rent, space, &program),
            token::initialize_account3(&program, &at, &mint, owner).expect("an instruction"),
            token::mint_to(&program, &mint, &at, &me, &[], amount).expect("an instruction"),
        ];
        self.run(&instructions, &[&tokens]).await;
        at
    }

    /// Another shard, with so much budget.
    pub async fn open_shard(&mut self, budget: u64) -> u32 {
        let (shard, me) = (Keypair::new(), self.key());
        let space = SMALL.account_bytes().and_then(|bytes| usize::try_from(bytes).ok());
        let rent = self.chain.rent_lamports(space.expect("capacities")).await.expect("rent");
        let platform = self.platform();
        let open = platform.open_shard(me, me, shard.pubkey(), SMALL, rent).expect("capacities");
        self.run(&open, &[&shard]).await;
        self.run(&[platform.fund_shard(me, self.tokens, shard.pubkey(), budget)], &[]).await;
        self.shards.push((shard.pubkey(), 1));
        u32::try_from(self.shards.len() - 1).expect("few shards")
    }

    pub fn shard(&self, shard: u32) -> Pubkey {
        self.place(shard).address
    }

    pub async fn register_creator(&self, shard: u32, authority: Pubkey) {
        let me = self.key();
        let register = self.platform().register_creator(me, self.shard(shard), me, authority);
        self.run(&[register], &[]).await;
    }

    pub async fn register_content(&self, shard: u32, creator: u32, id: [u8; 16]) {
        let me = self.key();
        let register = self.platform().register_content(me, self.shard(shard), me, creator, id);
        self.run(&[register], &[]).await;
    }

    /// The next batch, of (content, views, relevance).
    pub async fn batch(
        &mut self,
        shard: u32,
        kind: Kind,
        entries: &[(u64, u64, u64)],
    ) -> Signature {
        let (address, sequence) = &mut self.shards[usize::try_from(shard).expect("small")];
        let (address, sequence) = (*address, std::mem::replace(sequence, *sequence + 1));
        let batch =
            kind.instruction(&self.platform(), self.key(), address, sequence, packed(entries));
        self.run(&[batch], &[]).await
    }

    pub async fn settle(&mut self, shard: u32, entries: &[(u64, u64, u64)]) -> Signature {
        self.batch(shard, Kind::Views, entries).await
    }

    pub async fn reverse(&mut self, shard: u32, entries: &[(u64, u64, u64)]) -> Signature {
        self.batch(shard, Kind::Reversal, entries).await
    }

    pub async fn set_quality(&self, shard: u32, content: u32, quality: u16) -> Signature {
        let me = self.key();
        let set = self.platform().set_quality(me, self.shard(shard), content, quality);
        self.run(&[set], &[]).await
    }

    pub async fn tip(&self, shard: u32, creator: u32, amount: u64) -> Signature {
        let (me, shard) = (self.key(), self.shard(shard));
        let tip = self.platform().tip(me, self.tokens, shard, creator, amount, "thanks".into());
        self.run(&[tip], &[]).await
    }

    pub async fn withdraw(&self, shard: u32, creator: u32, amount: u64) -> Signature {
        let (me, shard) = (self.key(), self.shard(shard));
        let withdraw = self.platform().withdraw(me, shard, creator, self.tokens, amount);
        self.run(&[withdraw], &[]).await
    }

    pub async fn request(&self, shard: u32, creator: u32, number: u32, amount: u64) -> Signature {
        let (me, shard, to) = (self.key(), self.shard(shard), self.tokens);
        let request =
            self.platform().request_withdrawal(me, me, shard, creator, number, to, amount);
        self.run(&[request], &[]).await
    }

    pub async fn execute(&self, shard: u32, creator: u32, number: u32) -> Signature {
        let (me, shard, to) = (self.key(), self.shard(shard), self.tokens);
        let execute = self.platform().execute_withdrawal(me, me, shard, creator, number, to);
        self.run(&[execute], &[]).await
    }

    pub async fn cancel(&self, shard: u32, creator: u32, number: u32) -> Signature {
        let (me, shard) = (self.key(), self.shard(shard));
        self.run(&[self.platform().cancel_withdrawal(me, me, shard, creator, number)], &[]).await
    }

    pub fn withdrawal(&self, shard: u32, creator: u32, number: u32) -> Pubkey {
        withdrawal_address(&self.shard(shard), creator, number)
    }

    pub async fn freeze(&self, withdrawal: Pubkey, frozen: bool) -> Signature {
        let (me, shard) = (self.key(), self.shard(0));
        self.run(&[self.platform().set_frozen(me, shard, withdrawal, frozen)], &[]).await
    }

    pub async fn collect_fees(&self, shard: u32) -> Signature {
        let shard = self.shard(shard);
        self.run(&[self.platform().collect_fees(shard, self.tokens, self.tokens)], &[]).await
    }

    /// A little of everything in the first shard, with batches up to number 6, and after them a tip.
    pub async fn live(&mut self) {
        self.register_creator(0, Pubkey::new_unique()).await;
        self.register_content(0, 1, [3; 16]).await;
        self.settle(0, &[(0, 1_000, 10_000), (1, 7, 10_000), (2, 333, 10_000)]).await;
        self.set_quality(0, 1, 3_333).await;
        self.tip(0, 1, 1_000).await;
        self.settle(0, &[(0, 3, 9_999), (1, 100, 777), (2, 1, 1)]).await;
        self.withdraw(0, 0, 250_000).await;
        self.reverse(0, &[(0, 500, 10_000), (1, 50, 10_000)]).await;
        self.request(0, 0, 0, 300_000).await;
        self.settle(0, &[(0, 100, 10_000), (1, 3, 10_000), (2, 10, 5_000)]).await;
        self.request(0, 0, 1, 111).await;
        self.cancel(0, 0, 1).await;
        self.chain.advance(Duration::from_secs(172_801)).await.expect("time");
        self.execute(0, 0, 0).await;
        self.collect_fees(0).await;
        self.settle(0, &[(0, 450, 10_000), (1, 8_000_000, 9_000)]).await;
        self.set_quality(0, 1, 10_000).await;
        self.set_quality(0, 2, 0).await;
        self.settle(0, &[(1, 1, 1), (2, 9_999, 10_000)]).await;
        self.tip(0, 0, 77_777).await;
    }

    pub async fn index(&self) {
        self.index_with(&*self.chain).await;
    }

    pub async fn index_with(&self, chain: &dyn Chain) {
        let platform = self.platform().address;
        index_once(&self.store, chain, &platform).await.expect("events");
        registry::sync_all(&self.store, chain, &platform).await.expect("slots");
    }

    pub fn publisher(&self) -> Publisher {
        let (chain, objects) = (self.chain.clone(), self.objects.clone());
        Publisher::new(self.store.clone(), chain, objects, self.platform())
    }

    /// Indexes and publishes.
    pub async fn publish(&self) {
        self.index().await;
        self.publisher().publish_once().await.expect("files");
    }

    pub async fn header(&self, shard: u32) -> Shard {
        let account = self.chain.account(&self.shard(shard), Commitment::Finalized).await;
        let account = account.expect("an answer");
        read_header(&account.expect("a shard").data).expect("a header")
    }

    pub async fn read(&self, path: &Path) -> Vec<u8> {
        let found = self.objects.get(path).await.expect("a file");
        found.bytes().await.expect("its bytes").to_vec()
    }

    pub async fn write(&self, path: &Path, bytes: Vec<u8>) {
        self.objects.put(path, PutPayload::from(bytes)).await.expect("a file");
    }
}

/// Entries of (content, views, relevance), packed.
pub fn packed(entries: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut writer = Writer::default();
    for (content, views, relevance) in entries.iter().copied() {
        writer.push(Entry { content, views, relevance }).expect("an entry");
    }
    writer.finish()
}

type Alter = Box<dyn Fn(&Pubkey, &mut Account) + Send + Sync>;

/// An embedded chain behind a bad connection, or one whose accounts say something else.
pub struct Bad {
    pub inner: Arc<Embedded>,
    /// Changes what accounts say.
    pub alter: Option<Alter>,
    /// Some requests fail, and listening ends after each sign.
    pub unsteady: bool,
    requests: AtomicU64,
    /// Transactions are forgotten.
    pub forgetful: AtomicBool,
}

impl Bad {
    pub fn new(inner: &Arc<Embedded>) -> Self {
        let (requests, forgetful) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { inner: Arc::clone(inner), alter: None, unsteady: false, requests, forgetful }
    }

    fn connected(&self) -> Result<(), ChainError> {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        // Irregular, so that no sequence of requests fails for ever.
        if self.unsteady && request.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 == 0 {
            return Err(ChainError::Unreachable("the connection was cut".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Chain for Bad {
    async fn account(
        &self,
        address: &Pubkey,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        self.account_part(address, 0, usize::MAX, commitment).await
    }

    async fn account_part(
        &self,
        address: &Pubkey,
        offset: usize,
        length: usize,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        self.connected()?;
        let account = self.inner.account(address, commitment).await?;
        Ok(account.map(|mut account| {
            if let Some(alter) = &self.alter {
                alter(address, &mut account);
            }
            account.data = account.data.split_off(offset.min(account.data.len()));
            account.data.truncate(length);
            account
        }))
    }

    async fn rent_lamports(&self, bytes: usize) -> Result<u64, ChainError> {
        self.inner.rent_lamports(bytes).await
    }

    async fn blockhash(&self) -> Result<RecentBlockhash, ChainError> {
        self.inner.blockhash().await
    }

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError> {
        self.inner.block_height(commitment).await
    }

    async fn time(&self) -> Result<ChainTime, ChainError> {
        self.inner.time().await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.inner.simulate(transaction).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<Signature, ChainError> {
        self.inner.send(transaction).await
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        self.inner.statuses(signatures).await
    }

    async fn priority_fee(&self, writable: &[Pubkey]) -> Result<u64, ChainError> {
        self.inner.priority_fee(writable).await
    }

    async fn history(
        &self,
        address: &Pubkey,
        after: Option<Signature>,
        limit: usize,
    ) -> Result<Vec<ChainTransaction>, ChainError> {
        self.connected()?;
        if after.is_some() && self.forgetful.load(Ordering::Relaxed) {
            return Err(ChainError::Invalid("no such transaction".into()));
        }
        self.inner.history(address, after, limit).await
    }

    async fn transaction(
        &self,
        signature: &Signature,
    ) -> Result<Option<ChainTransaction>, ChainError> {
        if self.forgetful.load(Ordering::Relaxed) {
            return Ok(None);
        }
        self.inner.transaction(signature).await
    }

    async fn watch(&self, address: &Pubkey) -> Result<BoxStream<'static, ()>, ChainError> {
        let signs = self.inner.watch(address).await?;
        Ok(if self.unsteady { signs.take(1).boxed() } else { signs.chain(stream::empty()).boxed() })
    }

    async fn airdrop(&self, to: &Pubkey, lamports: u64) -> Result<(), ChainError> {
        self.inner.airdrop(to, lamports).await
    }

    async fn advance(&self, by: std::time::Duration) -> Result<(), ChainError> {
        self.inner.advance(by).await
    }

    async fn takes_v1(&self) -> Result<bool, ChainError> {
        self.inner.takes_v1().await
    }
}
