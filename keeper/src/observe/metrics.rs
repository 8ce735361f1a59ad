//! What is sampled.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use super::{
    figures::{Locked, Waiting},
    readiness::Report,
};
use crate::log::Partition;

/// Gauge by shard and stage (unplanned, unfinalized): views that are counted and not yet paid.
pub const WAITING_VIEWS: &str = "pixr_waiting_views";
/// Gauge by shard: windows of counted views that are in no batch.
pub const UNPLANNED_WINDOWS: &str = "pixr_unplanned_windows";
/// Gauge by shard: batches that are not final on the chain.
pub const UNFINALIZED_BATCHES: &str = "pixr_unfinalized_batches";
/// Gauge by shard: how long the first of the waiting views has waited.
pub const OLDEST_WAITING: &str = "pixr_oldest_waiting_seconds";
/// Gauge by shard: funded and not yet credited.
pub const REWARD_BUDGET: &str = "pixr_reward_budget_base_units";
/// Gauge by shard: everything that the vault has to cover.
pub const LOCKED: &str = "pixr_locked_base_units";
/// Gauge by shard: credited by settlement since the shard was opened.
pub const CREDITED: &str = "pixr_credited_base_units";
/// Gauge by shard: paid out to creators since the shard was opened.
pub const WITHDRAWN: &str = "pixr_withdrawn_base_units";
/// Gauge by shard: creator slots in use.
pub const CREATORS: &str = "pixr_creators";
/// Gauge by shard: content slots in use.
pub const CONTENTS: &str = "pixr_contents";
/// Gauge: wallets that acted in the last 24 hours.
pub const ACTIVE_WALLETS: &str = "pixr_daily_active_wallets";
/// Gauge: lamports of the key that pays for batches.
pub const KEEPER_LAMPORTS: &str = "pixr_keeper_lamports";
/// Gauge: lamports of the treasury.
pub const TREASURY_LAMPORTS: &str = "pixr_treasury_lamports";
/// Gauge: tokens in the treasury's account, in base units.
pub const TREASURY_TOKENS: &str = "pixr_treasury_base_units";
/// Gauge by partition: batches in the log that are not counted.
pub const BACKLOG: &str = "pixr_log_backlog_batches";
/// Gauge: size of the database on disk.
pub const DATABASE_BYTES: &str = "pixr_database_bytes";
/// Gauge: bytes that are free where the data folder is.
pub const DATA_FREE_BYTES: &str = "pixr_data_free_bytes";
/// Gauge: 1 while this keeper is ready.
pub const READY: &str = "pixr_ready";
/// Gauge by part: 1 while that part is ready.
pub const READY_PART: &str = "pixr_ready_part";
/// Counter by sample: samples that failed.
pub const SAMPLE_FAILURES: &str = "pixr_sample_failures_total";

/// Says what each figure is.
pub fn describe() {
    describe_gauge!(WAITING_VIEWS, "Views that are counted and not yet paid");
    describe_gauge!(UNPLANNED_WINDOWS, "Windows of counted views that are in no batch");
    describe_gauge!(UNFINALIZED_BATCHES, "Batches that are not final on the chain");
    let text = "How long the first of the waiting views has waited";
    describe_gauge!(OLDEST_WAITING, Unit::Seconds, text);
    describe_gauge!(REWARD_BUDGET, "Base units that are funded and not yet credited");
    describe_gauge!(LOCKED, "Base units that the vault has to cover");
    describe_gauge!(CREDITED, "Base units credited by settlement since the shard was opened");
    describe_gauge!(WITHDRAWN, "Base units paid out to creators since the shard was opened");
    describe_gauge!(CREATORS, "Creator slots in use");
    describe_gauge!(CONTENTS, "Content slots in use");
    describe_gauge!(ACTIVE_WALLETS, "Wallets that acted in the last 24 hours");
    describe_gauge!(KEEPER_LAMPORTS, "Lamports of the key that pays for batches");
    describe_gauge!(TREASURY_LAMPORTS, "Lamports of the treasury");
    describe_gauge!(TREASURY_TOKENS, "Base units in the treasury's token account");
    describe_gauge!(BACKLOG, "Batches in the log that are not counted");
    describe_gauge!(DATABASE_BYTES, Unit::Bytes, "Size of the database on disk");
    describe_gauge!(DATA_FREE_BYTES, Unit::Bytes, "Free where the data folder is");
    describe_gauge!(READY, "1 while this keeper is ready");
    describe_gauge!(READY_PART, "1 while that part of this keeper is ready");
    describe_counter!(SAMPLE_FAILURES, "Samples that failed, by what was sampled");
}

/// A number as a gauge shows it, to 53 bits.
fn shown(number: u64) -> f64 {
    number as f64
}

fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

pub(super) fn waiting(all: &[Waiting]) {
    for waiting in all {
        let shard = waiting.shard.to_string();
        let unplanned = shown(waiting.unplanned_views);
        gauge!(WAITING_VIEWS, "shard" => shard.clone(), "stage" => "unplanned").set(unplanned);
        let unfinalized = shown(waiting.unfinalized_views);
        gauge!(WAITING_VIEWS, "shard" => shard.clone(), "stage" => "unfinalized").set(unfinalized);
        gauge!(UNPLANNED_WINDOWS, "shard" => shard.clone()).set(shown(waiting.windows));
        gauge!(UNFINALIZED_BATCHES, "shard" => shard.clone()).set(shown(waiting.batches));
        let oldest = waiting.oldest_seconds.unwrap_or(0);
        gauge!(OLDEST_WAITING, "shard" => shard).set(shown(oldest));
    }
}

pub(super) fn locked(all: &[Locked]) {
    for locked in all {
        let shard = locked.shard.to_string();
        gauge!(REWARD_BUDGET, "shard" => shard.clone()).set(shown(locked.reward_budget));
        gauge!(LOCKED, "shard" => shard.clone()).set(shown(locked.liabilities));
        gauge!(CREDITED, "shard" => shard.clone()).set(shown(locked.credited));
        gauge!(WITHDRAWN, "shard" => shard.clone()).set(shown(locked.withdrawn));
        gauge!(CREATORS, "shard" => shard.clone()).set(locked.creators);
        gauge!(CONTENTS, "shard" => shard).set(locked.contents);
    }
}

pub(super) fn active_wallets(wallets: u64) {
    gauge!(ACTIVE_WALLETS).set(shown(wallets));
}

pub(super) fn keeper_lamports(lamports: u64) {
    gauge!(KEEPER_LAMPORTS).set(shown(lamports));
}

pub(super) fn treasury(lamports: u64, base_units: u64) {
    gauge!(TREASURY_LAMPORTS).set(shown(lamports));
    gauge!(TREASURY_TOKENS).set(shown(base_units));
}

pub(super) fn backlog(all: &[(Partition, u64)]) {
    for (partition, batches) in all {
        gauge!(BACKLOG, "partition" => partition.0.to_string()).set(shown(*batches));
    }
}

pub(super) fn database_bytes(bytes: u64) {
    gauge!(DATABASE_BYTES).set(shown(bytes));
}

pub(super) fn data_free_bytes(bytes: u64) {
    gauge!(DATA_FREE_BYTES).set(shown(bytes));
}

pub(super) fn ready(report: &Report) {
    gauge!(READY).set(flag(report.ready));
    for (name, part) in &report.parts {
        gauge!(READY_PART, "part" => *name).set(flag(part.ready));
    }
}

pub(super) fn sample_failed(sample: &'static str) {
    counter!(SAMPLE_FAILURES, "sample" => sample).increment(1);
}
