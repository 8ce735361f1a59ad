//! A platform in the middle of its work, from which each case starts.

use pixr_client::{Platform, withdrawal_address};
use pixr_tests::{
    tokens::Token,
    world::{SMALL, Wallet, World, views},
};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// The shard's reward budget before anything was settled, in base units.
pub const BUDGET: u64 = 100_000_000_000;

/// One funded shard; alice and bob have a creator slot and a content each, alice has earned.
pub struct Scene {
    pub world: World,
    pub shard: Address,
    pub alice: Wallet,
    pub bob: Wallet,
    /// Has tokens, no creator slot.
    pub patron: Wallet,
}

/// Alice's creator slot and content.
pub const ALICE: u32 = 0;
/// Bob's creator slot and content.
pub const BOB: u32 = 1;
/// What alice has earned: three million views at one token for 1,000.
pub const EARNED: u64 = 3_000_000_000;

/// Instructions and who signs them.
pub type Attempt = (Vec<Instruction>, Vec<Keypair>);

impl Scene {
    pub fn new() -> Self {
        Self::with_token(Token::Spl)
    }

    pub fn with_token(token: Token) -> Self {
        let mut world = World::new(token);
        let shard = world.funded_shard(SMALL, BUDGET);
        let (alice, ..) = world.creator(&shard);
        let (bob, ..) = world.creator(&shard);
        let patron = world.wallet(1_000_000_000);
        world.settle(&shard, &[views(ALICE, 3_000_000)]).expect("a settled batch");
        Self { world, shard, alice, bob, patron }
    }

    pub fn platform(&self) -> Platform {
        self.world.platform
    }

    pub fn payer(&self) -> Address {
        self.world.keys.payer.pubkey()
    }

    pub fn keeper(&self) -> Keypair {
        self.world.keys.keeper.insecure_clone()
    }

    pub fn admin(&self) -> Keypair {
        self.world.keys.admin.insecure_clone()
    }

    pub fn guardian(&self) -> Keypair {
        self.world.keys.guardian.insecure_clone()
    }

    pub fn run(&mut self, instruction: Instruction, signers: &[&Keypair]) {
        self.world.run(&[instruction], signers).expect("a transaction that goes through");
    }

    pub fn pause(&mut self) {
        let guardian = self.guardian();
        let pause = self.platform().pause(guardian.pubkey());
        self.run(pause, &[&guardian]);
    }

    /// Alice withdraws to her wallet.
    pub fn withdraw(&self, amount: u64) -> Instruction {
        let Self { shard, alice, .. } = self;
        self.platform().withdraw(alice.address(), *shard, ALICE, alice.tokens, amount)
    }

    /// Alice requests her delayed withdrawal with this number.
    pub fn request(&self, number: u32, amount: u64) -> Instruction {
        let Self { shard, alice, .. } = self;
        self.platform().request_withdrawal(
            alice.address(),
            self.payer(),
            *shard,
            ALICE,
            number,
            alice.tokens,
            amount,
        )
    }

    pub fn execute(&self, number: u32) -> Instruction {
        let Self { shard, alice, .. } = self;
        let (authority, payer) = (alice.address(), self.payer());
        self.platform().execute_withdrawal(authority, payer, *shard, ALICE, number, alice.tokens)
    }

    pub fn cancel(&self, number: u32) -> Instruction {
        let (authority, payer) = (self.alice.address(), self.payer());
        self.platform().cancel_withdrawal(authority, payer, self.shard, ALICE, number)
    }

    pub fn freeze(&self, number: u32, frozen: bool) -> Instruction {
        let withdrawal = withdrawal_address(&self.shard, ALICE, number);
        self.platform().set_frozen(self.guardian().pubkey(), self.shard, withdrawal, frozen)
    }

    /// Alice has requested a delayed withdrawal, number 0, of 2,000 tokens.
    pub fn requested(&mut self) {
        let (request, alice) = (self.request(0, 2_000_000_000), self.alice.key.insecure_clone());
        self.run(request, &[&alice]);
    }

    /// The patron tips alice.
    pub fn tip(&self, amount: u64) -> Instruction {
        let Self { shard, patron, .. } = self;
        let memo = "for the sunrise video".to_owned();
        self.platform().tip(patron.address(), patron.tokens, *shard, ALICE, amount, memo)
    }

    pub fn alice_signs(&self, instruction: Instruction) -> Attempt {
        (vec![instruction], vec![self.alice.key.insecure_clone()])
    }

    pub fn patron_signs(&self, instruction: Instruction) -> Attempt {
        (vec![instruction], vec![self.patron.key.insecure_clone()])
    }

    pub fn keeper_signs(&self, instruction: Instruction) -> Attempt {
        (vec![instruction], vec![self.keeper()])
    }

    pub fn admin_signs(&self, instruction: Instruction) -> Attempt {
        (vec![instruction], vec![self.admin()])
    }

    pub fn guardian_signs(&self, instruction: Instruction) -> Attempt {
        (vec![instruction], vec![self.guardian()])
    }
}
