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

    /// Median bytes of the video that came out.
    pub fn bytes(&self) -> f64 {
        self.median(|took| took.bytes)
    }

    fn median(&self, of: impl Fn(&Took) -> u64) -> f64 {
        let mut all: Vec<u64> = self.0.iter().map(of).collect();
        all.sort_unstable();
        float(all[all.len() / 2])
    }
}

/// For ratios, where the last digits do not matter.
pub fn float(value: u64) -> f64 {
    value as f64
}

/// How much more something is than its baseline, percent.
pub fn percent_above(value: f64, baseline: f64) -> f64 {
    (value / baseline - 1.0) * 100.0
}
