//! The demo: from nothing to creators who withdraw what they earned, with a report.
//!
//! Everything is real but the events and the people: the database, the compiled program on the chain
//! in this process, the API over HTTP, counting, settlement, publication, verification.

mod accounts;
mod args;
pub mod catalogue;
mod console;
mod dating;
mod display;
pub mod encode;
pub mod events;
mod feed;
mod figures;
mod file;
mod folder;
mod fraud;
mod hours;
mod meter;
mod payments;
mod report;
mod rhythm;
mod run;
pub mod sender;
mod settings;
pub mod setup;
mod story;
mod stream;
mod summary;
mod upgrade;

pub use args::DemoArgs;
pub use run::run;
pub use summary::Summary;

/// The report's file.
const REPORT: &str = "report.html";
