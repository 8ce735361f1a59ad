//! The compiled program on a real SVM: every instruction, every error, every known attack.

mod attacks;
mod cases;
mod costs;
mod interface;
mod layout;
mod mints;
mod rounds;
mod scene;
mod success;
