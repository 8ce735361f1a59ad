//! The keeper: aggregates view events, settles them on-chain, and lets anybody check it.
//!
//! Dependencies point one way: `cli → app →` the parts that do the work (`ingest`, `count`, `settle`,
//! `index`, `media`, `verify`, `explain`) `→` what they stand on (`log`, `store`, `chain`) `→ views`, `config`.

pub mod amount;
pub mod app;
pub mod chain;
pub mod cli;
pub mod config;
pub mod count;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod fault;
pub mod index;
pub mod ingest;
pub mod keys;
pub mod log;
pub mod market;
pub mod media;
pub mod objects;
pub mod observe;
pub mod register;
pub mod rounds;
pub mod settle;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verify;
pub mod views;
