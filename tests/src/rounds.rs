//! Rounds in a world: opened, funded and delivered as they should be.

use pixr::state::{Position, Round, RoundKind, RoundTerms};
use pixr_client::{HeldPosition, NewRound, position_address, round_address, vault_address};
use solana_address::Address;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::{
    transactions::Outcome,
    world::{SETTINGS, Wallet, World},
};

const DAY: u32 = 86_400;

/// Terms of a round that raises 400 tokens for a fifth of the uplift, up to 2,000, within 90 days.
/// The deadline counts from the opening.
pub const TERMS: RoundTerms = RoundTerms {
    kind: RoundKind::Quality,
    target: 400_000_000,
    deadline: 30 * DAY as i64,
    delivery_seconds: 14 * DAY,
    share_bps: 2_000,
    cap: 2_000_000_000,
    term_seconds: 90 * DAY,
    plan_hash: [1; 32],
};

/// Terms of a round that has no return.
pub const SUPPORT: RoundTerms =
    RoundTerms { kind: RoundKind::Support, share_bps: 0, cap: 0, term_seconds: 0, ..TERMS };

/// SHA-256 of what was delivered.
pub const MANIFEST: [u8; 32] = [2; 32];

impl World {
    /// Unix seconds.
    pub fn now(&self) -> i64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp
    }

    /// The content's next round, with a deadline that counts from now.
    pub fn new_round(&self, shard: &Address, content: u32, terms: RoundTerms) -> NewRound {
        let slot = usize::try_from(content).expect("64 bits");
        let number = self.shard(shard).contents[slot].next_round;
        let terms = RoundTerms { deadline: self.now() + terms.deadline, ..terms };
        NewRound { shard: *shard, content, number, terms }
    }

    /// Opens a round, by the keeper. Returns its address.
    pub fn open_round(&mut self, shard: &Address, content: u32, terms: RoundTerms) -> Address {
        let new = self.new_round(shard, content, terms);
        let (keeper, payer) = (self.keys.keeper.insecure_clone(), self.keys.payer.pubkey());
        let open = self.platform.open_round(keeper.pubkey(), payer, new);
        self.run(&[open], &[&keeper]).expect("a round");
        round_address(shard, content, new.number)
    }

    /// Invests; the world's payer pays the rent.
    pub fn invest(&mut self, round: &Address, investor: &Wallet, amount: u64) -> Outcome {
        let (key, payer) = (investor.address(), self.keys.payer.pubkey());
        let invest = self.platform.invest(key, payer, investor.tokens, *round, amount);
        self.run(&[invest], &[&investor.key])
    }

    /// A token account of the treasury.
    pub fn treasury_tokens(&mut self) -> Address {
        let treasury = self.keys.treasury.pubkey();
        self.token_account(&treasury, 0)
    }

    /// Delivers a round, by the keeper, to where its escrow belongs.
    pub fn deliver(&mut self, round: &Address, quality: u16) -> Outcome {
        let state: Round = self.read(round);
        let support = state.terms.kind == RoundKind::Support;
        let destination =
            if support { vault_address(&state.shard) } else { self.treasury_tokens() };
        let keeper = self.keys.keeper.insecure_clone();
        let deliver = self.platform.deliver(
            keeper.pubkey(),
            state.shard,
            *round,
            destination,
            MANIFEST,
            quality,
        );
        self.run(&[deliver], &[&keeper])
    }

    /// A round that `investor` has funded alone.
    pub fn funded_round(
        &mut self,
        shard: &Address,
        content: u32,
        terms: RoundTerms,
        investor: &Wallet,
    ) -> Address {
        let round = self.open_round(shard, content, terms);
        self.invest(&round, investor, terms.target).expect("an investment");
        round
    }

    /// A round that `investor` has funded alone, delivered as soon as the baseline is long enough.
    pub fn delivered_round(
        &mut self,
        shard: &Address,
        content: u32,
        terms: RoundTerms,
        investor: &Wallet,
    ) -> Address {
        let round = self.funded_round(shard, content, terms, investor);
        self.wait(SETTINGS.baseline_seconds_min.into());
        self.deliver(&round, 10_000).expect("a delivery");
        round
    }

    /// The position of an investor.
    pub fn position(&self, round: &Address, investor: &Address) -> HeldPosition {
        let address = position_address(round, investor);
        let payer = self.read::<Position>(&address).payer;
        HeldPosition { round: *round, address, payer }
    }

    /// Claims for the owner of a position, who signs.
    pub fn claim(&mut self, shard: &Address, position: HeldPosition, owner: &Wallet) -> Outcome {
        let claim = self.platform.claim(owner.address(), *shard, position, owner.tokens);
        self.run(&[claim], &[&owner.key])
    }

    /// Runs an instruction that nobody signs but the payer.
    pub fn run_unsigned(&mut self, instruction: Instruction) -> Outcome {
        self.run(&[instruction], &[])
    }

    /// Makes a round one of so many positions, behind the program's back.
    pub fn forge_positions(&mut self, round: &Address, positions: u32) {
        let mut state: Round = self.read(round);
        state.positions = positions;
        self.forge(round, |account| {
            let mut data = Vec::new();
            anchor_lang::AccountSerialize::try_serialize(&state, &mut data).expect("bytes");
            account.data[..data.len()].copy_from_slice(&data);
        });
    }
}
