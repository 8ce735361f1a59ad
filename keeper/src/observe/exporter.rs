//! The recorder of all metrics of this process, in the form that Prometheus reads.

use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{count, index, ingest, media, observe, settle};

/// From a millisecond, for requests, to ten minutes, for views that wait for a chain that is down.
const SECONDS: [f64; 17] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 600.0,
];
/// Up to the most that a transaction can use.
const COMPUTE_UNITS: [f64; 10] = [
    10_000.0,
    25_000.0,
    50_000.0,
    100_000.0,
    200_000.0,
    400_000.0,
    600_000.0,
    800_000.0,
    1_000_000.0,
    1_400_000.0,
];
/// Records from now on, and describes every metric; a process does this once, and later calls give
/// the same recorder.
///
/// Comes before anything else that uses metrics: what is recorded or described before is lost.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let handle = builder()?.install_recorder().context("the recorder of metrics")?;
    describe();
    *installed = Some(handle.clone());
    Ok(handle)
}

/// Histograms get their buckets from the unit that their names end with.
pub(super) fn builder() -> Result<PrometheusBuilder, BuildError> {
    let by_unit = |unit: &str| Matcher::Suffix(unit.into());
    PrometheusBuilder::new()
        .set_buckets_for_metric(by_unit("_seconds"), &SECONDS)?
        .set_buckets_for_metric(by_unit("_compute_units"), &COMPUTE_UNITS)
}

fn describe() {
    ingest::metrics::describe();
    count::metrics::describe();
    settle::metrics::describe();
    index::metrics::describe();
    media::metrics::describe();
    observe::metrics::describe();
}

#[cfg(test)]
mod tests {
    use metrics::{histogram, with_local_recorder};

    use super::*;

    #[test]
    fn histograms_have_the_buckets_of_their_units() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        with_local_recorder(&recorder, || {
            observe::metrics::describe();
            histogram!("a_seconds").record(0.3);
            histogram!("b_compute_units").record(450_000.0);
            observe::metrics::keeper_lamports(7);
        });
        let text = handle.render();
        for line in [
            "a_seconds_bucket{le=\"0.25\"} 0",
            "a_seconds_bucket{le=\"0.5\"} 1",
            "b_compute_units_bucket{le=\"400000\"} 0",
            "b_compute_units_bucket{le=\"600000\"} 1",
            "# HELP pixr_keeper_lamports Lamports of the key that pays for batches",
            "pixr_keeper_lamports 7",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_process_has_one_recorder() {
        let first = install().unwrap();
        let second = install().unwrap();
        metrics::gauge!("only_once").set(1.0);
        assert!(first.render().contains("only_once 1") && second.render().contains("only_once 1"));
    }
}
