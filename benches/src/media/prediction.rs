//! How well the work of a plan is predicted, over clips of all kinds.

use std::path::Path;

use pixr_media::{
    figures::{Bench, error_permille},
    plan::{Codec, Effort},
};

use super::clips::{self, LARGE_RUNGS, RUNGS, targets};
use crate::report::{Goal, Report};

const WORKERS: usize = 2;

/// What is planned for every clip: all rungs up to its own, with its sound. What plans ask for
/// unless told otherwise is judged; other encoders are told.
const PLANS: [(&str, Codec, Effort, Goal); 4] = [
    ("cost_prediction_worst_pct", Codec::H264, Effort::Standard, Goal::AtMost(25.0)),
    ("cost_prediction_fast_worst_pct", Codec::H264, Effort::Fast, Goal::Reported),
    ("cost_prediction_hevc_worst_pct", Codec::Hevc, Effort::Standard, Goal::Reported),
    ("cost_prediction_av1_worst_pct", Codec::Av1, Effort::Fast, Goal::Reported),
];

/// Carries every plan out and compares processor time with what was predicted.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let clips = clips::all(folder.path())?;
    for (id, codec, effort, goal) in PLANS {
        let mut worst = 0;
        for (name, clip) in &clips {
            let place = folder.path().join(format!("{id}-{name}"));
            let Compared { predicted_us, measured_us } =
                compare(&place, clip, codec, effort).await?;
            let off = error_permille(predicted_us, measured_us);
            println!(
                "  {name} in {}: {} ms predicted, {} ms measured, {}.{} % off",
                codec.name(),
                predicted_us / 1_000,
                measured_us / 1_000,
                off / 10,
                off % 10
            );
            worst = worst.max(off);
        }
        report.add(id, super::float(worst) / 10.0, "%", goal, None);
    }
    Ok(())
}

/// Processor time of a plan, microseconds.
struct Compared {
    predicted_us: u64,
    measured_us: u64,
}

async fn compare(
    place: &Path,
    clip: &Path,
    codec: Codec,
    effort: Effort,
) -> anyhow::Result<Compared> {
    let bench = Bench::new(place, clip, clips::limits(), effort).await?;
    let lines = bench.source.video.height;
    let mut rungs: Vec<u16> = RUNGS.into_iter().filter(|rung| u32::from(*rung) <= lines).collect();
    // Newer codecs take too long for a benchmark on large pictures.
    if codec == Codec::H264 {
        rungs.extend(LARGE_RUNGS.into_iter().filter(|rung| u32::from(*rung) <= lines));
    }
    let plan = bench.plan(&targets(codec, &rungs), Vec::new(), None)?;
    let (outcome, _) = bench.run(&plan, WORKERS).await?;
    let measured_us = outcome.cpu_us + outcome.check_cpu_us;
    Ok(Compared { predicted_us: plan.cost.work_us, measured_us })
}
