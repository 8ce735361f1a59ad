//! A platform in the middle of its work, from which each case starts.

use pixr::state::RoundTerms;
use pixr_client::{HeldPosition, Platform, withdrawal_address};
use pixr_tests::{
    rounds::{MANIFEST, TERMS},
    tokens::Token,
    world::{SETTINGS, SMALL, Wallet, World, views},
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

    /// The creator of this content opens a round on it: alice.
    pub fn open_round(&self, terms: RoundTerms) -> Instruction {
        let new = self.world.new_round(&self.shard, ALICE, terms);
        self.platform().open_round(self.alice.address(), self.payer(), new)
    }

    /// A round on alice's content in which the patron has invested a tenth.
    pub fn started_round(&mut self) -> Address {
        let round = self.world.open_round(&self.shard, ALICE, TERMS);
        self.patron_invests(&round, TERMS.target / 10);
        round
    }

    /// A round on alice's content that the patron has funded.
    pub fn funded_round(&mut self, terms: RoundTerms) -> Address {
        let round = self.world.open_round(&self.shard, ALICE, terms);
        self.patron_invests(&round, terms.target);
        round
    }

    /// A round on alice's content that earns, of which the patron has all.
    pub fn earning_round(&mut self) -> Address {
        let round = self.funded_round(TERMS);
        self.world.wait(SETTINGS.baseline_seconds_min.into());
        self.world.deliver(&round, 10_000).expect("a delivery");
        round
    }

    /// A round whose lane has taken something and was given back.
    pub fn final_round(&mut self) -> Address {
        let (round, shard) = (self.earning_round(), self.shard);
        self.world.settle(&shard, &[views(ALICE, 100_000)]).expect("a batch");
        self.world.wait(i64::from(TERMS.term_seconds) + 1);
        let retire = self.platform().retire_lane(shard, round);
        self.run(retire, &[]);
        round
    }

    fn patron_invests(&mut self, round: &Address, amount: u64) {
        let (key, tokens, payer) =
            (self.patron.key.insecure_clone(), self.patron.tokens, self.payer());
        let invest = self.platform().invest(key.pubkey(), payer, tokens, *round, amount);
        self.run(invest, &[&key]);
    }

    /// The patron's position in a round.
    pub fn position(&self, round: &Address) -> HeldPosition {
        self.world.position(round, &self.patron.address())
    }

    pub fn invest(&self, round: Address, amount: u64) -> Instruction {
        let Self { patron, .. } = self;
        let payer = self.payer();
        self.platform().invest(patron.address(), payer, patron.tokens, round, amount)
    }

    pub fn refund(&self, round: &Address) -> Instruction {
        let position = self.position(round);
        self.platform().refund(self.patron.address(), position, self.patron.tokens)
    }

    pub fn claim(&self, round: &Address) -> Instruction {
        let position = self.position(round);
        self.platform().claim(self.patron.address(), self.shard, position, self.patron.tokens)
    }

    pub fn deliver(&mut self, round: Address, quality: u16) -> Instruction {
        let (keeper, treasury) = (self.keeper().pubkey(), self.world.treasury_tokens());
        self.platform().deliver(keeper, self.shard, round, treasury, MANIFEST, quality)
    }

    pub fn close_round(&mut self, round: Address) -> Instruction {
        let (payer, treasury) = (self.payer(), self.world.treasury_tokens());
        self.platform().close_round(self.shard, round, payer, treasury)
    }

    pub fn list(&self, round: &Address, price: u64) -> Instruction {
        let position = self.position(round).address;
        self.platform().list(self.patron.address(), *round, position, price)
    }

    /// Bob buys the patron's position; he has no tokens.
    pub fn buy(&self, round: &Address, price_max: u64, claimed_max: u64) -> Instruction {
        let position = self.position(round).address;
        let (bob, seller) = (&self.bob, self.patron.tokens);
        let (buyer, source) = (bob.address(), bob.tokens);
        self.platform().buy(buyer, source, *round, position, seller, price_max, claimed_max)
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
