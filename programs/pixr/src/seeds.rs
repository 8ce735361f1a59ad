//! Seeds of every address that the program derives.

/// `[PLATFORM, base]`: the platform's configuration; `base` signed its creation.
pub const PLATFORM: &[u8] = b"platform";
/// `[VAULT, shard]`: the token account of a shard, which is its own authority.
pub const VAULT: &[u8] = b"vault";
/// `[WITHDRAWAL, shard, creator index (u32), number (u32)]`: one delayed withdrawal.
pub const WITHDRAWAL: &[u8] = b"withdrawal";
/// `[AUTHORITY_TRANSFER, shard, creator index (u32)]`: a proposed withdraw authority.
pub const AUTHORITY_TRANSFER: &[u8] = b"authority_transfer";
/// `[ROUND, shard, content index (u32), number (u32)]`: one round of a content.
pub const ROUND: &[u8] = b"round";
/// `[ESCROW, round]`: the token account of a round, which is its own authority.
pub const ESCROW: &[u8] = b"escrow";
/// `[POSITION, round, investor]`: what an investor has in a round.
pub const POSITION: &[u8] = b"position";
