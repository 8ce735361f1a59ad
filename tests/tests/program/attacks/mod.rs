//! Known classes of attack on Solana programs, each tried. The class is in the test's name.

mod accounts;
mod money;
mod roles;
mod substitution;
