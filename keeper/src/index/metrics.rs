//! What operators see of the index.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const EVENTS: &str = "pixr_index_events_total";
const TRUNCATED: &str = "pixr_index_truncated_logs_total";
const ERRORS: &str = "pixr_index_errors_total";
const LAG_SLOTS: &str = "pixr_index_lag_slots";
const CURSOR_TIME: &str = "pixr_index_cursor_timestamp_seconds";
const ASKED_TIME: &str = "pixr_index_asked_timestamp_seconds";
const HOLE: &str = "pixr_index_hole";
const FILES: &str = "pixr_published_files_total";

/// Says what each figure is.
pub fn describe() {
    describe_counter!(EVENTS, "Events of the program that were indexed, by name");
    describe_counter!(
        TRUNCATED,
        "Transactions whose log was cut off, so that events may be missing"
    );
    describe_counter!(ERRORS, "Passes of the indexer or the publisher that failed");
    describe_gauge!(LAG_SLOTS, "Slots between the chain and the last indexed transaction");
    describe_gauge!(CURSOR_TIME, Unit::Seconds, "When the last indexed transaction was executed");
    describe_gauge!(ASKED_TIME, Unit::Seconds, "When the chain last answered the indexer");
    describe_gauge!(HOLE, "1 while the RPC endpoint has forgotten where the index ends");
    describe_counter!(FILES, "Files of batches that were published");
}

pub fn events(names: &[&'static str]) {
    for name in names {
        counter!(EVENTS, "name" => *name).increment(1);
    }
}

pub fn truncated() {
    counter!(TRUNCATED).increment(1);
}

pub fn failed(hole: bool) {
    counter!(ERRORS).increment(1);
    if hole {
        gauge!(HOLE).set(1.0);
    }
}

pub fn lag(slots: u64) {
    // A gauge is a float; slots are far below where that matters.
    gauge!(LAG_SLOTS).set(u32::try_from(slots).unwrap_or(u32::MAX));
}

pub fn caught_up() {
    lag(0);
}

pub fn cursor(block_time: Option<i64>) {
    if let Some(seconds) = block_time.and_then(|seconds| u32::try_from(seconds).ok()) {
        gauge!(CURSOR_TIME).set(seconds);
    }
}

/// The chain has answered.
pub fn asked() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(ASKED_TIME).set(now.as_secs_f64());
    gauge!(HOLE).set(0.0);
}

pub fn published(files: usize) {
    counter!(FILES).increment(u64::try_from(files).unwrap_or(u64::MAX));
}
