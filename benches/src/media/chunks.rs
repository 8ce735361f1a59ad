//! Two workers who share the chunks of a rendition, against one ffmpeg over the whole.

use pixr_media::{
    figures::Bench,
    plan::{Codec, Effort},
};

use super::{
    clips::{self, targets},
    sample::{REPETITIONS, Sample},
};
use crate::report::{Goal, Report};

/// The rendition that is made: the largest of the clip.
const LINES: u16 = 720;
const WORKERS: usize = 2;

/// Measures both in turns. The workers compare the rendition with its source as well, which is told
/// apart on the processor.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let clip = clips::half_minute(folder.path())?;
    let place = folder.path().join("library");
    let bench = Bench::new(&place, &clip, clips::limits(), Effort::Fast).await?;
    let plan = bench.plan(&targets(Codec::H264, &[LINES]), Vec::new(), None)?;
    let (mut chunks, mut whole) = (Sample::default(), Sample::default());
    let mut check_us = 0;
    for _ in 0..REPETITIONS {
        bench.forget(None).await?;
        let (outcome, took) = bench.run(&plan, WORKERS).await?;
        check_us = outcome.check_cpu_us;
        chunks.push(took);
        whole.push(bench.whole(&plan).await?);
    }
    let goal = Goal::AtMost(10.0);
    let over = chunks.seconds_above(&whole);
    report.add("chunk_overhead_seconds_pct", over, "%", goal, None);
    let over = chunks.cpu_seconds_above(&whole);
    report.add("chunk_overhead_cpu_pct", over, "%", Goal::Reported, None);
    let check = super::float(check_us) / 1e4 / whole.cpu_seconds();
    report.add("chunk_check_cpu_pct", check, "%", Goal::Reported, None);
    let over = chunks.bytes_above(&whole);
    report.add("chunk_overhead_bytes_pct", over, "%", goal, None);
    Ok(())
}
