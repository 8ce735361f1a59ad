//! Upgrades of a finished ladder, and a crash, against doing everything from the start.

use anyhow::ensure;
use pixr_media::{
    figures::Bench,
    plan::{Codec, Effort, SubtitleTarget, TextKind},
    score,
};

use super::{
    clips::{self, RUNGS, targets},
    sample::{REPETITIONS, Sample, float},
};
use crate::report::{Goal, Report};

/// The rendition that is missing, below the top.
const MISSING: u16 = 480;
/// Parts that are made at a time.
const WORKERS: usize = 2;
/// How often a rendition is made in each repetition: it is held against a baseline that takes about
/// as long, so chance would show more than in the figures that are many times theirs.
const TURNS: usize = 3;

#[derive(Default)]
struct Samples {
    prepared: Sample,
    full: Sample,
    subtitles: Sample,
    rendition: Sample,
    alone: Sample,
    resumed: Sample,
}

/// Measures everything about half a minute of film.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let clip = clips::half_minute(folder.path())?;
    let mut samples = Samples::default();
    let mut quality = 0;
    for repetition in 0..REPETITIONS {
        let place = folder.path().join(repetition.to_string());
        let bench = Bench::new(&place, &clip, clips::limits(), Effort::Fast).await?;
        quality = once(&bench, &mut samples).await?;
    }
    tell(report, &samples);
    let frames = float(92 * 8);
    let speed = frames / samples.prepared.seconds();
    report.add("analysis_frames_per_second", speed, "frames/s", Goal::Reported, None);
    report.add("ladder_quality", f64::from(quality), "basis points", Goal::Reported, None);
    Ok(())
}

/// Returns the quality of the whole ladder.
async fn once(bench: &Bench, samples: &mut Samples) -> anyhow::Result<u16> {
    let ladder = targets(Codec::H264, &RUNGS);
    let plan = bench.plan(&ladder, Vec::new(), None)?;
    let (full, took) = bench.run(&plan, WORKERS).await?;
    samples.prepared.push(bench.prepared);
    samples.full.push(bench.prepared + took);

    let subtitles = SubtitleTarget {
        language: "en".into(),
        label: "English".into(),
        kind: TextKind::Subtitles,
        text: "1\n00:00:01,000 --> 00:00:02,000\nHello\n".into(),
    };
    let upgrade = bench.plan(&ladder, vec![subtitles], Some(&full.manifest))?;
    samples.subtitles.push(bench.run(&upgrade, WORKERS).await?.1);

    let part: Vec<u16> = RUNGS.into_iter().filter(|lines| *lines != MISSING).collect();
    let part = bench.plan(&targets(Codec::H264, &part), Vec::new(), None)?;
    let (part, _) = bench.run(&part, WORKERS).await?;
    ensure!(part.frames() == 0, "what is finished was encoded again");
    let upgrade = bench.plan(&ladder, Vec::new(), Some(&part.manifest))?;
    for _ in 0..TURNS {
        bench.forget(Some(upgrade.video[0].key)).await?;
        samples.alone.push(bench.whole(&upgrade).await?);
        let (outcome, took) = bench.run(&upgrade, WORKERS).await?;
        ensure!(outcome.frames() == upgrade.frames(), "another number of frames was encoded");
        samples.rendition.push(took);
    }

    bench.forget(None).await?;
    let (resumed, took) = bench.resume(&plan, WORKERS, plan.frames() * 9 / 10).await?;
    ensure!(resumed.hash == full.hash, "other bytes after a crash");
    samples.resumed.push(took);
    Ok(score::of(&full.manifest))
}

fn tell(report: &mut Report, samples: &Samples) {
    let Samples { full, subtitles, rendition, alone, resumed, .. } = samples;
    let seconds = full.seconds();
    report.ratio("subtitle_speedup", seconds, subtitles.seconds(), Goal::AtLeast(20.0));
    report.ratio("rendition_speedup", seconds, rendition.seconds(), Goal::AtLeast(3.0));
    let cpu = (full.cpu_seconds(), rendition.cpu_seconds());
    report.ratio("rendition_speedup_cpu", cpu.0, cpu.1, Goal::Reported);
    let over = rendition.seconds_above(alone);
    report.add("rendition_overhead_pct", over, "%", Goal::AtMost(10.0), None);
    let over = rendition.cpu_seconds_above(alone);
    report.add("rendition_overhead_cpu_pct", over, "%", Goal::Reported, None);
    report.ratio("resume_speedup", seconds, resumed.seconds(), Goal::AtLeast(8.0));
    let cpu = (full.cpu_seconds(), resumed.cpu_seconds());
    report.ratio("resume_speedup_cpu", cpu.0, cpu.1, Goal::Reported);
    report.add("full_reprocess_seconds", seconds, "s", Goal::Reported, None);
}
