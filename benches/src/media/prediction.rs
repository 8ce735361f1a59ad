//! How well the work of a plan is predicted, over clips of all kinds.

use std::path::Path;

use pixr_media::{
    figures::{Bench, error_permille},
    plan::{Codec, Effort, Plan},
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
/// are. So is it here: this machine's speed comes from all work of the first plans. It changes with
/// what else the machine does, so all plans have their turn before any has its second.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let clips = clips::all(folder.path())?;
    let mut all = Vec::new();
    for (id, codec, effort) in PLANS {
        let mut plans = Vec::new();
        for (name, clip) in &clips {
            let place = folder.path().join(format!("{id}-{name}"));
            plans.push(Planned::new(name, &place, clip, codec, effort).await?);
        }
        all.push((id, codec, plans));
    }
    for _ in 0..REPETITIONS {
        for planned in all.iter_mut().flat_map(|(_, _, plans)| plans) {
            planned.carry_out().await?;
        }
    }
    let (_, _, first) = &all[0];
    let sum = |of: fn(&Planned) -> u64| first.iter().map(of).sum::<u64>();
    let speed = sum(Planned::predicted_us) * 1_000 / sum(Planned::measured_us).max(1);
    report.add("machine_speed_permille", super::float(speed), "", Goal::Reported, None);
    for (id, codec, plans) in all {
        let off = plans.iter().map(|planned| planned.tell(codec, speed)).max().unwrap_or(0);
        report.add(id, super::float(off) / 10.0, "%", GOAL, None);
    }
    Ok(())
}

/// A plan for a clip, and the processor time that each turn took, microseconds.
struct Planned {
    name: &'static str,
    bench: Bench,
    plan: Plan,
    took_us: Vec<u64>,
}

impl Planned {
    async fn new(
        name: &'static str,
        place: &Path,
        clip: &Path,
        codec: Codec,
        effort: Effort,
    ) -> anyhow::Result<Self> {
        let bench = Bench::new(place, clip, clips::limits(), effort).await?;
        let lines = bench.source.video.height;
        let mut rungs = RUNGS.to_vec();
        // Newer codecs take too long for a benchmark on large pictures.
        if codec == Codec::H264 {
            rungs.extend(LARGE_RUNGS);
        }
        rungs.retain(|rung| u32::from(*rung) <= lines);
        let plan = bench.plan(&targets(codec, &rungs), Vec::new(), None)?;
        Ok(Self { name, bench, plan, took_us: Vec::new() })
    }

    async fn carry_out(&mut self) -> anyhow::Result<()> {
        self.bench.forget(None).await?;
        let (outcome, _) = self.bench.run(&self.plan, WORKERS).await?;
        self.took_us.push(outcome.cpu_us + outcome.check_cpu_us);
        Ok(())
    }

    fn predicted_us(&self) -> u64 {
        self.plan.cost.work_us
    }

    fn measured_us(&self) -> u64 {
        let mut turns = self.took_us.clone();
        turns.sort_unstable();
        turns[turns.len() / 2]
    }

    /// How far off the prediction is on a machine of this speed, per mille.
    fn tell(&self, codec: Codec, speed_permille: u64) -> u64 {
        let predicted_us = self.predicted_us() * 1_000 / speed_permille;
        let off = error_permille(predicted_us, self.measured_us());
        println!(
            "  {} in {}: {} ms predicted, {} ms measured, {}.{} % off",
            self.name,
            codec.name(),
            predicted_us / 1_000,
            self.measured_us() / 1_000,
            off / 10,
            off % 10
        );
        off
    }
}
