//! Rounds: people fund an upgrade of a content together, and are paid by what it earns.
//!
//! What is done with a round follows from the round's own account, which is read when it is done.

mod acts;
mod care;
mod delivery;
#[cfg(test)]
mod tests;

use anchor_lang::prelude::Pubkey;

pub use acts::{Acts, Opening};
pub use care::{Care, CareError, run};
pub use delivery::Delivery;

/// Names what happens to a round or position at most once, for [`crate::settle::operations`].
pub fn key(address: &Pubkey, act: &str) -> String {
    format!("{act} {address}")
}
