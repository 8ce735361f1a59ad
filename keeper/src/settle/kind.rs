use anchor_lang::prelude::Pubkey;
use pixr::instructions::{chain_reversal, chain_settlement};
use pixr_client::Platform;
use solana_instruction::Instruction;

/// What a window, a plan and a batch are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Views that are credited.
    Views,
    /// Views that are taken back.
    Reversal,
}

impl Kind {
    /// The name that is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::Reversal => "reversal",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Views, Self::Reversal].into_iter().find(|kind| kind.name() == name)
    }

    /// A shard's running hash after a batch of this kind.
    pub fn chain(self, hash: &[u8; 32], entries: &[u8]) -> [u8; 32] {
        match self {
            Self::Views => chain_settlement(hash, entries),
            Self::Reversal => chain_reversal(hash, entries),
        }
    }

    /// The instruction that makes such a batch the shard's next one.
    pub fn instruction(
        self,
        platform: &Platform,
        keeper: Pubkey,
        shard: Pubkey,
        sequence: u64,
        entries: Vec<u8>,
    ) -> Instruction {
        match self {
            Self::Views => platform.settle(keeper, shard, sequence, entries),
            Self::Reversal => platform.reverse_views(keeper, shard, sequence, entries),
        }
    }
}
