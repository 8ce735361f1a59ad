//! What counting tells operators.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Events judged, by `partition` and `verdict`.
pub const EVENTS: &str = "pixr_counted_events_total";
/// Batches counted, by `partition`.
pub const BATCHES: &str = "pixr_counted_batches_total";
/// Seconds from when the last counted batch came in until it was counted, by `partition`.
pub const LAG: &str = "pixr_counting_lag_seconds";
/// Seconds that a commit of counts takes, by `partition`.
pub const COMMIT: &str = "pixr_count_commit_seconds";
/// Commits of counts that failed and were tried again, by `partition`.
pub const COMMIT_FAILURES: &str = "pixr_count_commit_failures_total";
/// Event ids that are remembered, by `partition`.
pub const LIVE_IDS: &str = "pixr_live_ids";
/// Memory of the event ids, in bytes, by `partition`.
pub const LIVE_ID_BYTES: &str = "pixr_live_id_bytes";
/// Memory of everything that judging remembers, in bytes, by `partition`.
pub const MEMORY: &str = "pixr_judge_bytes";
/// Whether this process counts a partition: 1 or 0, by `partition`.
pub const LEADING: &str = "pixr_counting";
/// Contents whose slots are known.
pub const CONTENTS: &str = "pixr_known_contents";
/// Views taken back by late findings of fraud, by `source`.
pub const REVERSED: &str = "pixr_reversed_views_total";

/// Describes all of them to the recorder.
pub fn describe() {
    describe_counter!(EVENTS, "Events judged");
    describe_counter!(BATCHES, "Batches counted");
    describe_gauge!(LAG, Unit::Seconds, "From receiving the last counted batch to counting it");
    describe_histogram!(COMMIT, Unit::Seconds, "Duration of a commit of counts");
    describe_counter!(COMMIT_FAILURES, "Commits of counts that failed and were tried again");
    describe_gauge!(LIVE_IDS, "Event ids that are remembered");
    describe_gauge!(LIVE_ID_BYTES, Unit::Bytes, "Memory of the event ids");
    describe_gauge!(MEMORY, Unit::Bytes, "Memory of everything that judging remembers");
    describe_gauge!(LEADING, "Whether this process counts the partition");
    describe_gauge!(CONTENTS, "Contents whose slots are known");
    describe_counter!(REVERSED, "Views taken back by late findings of fraud");
}
