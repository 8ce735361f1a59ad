//! What the program keeps on the chain.

mod authority_transfer;
mod platform;
pub mod shard;
mod withdrawal;

pub use authority_transfer::AuthorityTransfer;
pub use platform::{Platform, Role, Settings};
pub use shard::{ContentSlot, CreatorSlot, Lane, Shard};
pub use withdrawal::Withdrawal;
