//! What needs a bank rather than a bare SVM: slots and the clock, transactions that race for one
//! account, signatures and blockhashes, the token programs' own instructions, rent.

mod atomicity;
mod clock;
mod fixture;
mod large;
mod money;
mod races;
mod resending;
mod tokens;
mod withdrawals;
