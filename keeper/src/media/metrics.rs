//! What operators see of upgrades.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::{Ended, backlog::Backlog};

/// Gauge by state: jobs.
pub const JOBS: &str = "pixr_media_jobs";
/// Gauge: how long the first of the waiting jobs is due.
pub const OLDEST_DUE: &str = "pixr_media_oldest_due_seconds";
/// Counter: frames that were encoded.
pub const FRAMES: &str = "pixr_media_frames_total";
/// Counter: parts of renditions that were made.
pub const PARTS: &str = "pixr_media_parts_total";
/// Histogram: processor time of what an attempt made and checked.
pub const ENCODE_SECONDS: &str = "pixr_media_encode_seconds";
/// Counter by outcome (done, again, failed, lost, released): ends of attempts.
pub const ATTEMPTS: &str = "pixr_media_attempts_total";
/// Counter by outcome (imported, refused): uploads that are complete.
pub const UPLOADS: &str = "pixr_media_uploads_total";
/// Counter: bytes of uploads that were taken.
pub const UPLOAD_BYTES: &str = "pixr_media_upload_bytes_total";

/// Describes all of them to the recorder.
pub fn describe() {
    describe_gauge!(JOBS, "Jobs that upgrade videos");
    let text = "How long the first of the waiting jobs is due";
    describe_gauge!(OLDEST_DUE, Unit::Seconds, text);
    describe_counter!(FRAMES, "Frames that were encoded");
    describe_counter!(PARTS, "Parts of renditions that were made");
    let text = "Processor time of what an attempt made and checked";
    describe_histogram!(ENCODE_SECONDS, Unit::Seconds, text);
    describe_counter!(ATTEMPTS, "Ends of attempts at jobs");
    describe_counter!(UPLOADS, "Uploads that are complete");
    describe_counter!(UPLOAD_BYTES, Unit::Bytes, "Bytes of uploads that were taken");
}

pub(super) fn made(frames: u64, parts: u64, cpu_us: u64) {
    counter!(FRAMES).increment(frames);
    counter!(PARTS).increment(parts);
    histogram!(ENCODE_SECONDS).record(Duration::from_micros(cpu_us));
}

pub(super) fn ended(ended: &Ended) {
    let outcome = match ended {
        Ended::Done { .. } => "done",
        Ended::Again(_) => "again",
        Ended::Failed(_) => "failed",
        Ended::Lost => "lost",
        Ended::Released => "released",
    };
    counter!(ATTEMPTS, "outcome" => outcome).increment(1);
}

/// Sets the gauges of jobs.
pub fn backlog(backlog: &Backlog) {
    for (state, count) in backlog.counts {
        gauge!(JOBS, "state" => state.name()).set(count);
    }
    gauge!(OLDEST_DUE).set(backlog.oldest_due_seconds);
}
