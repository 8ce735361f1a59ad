//! The instructions of a round, with the accounts that they need.

use anchor_lang::prelude::Pubkey;
use pixr::state::{ContentSlot, Position, Round, RoundTerms};
use pixr_client::{HeldPosition, NewRound, position_address, round_address};
use solana_instruction::Instruction;

use crate::{
    app::{App, Ledger, LedgerError, ShardHead, open_tokens_of},
    keys::Purpose,
};

/// A round to be opened.
pub struct Opening {
    /// Its address.
    pub round: Pubkey,
    pub instruction: Instruction,
}

impl Opening {
    /// The next round of a content. Signers: `authority`, the creator's or the keeper, and the
    /// keeper, who pays.
    pub fn new(
        app: &App,
        authority: Pubkey,
        shard: &ShardHead,
        (content, slot): (u32, &ContentSlot),
        terms: RoundTerms,
    ) -> Self {
        let (shard, number) = (shard.address, slot.next_round);
        let payer = app.keys.address(Purpose::Keeper);
        let new = NewRound { shard, content, number, terms };
        let instruction = app.platform.open_round(authority, payer, new);
        Self { round: round_address(&shard, content, number), instruction }
    }
}

/// What can be done with a round.
pub struct Acts<'a> {
    app: &'a App,
    pub address: Pubkey,
    pub round: Round,
}

impl<'a> Acts<'a> {
    /// Reads the round.
    pub async fn of(app: &'a App, address: Pubkey) -> Result<Self, LedgerError> {
        let round = Ledger::finalized(app).round(&address).await?;
        Ok(Self { app, address, round })
    }

    fn tokens_of(&self, wallet: &Pubkey) -> Pubkey {
        Ledger::finalized(self.app).tokens_of(wallet)
    }

    fn held(&self, address: Pubkey, position: &Position) -> HeldPosition {
        HeldPosition { round: self.address, address, payer: position.payer }
    }

    /// Where the position of an investor is.
    pub fn position_of(&self, investor: &Pubkey) -> Pubkey {
        position_address(&self.address, investor)
    }

    /// Invests tokens of `investor`, who signs. The keeper pays the position's rent.
    pub fn invest(&self, investor: Pubkey, amount: u64) -> Instruction {
        let payer = self.app.keys.address(Purpose::Keeper);
        let source = self.tokens_of(&investor);
        self.app.platform.invest(investor, payer, source, self.address, amount)
    }

    /// Cancels the round. Signer: `authority`, the creator's while it is open, or the keeper.
    pub fn cancel(&self, authority: Pubkey) -> Instruction {
        self.app.platform.cancel_round(authority, self.round.shard, self.address)
    }

    /// Delivers the round to the treasury, or what it raised for support to the creator. Signer: the
    /// keeper.
    pub fn deliver(
        &self,
        shard: &ShardHead,
        treasury: &Pubkey,
        manifest_hash: [u8; 32],
        quality: u16,
    ) -> Vec<Instruction> {
        let keeper = self.app.keys.address(Purpose::Keeper);
        let mut instructions = Vec::new();
        let destination = if self.round.terms.has_returns() {
            instructions.push(open_tokens_of(self.app, treasury));
            self.tokens_of(treasury)
        } else {
            shard.header.vault
        };
        let platform = &self.app.platform;
        let shard = shard.address;
        let (round, hash) = (self.address, manifest_hash);
        instructions.push(platform.deliver(keeper, shard, round, destination, hash, quality));
        instructions
    }

    /// Pays a position back to its owner. Signer: `caller`.
    pub fn refund(&self, caller: Pubkey, at: Pubkey, position: &Position) -> [Instruction; 2] {
        let (owner, held) = (position.owner, self.held(at, position));
        let refund = self.app.platform.refund(caller, held, self.tokens_of(&owner));
        [open_tokens_of(self.app, &owner), refund]
    }

    /// Pays a position what it has earned. Signer: `caller`.
    pub fn claim(&self, caller: Pubkey, at: Pubkey, position: &Position) -> [Instruction; 2] {
        let (owner, held) = (position.owner, self.held(at, position));
        let tokens = self.tokens_of(&owner);
        let claim = self.app.platform.claim(caller, self.round.shard, held, tokens);
        [open_tokens_of(self.app, &owner), claim]
    }

    /// Gives the lane back. No signer.
    pub fn retire(&self) -> Instruction {
        self.app.platform.retire_lane(self.round.shard, self.address)
    }

    /// Closes the round. No signer.
    pub fn close(&self, treasury: &Pubkey) -> [Instruction; 2] {
        let Round { shard, opener, .. } = self.round;
        let tokens = self.tokens_of(treasury);
        let close = self.app.platform.close_round(shard, self.address, opener, tokens);
        [open_tokens_of(self.app, treasury), close]
    }

    /// Buys a position for its price, which is at most `price_max`, as long as no more was paid to it
    /// than when it was read. Signer: `buyer`.
    pub fn buy(
        &self,
        buyer: Pubkey,
        at: Pubkey,
        position: &Position,
        price_max: u64,
    ) -> [Instruction; 2] {
        let (source, destination) = (self.tokens_of(&buyer), self.tokens_of(&position.owner));
        let (platform, round) = (&self.app.platform, self.address);
        let claimed_max = position.claimed;
        let buy = platform.buy(buyer, source, round, at, destination, price_max, claimed_max);
        [open_tokens_of(self.app, &position.owner), buy]
    }
}
