//! How well the work of a plan is predicted, over clips of all kinds.

use std::path::Path;

use pixr_media::{
    figures::{Bench, error_permille},
    plan::{Codec, Effort},
};

use super::{
    clips::{self, LARGE_RUNGS, RUNGS, targets},
    sample::REPETITIONS,
};
use crate::report::{Goal, Report};

const WORKERS: usize = 2;

/// What is planned for every clip: all rungs up to its own, with its sound. The first is what plans
/// ask for unless told otherwise.
const PLANS: [(&str, Codec, Effort); 4] = [
    ("cost_prediction_worst_pct", Codec::H264, Effort::Standard),
    ("cost_prediction_fast_worst_pct", Codec::H264, Effort::Fast),
    ("cost_prediction_hevc_worst_pct", Codec::Hevc, Effort::Standard),
    ("cost_prediction_av1_worst_pct", Codec::Av1, Effort::Fast),
];
const GOAL: Goal = Goal::AtMost(25.0);

/// Carries every plan out and compares processor time with what was predicted.
///
/// Predictions are of the machine that the model was fitted on, and operators tell how fast theirs
/// are. So is it here: this machine's speed comes from all work of the first plans.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let clips = clips::all(folder.path())?;
    let mut speed_permille = None;
    for (id, codec, effort) in PLANS {
        let mut compared = Vec::new();
        for (name, clip) in &clips {
            let place = folder.path().join(format!("{id}-{name}"));
            compared.push((*name, compare(&place, clip, codec, effort).await?));
        }
        let speed = *speed_permille.get_or_insert_with(|| {
            let all =
                |of: fn(&Compared) -> u64| compared.iter().map(|(_, one)| of(one)).sum::<u64>();
            let speed = all(|one| one.predicted_us) * 1_000 / all(|one| one.measured_us).max(1);
            report.add("machine_speed_permille", super::float(speed), "", Goal::Reported, None);
            speed
        });
        let mut worst = 0;
        for (name, Compared { predicted_us, measured_us }) in compared {
            let predicted_us = predicted_us * 1_000 / speed;
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
        report.add(id, super::float(worst) / 10.0, "%", GOAL, None);
    }
    Ok(())
}

/// Processor time of a plan, microseconds; what was measured is a median.
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
    let mut measured_us = Vec::new();
    for _ in 0..REPETITIONS {
        bench.forget(None).await?;
        let (outcome, _) = bench.run(&plan, WORKERS).await?;
        measured_us.push(outcome.cpu_us + outcome.check_cpu_us);
    }
    measured_us.sort_unstable();
    let measured_us = measured_us[REPETITIONS / 2];
    Ok(Compared { predicted_us: plan.cost.work_us, measured_us })
}
