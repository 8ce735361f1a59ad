//! What operators see: logs, metrics, health.
//!
//! Metrics of the parts are in their own `metrics` modules. What can only be asked for, like a
//! budget on the chain or a backlog in the database, is sampled here.

#[cfg(test)]
mod dashboards;
pub mod exporter;
pub mod figures;
pub mod logs;
pub(crate) mod metrics;
mod readiness;
mod router;
mod sample;
#[cfg(test)]
mod tests;

pub use exporter::install;
pub use readiness::{BlockedShard, Part, Readiness, Report};
pub use router::router;
pub use sample::Sampler;
