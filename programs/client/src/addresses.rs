use anchor_lang::prelude::Pubkey;
use pixr::seeds;

fn derive(seeds: &[&[u8]]) -> Pubkey {
    Pubkey::find_program_address(seeds, &pixr::ID).0
}

/// The platform whose creation `base` signed.
pub fn platform_address(base: &Pubkey) -> Pubkey {
    derive(&[seeds::PLATFORM, base.as_ref()])
}

/// The token account of a shard.
pub fn vault_address(shard: &Pubkey) -> Pubkey {
    derive(&[seeds::VAULT, shard.as_ref()])
}

/// A creator's delayed withdrawal with this number.
pub fn withdrawal_address(shard: &Pubkey, creator: u32, number: u32) -> Pubkey {
    derive(&[seeds::WITHDRAWAL, shard.as_ref(), &creator.to_le_bytes(), &number.to_le_bytes()])
}

/// The proposal of another withdraw authority for a creator.
pub fn authority_transfer_address(shard: &Pubkey, creator: u32) -> Pubkey {
    derive(&[seeds::AUTHORITY_TRANSFER, shard.as_ref(), &creator.to_le_bytes()])
}

/// A content's round with this number.
pub fn round_address(shard: &Pubkey, content: u32, number: u32) -> Pubkey {
    derive(&[seeds::ROUND, shard.as_ref(), &content.to_le_bytes(), &number.to_le_bytes()])
}

/// The token account that holds what a round has raised.
pub fn escrow_address(round: &Pubkey) -> Pubkey {
    derive(&[seeds::ESCROW, round.as_ref()])
}

/// What `investor` put into a round, whoever owns it now.
pub fn position_address(round: &Pubkey, investor: &Pubkey) -> Pubkey {
    derive(&[seeds::POSITION, round.as_ref(), investor.as_ref()])
}
