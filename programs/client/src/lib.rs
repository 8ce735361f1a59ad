//! Addresses and instructions of Pixr's program, for Rust clients.
//!
//! [`Platform`] knows what the instructions of one platform have in common and builds each of them.
//! [`fill`] cuts a list of entries into batches.

mod addresses;
mod batches;
mod instructions;
mod rounds;

pub use addresses::*;
pub use batches::{Bounds, Filled, fill, value_ceil};
pub use instructions::{Platform, RolesAndSettings};
pub use rounds::{HeldPosition, NewRound};
