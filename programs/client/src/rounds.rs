use anchor_lang::{
    prelude::Pubkey,
    solana_program::{instruction::Instruction, system_program},
};
use pixr::{accounts, instruction as data, state::RoundTerms};

use crate::{
    Platform, escrow_address, instructions::build, position_address, round_address, vault_address,
};

/// A round to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRound {
    /// The content's shard.
    pub shard: Pubkey,
    /// Index of the content.
    pub content: u32,
    /// Number of the content's next round.
    pub number: u32,
    /// What investors agree to.
    pub terms: RoundTerms,
}

/// A position, with what its account says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldPosition {
    /// The round.
    pub round: Pubkey,
    /// The position's account.
    pub address: Pubkey,
    /// Who gets its rent back.
    pub payer: Pubkey,
}

impl Platform {
    /// Opens a round. Signers: `authority`, the creator's or the keeper, and `payer`.
    pub fn open_round(&self, authority: Pubkey, payer: Pubkey, new: NewRound) -> Instruction {
        let NewRound { shard, content, number, terms } = new;
        let round = round_address(&shard, content, number);
        build(
            accounts::OpenRound {
                authority,
                payer,
                platform: self.address,
                shard,
                round,
                escrow: escrow_address(&round),
                mint: self.mint,
                token_program: self.token_program,
                system_program: system_program::ID,
            },
            data::OpenRound { content, number, terms },
        )
    }

    /// Invests from `source` in a round. Signers: `investor`, its owner, and `payer`, who pays the
    /// position's rent.
    pub fn invest(
        &self,
        investor: Pubkey,
        payer: Pubkey,
        source: Pubkey,
        round: Pubkey,
        amount: u64,
    ) -> Instruction {
        build(
            accounts::Invest {
                investor,
                payer,
                platform: self.address,
                round,
                position: position_address(&round, &investor),
                escrow: escrow_address(&round),
                source,
                mint: self.mint,
                token_program: self.token_program,
                system_program: system_program::ID,
            },
            data::Invest { amount },
        )
    }

    /// Cancels a round. Signer: `authority`, the creator's while it is open, or the keeper.
    pub fn cancel_round(&self, authority: Pubkey, shard: Pubkey, round: Pubkey) -> Instruction {
        let platform = self.address;
        build(accounts::CancelRound { authority, platform, shard, round }, data::CancelRound {})
    }

    /// Pays a position back to `destination`, a token account of its owner. Signer: `caller`.
    pub fn refund(
        &self,
        caller: Pubkey,
        position: HeldPosition,
        destination: Pubkey,
    ) -> Instruction {
        let HeldPosition { round, address, payer } = position;
        build(
            accounts::Refund {
                caller,
                platform: self.address,
                round,
                position: address,
                payer,
                escrow: escrow_address(&round),
                destination,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::Refund {},
        )
    }

    /// Delivers a round. `destination` is a token account of the treasury, or for a support round the
    /// shard's vault. Signer: `keeper`.
    pub fn deliver(
        &self,
        keeper: Pubkey,
        shard: Pubkey,
        round: Pubkey,
        destination: Pubkey,
        manifest_hash: [u8; 32],
        quality: u16,
    ) -> Instruction {
        build(
            accounts::Deliver {
                keeper,
                platform: self.address,
                shard,
                round,
                escrow: escrow_address(&round),
                destination,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::Deliver { manifest_hash, quality },
        )
    }

    /// Pays a position what it is owed to `destination`, a token account of its owner. Signer:
    /// `caller`.
    pub fn claim(
        &self,
        caller: Pubkey,
        shard: Pubkey,
        position: HeldPosition,
        destination: Pubkey,
    ) -> Instruction {
        let HeldPosition { round, address, payer } = position;
        build(
            accounts::Claim {
                caller,
                platform: self.address,
                shard,
                round,
                position: address,
                payer,
                vault: vault_address(&shard),
                destination,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::Claim {},
        )
    }

    /// Gives the lane of a round back. No signer.
    pub fn retire_lane(&self, shard: Pubkey, round: Pubkey) -> Instruction {
        build(accounts::RetireLane { platform: self.address, shard, round }, data::RetireLane {})
    }

    /// Closes a round that is over. `opener` paid its rent, `treasury` is a token account of the
    /// treasury. No signer.
    pub fn close_round(
        &self,
        shard: Pubkey,
        round: Pubkey,
        opener: Pubkey,
        treasury: Pubkey,
    ) -> Instruction {
        build(
            accounts::CloseRound {
                platform: self.address,
                shard,
                round,
                opener,
                escrow: escrow_address(&round),
                treasury,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::CloseRound {},
        )
    }

    fn own_position(
        &self,
        owner: Pubkey,
        round: Pubkey,
        position: Pubkey,
    ) -> accounts::OwnPosition {
        accounts::OwnPosition { owner, platform: self.address, round, position }
    }

    /// Hands a position to `new_owner`. Signer: `owner`.
    pub fn transfer_position(
        &self,
        owner: Pubkey,
        round: Pubkey,
        position: Pubkey,
        new_owner: Pubkey,
    ) -> Instruction {
        let accounts = self.own_position(owner, round, position);
        build(accounts, data::TransferPosition { new_owner })
    }

    /// Offers a position for `price`. Signer: `owner`.
    pub fn list(&self, owner: Pubkey, round: Pubkey, position: Pubkey, price: u64) -> Instruction {
        build(self.own_position(owner, round, position), data::List { price })
    }

    /// Takes the offer of a position back. Signer: `owner`.
    pub fn unlist(&self, owner: Pubkey, round: Pubkey, position: Pubkey) -> Instruction {
        build(self.own_position(owner, round, position), data::Unlist {})
    }

    /// Buys a position from `source`; `destination` is a token account of its owner. Signer: `buyer`,
    /// owner of `source`.
    #[expect(clippy::too_many_arguments, reason = "each one is a part of the offer")]
    pub fn buy(
        &self,
        buyer: Pubkey,
        source: Pubkey,
        round: Pubkey,
        position: Pubkey,
        destination: Pubkey,
        price_max: u64,
        claimed_max: u64,
    ) -> Instruction {
        build(
            accounts::Buy {
                buyer,
                platform: self.address,
                round,
                position,
                source,
                destination,
                mint: self.mint,
                token_program: self.token_program,
            },
            data::Buy { price_max, claimed_max },
        )
    }
}
