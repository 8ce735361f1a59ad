//! One file an instruction or a pair of them: accounts, checks, effects.
//!
//! Who may act is visible in each `Accounts` struct; conditions are checked before the first effect.

pub mod admin;
mod create;
pub mod creator;
pub mod guardian;
pub mod investor;
pub mod keeper;
pub mod patron;
mod transfer;

pub use admin::*;
pub use creator::*;
pub use guardian::*;
pub use investor::*;
pub use keeper::*;
pub use patron::*;
