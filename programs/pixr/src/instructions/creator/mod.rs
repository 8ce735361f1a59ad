//! What creators do: register, hand over, withdraw, open rounds and cancel them.

mod cancel_round;
mod delayed_withdrawal;
mod open_round;
mod register_content;
mod register_creator;
mod slot_rent;
mod transfer_authority;
mod withdraw;

pub use cancel_round::*;
pub use delayed_withdrawal::*;
pub use open_round::*;
pub use register_content::*;
pub use register_creator::*;
pub use transfer_authority::*;
pub use withdraw::*;
