//! What creators do: register, hand over, withdraw.

mod delayed_withdrawal;
mod register_content;
mod register_creator;
mod slot_rent;
mod transfer_authority;
mod withdraw;

pub use delayed_withdrawal::*;
pub use register_content::*;
pub use register_creator::*;
pub use transfer_authority::*;
pub use withdraw::*;
