//! Repeated measurements.

use pixr_media::figures::Took;

/// How often each thing is measured.
pub const REPETITIONS: usize = 3;

/// What was measured of one thing.
#[derive(Default)]
pub struct Sample(Vec<Took>);

impl Sample {
    pub fn push(&mut self, took: Took) {
        self.0.push(took);
    }

    /// Median seconds on the clock.
    pub fn seconds(&self) -> f64 {
        self.median(|took| took.wall_us) / 1e6
    }

    /// Median seconds of all processors.
    pub fn cpu_seconds(&self) -> f64 {
        self.median(|took| took.cpu_us) / 1e6
    }

    /// How much more seconds on the clock than its baseline, percent: the median of the turns, since
    /// the machine's own speed changes less within a turn than between them.
    pub fn seconds_above(&self, baseline: &Self) -> f64 {
        self.above(baseline, |took| took.wall_us)
    }

    /// The same of seconds of all processors.
    pub fn cpu_seconds_above(&self, baseline: &Self) -> f64 {
        self.above(baseline, |took| took.cpu_us)
    }

    /// The same of bytes.
    pub fn bytes_above(&self, baseline: &Self) -> f64 {
        self.above(baseline, |took| took.bytes)
    }

    fn above(&self, baseline: &Self, of: impl Fn(&Took) -> u64) -> f64 {
        let turns = self.0.iter().zip(&baseline.0);
        let ratios = turns.map(|(own, baseline)| float(of(own)) / float(of(baseline)));
        (median(ratios.collect()) - 1.0) * 100.0
    }

    fn median(&self, of: impl Fn(&Took) -> u64) -> f64 {
        median(self.0.iter().map(of).map(float).collect())
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}

/// For ratios, where the last digits do not matter.
pub fn float(value: u64) -> f64 {
    value as f64
}
