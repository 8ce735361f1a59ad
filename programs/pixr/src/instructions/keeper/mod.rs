//! What the keeper does: submit measurements, never amounts, and deliver what was funded.

mod batch;
mod credit;
mod deliver;
mod reverse_views;
mod set_quality;
mod settle;

pub use batch::*;
pub use deliver::*;
pub use reverse_views::*;
pub use set_quality::*;
pub use settle::*;
