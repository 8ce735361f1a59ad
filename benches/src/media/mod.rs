//! Media: what an upgrade takes, against doing everything again and against ffmpeg alone.
//!
//! What is compared is measured in turns, and the median counts. Seconds are those of the clock;
//! beside them stand those of all processors, which other work on the machine changes less.

mod chunks;
mod clips;
mod prediction;
mod sample;
mod upgrades;

use pixr_media::figures;
use sample::float;

use crate::report::{Goal, Report};

/// Measures everything, or one part: `upgrades`, `chunks` or `prediction`.
pub fn run(only: Option<&str>) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::default();
        if super::wanted(only, "upgrades") {
            upgrades::measure(&mut report).await?;
        }
        if super::wanted(only, "chunks") {
            chunks::measure(&mut report).await?;
        }
        if super::wanted(only, "prediction") {
            prediction::measure(&mut report).await?;
        }
        let memory = float(figures::memory_bytes_max()) / float(1 << 20);
        report.add("ffmpeg_memory_max", memory, "MiB", Goal::Reported, None);
        Ok(report)
    })
}
