//! What a demo can be told.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::catalogue::CONTENTS_MAX;

/// Most events that a demo makes.
const COUNT_MAX: u64 = 100_000_000;

/// Options of `pixr demo`.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
pub struct DemoArgs {
    /// View events of your own instead of made-up ones: JSON lines or the binary form, plain or
    /// compressed. Contents that they name are given to the demo's creators; old events are all
    /// dated later by the same, so that the newest is of now
    #[arg(long, value_name = "FILE", conflicts_with = "count")]
    pub events: Option<PathBuf>,
    /// How many events to make
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1..=COUNT_MAX))]
    pub count: u64,
    /// Other events for another seed, the same ones for the same
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,
    /// How many creators there are
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = value_parser!(u32).range(1..=i64::from(CONTENTS_MAX)))]
    pub creators: u32,
    /// How many contents they have together
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = value_parser!(u32).range(1..=i64::from(CONTENTS_MAX)))]
    pub contents: u32,
    /// Where everything is kept; what an earlier demo left there is deleted
    #[arg(long, value_name = "FOLDER", default_value = "target/demo")]
    pub folder: PathBuf,
    /// The video that is upgraded
    #[arg(long, value_name = "FILE", default_value = "tests/fixtures/bunny-720p.mp4")]
    pub clip: PathBuf,
    /// The compiled program
    #[arg(long, value_name = "FILE", default_value = "target/deploy/pixr.so")]
    pub program: PathBuf,
}
