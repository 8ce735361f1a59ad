//! Media of Pixr: from a source file to renditions that anybody can check.
//!
//! ```text
//! Library::import ─▶ analysis::ensure ─▶ plan::plan ─▶ encode::run ─▶ Manifest ─▶ package::verify
//!   probe, limits      made once           cost          chunks         hashes
//! ```
//!
//! The library keeps sources by the hash of their bytes in an object store, and everything that is
//! made from one beside it. A plan is the least work from what exists to a target, with its price.
//! The engine carries it out in chunks that depend on their inputs alone: a crash loses one chunk,
//! several workers share a video, and the bytes are always the same. Renditions that exist are
//! never touched. ffmpeg runs contained, since sources come from strangers.
//!
//! This crate knows no database and no chain: the keeper wraps it with jobs, leases and delivery.

pub mod analysis;
pub mod check;
pub mod decimal;
pub mod encode;
mod error;
pub mod figures;
mod hash;
pub mod library;
pub mod package;
pub mod plan;
pub mod progress;
mod sandbox;
pub mod score;

pub use error::{MediaError, Result};
pub use hash::{Hash, NotAHash, canonical};
pub use library::Library;
pub use sandbox::Bounds;
