//! From counted views to batches on the chain.
//!
//! `pack` and `timing` decide, `plan` stores what was decided, `outbox` brings it onto the chain, and
//! `settler` runs one outbox for each shard. `operations` brings everything else onto the chain.

mod backoff;
mod blocked;
mod board;
mod cluster;
pub mod confirm;
mod kind;
pub mod metrics;
pub mod operations;
mod outbox;
pub mod pack;
mod plan;
mod records;
pub mod refusal;
mod room;
mod settler;
mod tail;
pub mod timing;
mod trouble;

pub use blocked::Blocked;
pub use board::{Board, ShardStatus, State};
pub use kind::Kind;
pub use outbox::{ShardId, Totals};
pub use settler::{Settler, ShardSummary, Summary, settle_once, shards};
pub use timing::Timing;
pub use trouble::Trouble;

#[cfg(test)]
mod tests;
