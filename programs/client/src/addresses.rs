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
