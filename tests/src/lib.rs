//! What the tests and benchmarks share: a world with the compiled program on a real SVM, and the
//! reference model that it is compared with.

pub mod artifacts;
pub mod costs;
pub mod endpoint;
pub mod model;
pub mod rounds;
pub mod tokens;
pub mod transactions;
pub mod world;
