//! Runs ffmpeg and ffprobe on data that nobody trusts.
//!
//! A child gets its inputs as open files and writes its output to pipes that this process bounds, so
//! it needs no folder of its own and no right to write a file. It has no network where the kernel
//! lets us take it away, runs as another user where we are root, and ends with the thread that
//! started it.

mod bounds;
mod contain;
mod reap;
mod run;
#[cfg(test)]
mod tests;
mod watch;

pub use bounds::Bounds;
pub(crate) use run::{Run, Sinks, Tool, nobody};
