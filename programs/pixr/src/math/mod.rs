//! Pure integer arithmetic: no accounts, no floats, the rounding in every name.

pub mod earnings;
pub mod fees;
pub mod returns;
