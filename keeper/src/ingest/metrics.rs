//! What operators see of the API.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counter by source and outcome (accepted, malformed): events that came in.
pub const EVENTS: &str = "pixr_ingest_events_total";
/// Counter by status: requests that were answered.
pub const REQUESTS: &str = "pixr_ingest_requests_total";
/// Histogram: seconds from a request's head to its answer.
pub const REQUEST_SECONDS: &str = "pixr_ingest_request_seconds";
/// Gauge: bytes of requests that wait for the log.
pub const QUEUE_BYTES: &str = "pixr_ingest_queue_bytes";
/// Histogram: seconds that one append to the log takes.
pub const APPEND_SECONDS: &str = "pixr_ingest_append_seconds";
/// Counter: appends to the log that failed.
pub const APPEND_FAILURES: &str = "pixr_ingest_append_failures_total";

/// Describes all of them to the recorder.
pub fn describe() {
    describe_counter!(EVENTS, "Events that came in");
    describe_counter!(REQUESTS, "Requests that were answered");
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "From a request's head to its answer");
    describe_gauge!(QUEUE_BYTES, Unit::Bytes, "Requests that wait for the log");
    describe_histogram!(APPEND_SECONDS, Unit::Seconds, "Duration of one append to the log");
    describe_counter!(APPEND_FAILURES, "Appends to the log that failed");
}
