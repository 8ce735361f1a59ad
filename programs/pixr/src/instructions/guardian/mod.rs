//! What the guardian does: stop things. It cannot move money.

mod freeze;
mod pause;

pub use freeze::*;
pub use pause::*;
