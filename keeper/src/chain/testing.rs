//! For tests: a platform with one shard on any chain.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anchor_lang::{
    prelude::Pubkey,
    solana_program::{program_pack::Pack, system_instruction},
};
use anchor_spl::{
    token::spl_token::state::{Account as TokenAccount, Mint},
    token_2022::spl_token_2022::instruction as token,
};
use pixr::{
    entries::{Entry, Writer},
    instructions::Roles,
    state::{
        Settings, Shard,
        shard::{Capacities, ShardRef},
    },
};
use pixr_client::{Platform, RolesAndSettings};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;

use super::{
    Chain, ChainError, Commitment, SignatureStatus,
    embedded::Embedded,
    transactions::{Limits, Signed, Version, sign},
};

/// Settings of every scene and world: one token (10^6 base units) for 1,000 views, and caps that
/// nothing reaches.
pub const SETTINGS: Settings = Settings {
    base_rate: 1_000_000,
    batch_cap: 1 << 50,
    day_cap: 1 << 55,
    withdraw_limit: 1_000_000_000,
    withdraw_window_seconds: 86_400,
    withdraw_delay_seconds: 172_800,
    platform_fee_bps: 500,
    processing_fee_bps: 290,
    initial_quality: 10_000,
    baseline_seconds_min: 3_600,
    shares_bps_max: 5_000,
};
/// Slots of a small shard.
pub const SMALL: Capacities = Capacities { creators: 8, contents: 16, lanes: 2 };
/// A shard's reward budget, in base units.
const BUDGET: u64 = 1 << 60;
/// How long a cluster may take for a transaction.
const LANDING_MAX: Duration = Duration::from_secs(60);
const LANDING_POLL: Duration = Duration::from_millis(20);

/// The compiled program.
pub fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deploy/pixr.so")
}

/// A folder that goes with its value.
pub struct Folder(pub PathBuf);

impl Default for Folder {
    /// A name that nobody has; the folder is not made yet.
    fn default() -> Self {
        Self(std::env::temp_dir().join(format!("pixr-test-{}", uuid::Uuid::new_v4())))
    }
}

impl Folder {
    /// The embedded chain in this folder.
    pub fn open(&self) -> Arc<Embedded> {
        Embedded::open(&self.0, &program()).expect("a chain")
    }

    /// A copy as it is now: what a process that is killed leaves.
    pub fn copy(&self) -> Self {
        let copy = Self::default();
        std::fs::create_dir(&copy.0).expect("a folder");
        for entry in self.0.read_dir().expect("a folder") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), copy.0.join(entry.file_name())).expect("a copy");
        }
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody looks at what is left of a temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A platform and a funded shard with one creator and two contents. One key has every role.
pub struct Scene {
    pub key: Keypair,
    pub platform: Platform,
    pub shard: Pubkey,
    /// A token account of the key's.
    pub tokens: Pubkey,
    pub next_sequence: u64,
    /// Of the transactions that are signed.
    pub version: Version,
}

impl Scene {
    /// A scene with a small shard, by transactions of version 1.
    pub async fn new(chain: &dyn Chain) -> Self {
        Self::with(chain, SMALL, Version::V1).await
    }

    pub async fn with(chain: &dyn Chain, capacities: Capacities, version: Version) -> Self {
        let (key, mint, shard) = (Keypair::new(), Keypair::new(), Keypair::new());
        let me = key.pubkey();
        chain.airdrop(&me, 1 << 40).await.expect("lamports");
        let platform = Platform::new(&me, mint.pubkey(), anchor_spl::token::ID);
        let tokens = Keypair::new();
        let scene = Self {
            key,
            platform,
            shard: shard.pubkey(),
            tokens: tokens.pubkey(),
            next_sequence: 1,
            version,
        };
        scene.run(chain, &scene.mint(chain, &mint.pubkey()).await, &[&mint]).await;

        let roles = Roles { admin: me, keeper: me, guardian: me, treasury: me, processor: me };
        let start = RolesAndSettings { roles, settings: SETTINGS };
        let space = capacities.account_bytes().expect("capacities");
        let rent = chain.rent_lamports(space.try_into().expect("64 bits")).await.expect("rent");
        let mut open = vec![platform.initialize(me, me, start)];
        open.extend(
            platform.open_shard(me, me, shard.pubkey(), capacities, rent).expect("capacities"),
        );
        scene.run(chain, &open, &[&shard]).await;
        scene.fund(chain, &tokens).await;
        let register = [
            platform.register_creator(me, scene.shard, me, me),
            platform.register_content(me, scene.shard, me, 0, [1; 16]),
            platform.register_content(me, scene.shard, me, 0, [2; 16]),
        ];
        scene.run(chain, &register, &[]).await;
        scene
    }

    async fn mint(&self, chain: &dyn Chain, mint: &Pubkey) -> [Instruction; 2] {
        let program = &self.platform.token_program;
        let rent = chain.rent_lamports(Mint::LEN).await.expect("rent");
        let me = self.key.pubkey();
        [
            system_instruction::create_account(&me, mint, rent, Mint::LEN as u64, program),
            token::initialize_mint2(program, mint, &me, None, 6).expect("an instruction"),
        ]
    }

    async fn fund(&self, chain: &dyn Chain, tokens: &Keypair) {
        let Platform { mint, token_program: program, .. } = &self.platform;
        let rent = chain.rent_lamports(TokenAccount::LEN).await.expect("rent");
        let (me, at) = (self.key.pubkey(), tokens.pubkey());
        let fund = [
            system_instruction::create_account(&me, &at, rent, TokenAccount::LEN as u64, program),
            token::initialize_account3(program, &at, mint, &me).expect("an instruction"),
            token::mint_to(program, mint, &at, &me, &[], BUDGET).expect("an instruction"),
            self.platform.fund_shard(me, at, self.shard, BUDGET),
        ];
        self.run(chain, &fund, &[tokens]).await;
    }

    /// Signs instructions on the newest blockhash.
    pub async fn sign(
        &self,
        chain: &dyn Chain,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Signed {
        let hash = chain.blockhash().await.expect("a blockhash").hash;
        sign(self.version, hash, Limits::MOST, instructions, &self.key, signers).expect("signed")
    }

    /// Sends instructions, and waits until they are confirmed.
    pub async fn run(
        &self,
        chain: &dyn Chain,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Signature {
        let signed = self.sign(chain, instructions, signers).await;
        let signature = chain.send(&signed.bytes).await.expect("a transaction that lands");
        let status = landed(chain, &signature, Commitment::Confirmed).await;
        assert_eq!(status.error, None);
        signature
    }

    /// The batch with this sequence: `count` credits, two bytes each.
    pub fn settlement(&self, sequence: u64, count: u64) -> Instruction {
        let mut writer = Writer::default();
        for entry in 0..count {
            let content = u64::from(entry >= count / 2);
            writer.push(Entry { content, views: 1, relevance: 10_000 }).expect("an entry");
        }
        self.platform.settle(self.key.pubkey(), self.shard, sequence, writer.finish())
    }

    /// Settles the next batch: ten views.
    pub async fn settle(&mut self, chain: &dyn Chain) -> Result<Signature, ChainError> {
        let signed = self.sign(chain, &[self.settlement(self.next_sequence, 10)], &[]).await;
        let signature = chain.send(&signed.bytes).await?;
        landed(chain, &signature, Commitment::Confirmed).await;
        self.next_sequence += 1;
        Ok(signature)
    }

    /// The shard's header.
    pub async fn header(&self, chain: &dyn Chain) -> Shard {
        let account = chain.account(&self.shard, Commitment::Confirmed).await.expect("an answer");
        let account = account.expect("a shard");
        *ShardRef::parse(&account.data).expect("a shard").header
    }
}

/// Waits until a transaction has landed.
pub async fn landed(
    chain: &dyn Chain,
    signature: &Signature,
    commitment: Commitment,
) -> SignatureStatus {
    let poll = async {
        loop {
            let status = chain.statuses(&[*signature]).await.expect("statuses").pop().flatten();
            match status.filter(|status| status.commitment >= commitment) {
                Some(status) => return status,
                None => tokio::time::sleep(LANDING_POLL).await,
            }
        }
    };
    tokio::time::timeout(LANDING_MAX, poll).await.expect("a transaction that lands in time")
}
