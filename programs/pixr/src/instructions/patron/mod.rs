//! What anybody can do: tip, fund, and send collected fees on their way.

mod collect_fees;
mod fund_shard;
mod tip;

pub use collect_fees::*;
pub use fund_shard::*;
pub use tip::*;
