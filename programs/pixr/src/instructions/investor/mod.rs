//! What investors do, and what anybody may do for them: invest, refund, claim, end rounds, trade.
//!
//! Investing and trading name no shard: they never wait for a settlement.

mod buy;
mod claim;
mod close_round;
mod invest;
mod list;
mod refund;
mod retire_lane;
mod transfer_position;

pub use buy::*;
pub use claim::*;
pub use close_round::*;
pub use invest::*;
pub use list::*;
pub use refund::*;
pub use retire_lane::*;
pub use transfer_position::*;
