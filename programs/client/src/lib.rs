//! Addresses and instructions of Pixr's program, for Rust clients.
//!
//! [`Platform`] knows what the instructions of one platform have in common and builds each of them.

mod addresses;
mod instructions;

pub use addresses::*;
pub use instructions::{Platform, RolesAndSettings};
