//! Filling shards: opening them, and giving creators and contents their slots.

mod plan;
pub mod rows;
mod run;
mod shards;
mod state;
#[cfg(test)]
mod tests;

pub use run::{Progress, RegisterError, Registered, register};
pub use shards::open_shard;
