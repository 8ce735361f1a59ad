//! What the keeper does: submit measurements, never amounts.

mod batch;
mod credit;
mod reverse_views;
mod set_quality;
mod settle;

pub use batch::*;
pub use reverse_views::*;
pub use set_quality::*;
pub use settle::*;
