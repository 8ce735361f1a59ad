//! What the admin does: set up, change, hand over, open shards.

mod initialize_platform;
mod open_shard;
mod set_role;
mod transfer_admin;
mod unpause;
mod update_settings;

pub use initialize_platform::*;
pub use open_shard::*;
pub use set_role::*;
pub use transfer_admin::*;
pub use unpause::*;
pub use update_settings::*;
