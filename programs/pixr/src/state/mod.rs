//! What the program keeps on the chain.

mod authority_transfer;
mod platform;
mod position;
mod round;
pub mod shard;
mod withdrawal;

pub use authority_transfer::AuthorityTransfer;
pub use platform::{Platform, Role, Settings};
pub use position::Position;
pub use round::{Round, RoundKind, RoundStatus, RoundTerms};
pub use shard::{ContentSlot, CreatorSlot, Lane, Shard};
pub use withdrawal::Withdrawal;
