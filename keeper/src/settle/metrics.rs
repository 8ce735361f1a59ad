//! What operators see of settlement.

use std::sync::Once;

use chrono::{DateTime, Utc};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::{Kind, plan::Candidate, records::LandedAttempt, tail::Batch};
use crate::chain::transactions::SIGNATURE_LAMPORTS;

/// Gauge by shard: views that are counted and in no plan, as far as one plan takes them.
pub const PENDING_VIEWS: &str = "pixr_settlement_pending_views";
/// Gauge by shard: credits that these views take.
pub const PENDING_CREDITS: &str = "pixr_settlement_pending_credits";
/// Gauge by shard: base units that they would credit at full quality.
pub const PENDING_AMOUNT: &str = "pixr_settlement_pending_amount";
/// Counter by shard and kind: planned batches.
pub const PLANNED: &str = "pixr_settlement_planned_batches_total";
/// Counter by shard: transactions that were signed and stored.
pub const SIGNED: &str = "pixr_settlement_transactions_total";
/// Counter by shard and outcome (finalized, failed, expired): what became of transactions.
pub const OUTCOMES: &str = "pixr_settlement_outcomes_total";
/// Histogram by shard: seconds from the signature to the first sight of the batch on the chain.
pub const CONFIRMATION_SECONDS: &str = "pixr_settlement_confirmation_seconds";
/// Histogram by shard: seconds from the first view's arrival to the batch on the chain.
pub const DELAY_SECONDS: &str = "pixr_settlement_delay_seconds";
/// Counter by shard: credits that were settled.
pub const CREDITS: &str = "pixr_settlement_credits_total";
/// Counter by shard: views that were settled.
pub const VIEWS: &str = "pixr_settlement_views_total";
/// Counter by shard: lamports that finalized batches cost.
pub const FEES: &str = "pixr_settlement_fees_lamports_total";
/// Gauge by shard: lamports a credit of the last finalized batch.
pub const FEE_PER_CREDIT: &str = "pixr_settlement_fee_lamports_per_credit";
/// Counter by shard: lamports that single transfers for the same credits would have cost more.
pub const SAVED: &str = "pixr_settlement_saved_lamports_total";
/// Histogram by shard: compute units of a finalized batch.
pub const COMPUTE_UNITS: &str = "pixr_settlement_compute_units";
/// Gauge by shard: the number of the batch that the chain waits for.
pub const NEXT_SEQUENCE: &str = "pixr_settlement_next_sequence";
/// Gauge by shard: 1 while something keeps the shard from settling, else 0.
pub const BLOCKED: &str = "pixr_settlement_blocked";

/// Describes the metrics to the recorder, once.
pub fn describe() {
    static DESCRIBED: Once = Once::new();
    DESCRIBED.call_once(|| {
        describe_gauge!(PENDING_VIEWS, "Views that are counted and in no plan");
        describe_gauge!(PENDING_CREDITS, "Credits that pending views take");
        describe_gauge!(
            PENDING_AMOUNT,
            "Base units that pending views would credit at full quality"
        );
        describe_counter!(PLANNED, "Planned batches by kind");
        describe_counter!(SIGNED, "Transactions of batches that were signed and stored");
        describe_counter!(OUTCOMES, "What became of transactions of batches");
        let text = "From the signature to the first sight of the batch on the chain";
        describe_histogram!(CONFIRMATION_SECONDS, Unit::Seconds, text);
        let text = "From the first view's arrival to the batch on the chain";
        describe_histogram!(DELAY_SECONDS, Unit::Seconds, text);
        describe_counter!(CREDITS, "Credits that were settled");
        describe_counter!(VIEWS, "Views that were settled");
        describe_counter!(FEES, "Lamports that finalized batches cost");
        describe_gauge!(FEE_PER_CREDIT, "Lamports a credit of the last finalized batch");
        let text = "Lamports that single transfers for the same credits would have cost more";
        describe_counter!(SAVED, text);
        describe_histogram!(COMPUTE_UNITS, "Compute units of a finalized batch");
        describe_gauge!(NEXT_SEQUENCE, "The number of the batch that the chain waits for");
        describe_gauge!(BLOCKED, "1 while something keeps the shard from settling");
    });
}

/// A number as a gauge shows it, to 53 bits.
fn shown(number: u64) -> f64 {
    number as f64
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn label(shard: u32) -> String {
    shard.to_string()
}

pub(super) fn pending(shard: u32, candidates: &[Candidate]) {
    let views = |candidate: &&Candidate| candidate.kind == Kind::Views;
    let entries = candidates.iter().find(views).map_or(&[][..], |views| &views.entries);
    let sum = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.views));
    gauge!(PENDING_VIEWS, "shard" => label(shard)).set(shown(sum));
    gauge!(PENDING_CREDITS, "shard" => label(shard)).set(shown(count(entries.len())));
}

pub(super) fn pending_amount(shard: u32, amount: u64) {
    gauge!(PENDING_AMOUNT, "shard" => label(shard)).set(shown(amount));
}

pub(super) fn planned(shard: u32, kind: Kind, batches: usize) {
    counter!(PLANNED, "shard" => label(shard), "kind" => kind.name()).increment(count(batches));
    // What was pending is planned.
    pending(shard, &[]);
    pending_amount(shard, 0);
}

pub(super) fn signed(shard: u32) {
    counter!(SIGNED, "shard" => label(shard)).increment(1);
}

fn outcome(shard: u32, outcome: &'static str) {
    counter!(OUTCOMES, "shard" => label(shard), "outcome" => outcome).increment(1);
}

pub(super) fn failed(shard: u32) {
    outcome(shard, "failed");
}

pub(super) fn expired(shard: u32) {
    outcome(shard, "expired");
}

pub(super) fn confirmed(shard: u32, batch: &Batch, now: DateTime<Utc>) {
    let seconds = |since: DateTime<Utc>| (now - since).to_std().unwrap_or_default().as_secs_f64();
    if let Some(attempt) = batch.attempts.last() {
        histogram!(CONFIRMATION_SECONDS, "shard" => label(shard))
            .record(seconds(attempt.signed_at));
    }
    histogram!(DELAY_SECONDS, "shard" => label(shard)).record(seconds(batch.oldest_at));
}

pub(super) fn finalized(shard: u32, batch: &Batch, landed: Option<&LandedAttempt>) {
    outcome(shard, "finalized");
    counter!(CREDITS, "shard" => label(shard)).increment(batch.credits);
    counter!(VIEWS, "shard" => label(shard)).increment(batch.views);
    let Some(landed) = landed else { return };
    let fee = landed.fee_lamports;
    counter!(FEES, "shard" => label(shard)).increment(fee);
    counter!(SAVED, "shard" => label(shard)).increment(saved_lamports(batch.credits, fee));
    let per_credit = shown(fee) / shown(batch.credits);
    gauge!(FEE_PER_CREDIT, "shard" => label(shard)).set(per_credit);
    if let Some(units) = landed.compute_units {
        histogram!(COMPUTE_UNITS, "shard" => label(shard)).record(shown(units));
    }
}

/// What credits would have cost more as single transfers, of one signature each.
pub fn saved_lamports(credits: u64, fee_lamports: u64) -> u64 {
    credits.saturating_mul(SIGNATURE_LAMPORTS).saturating_sub(fee_lamports)
}

pub(super) fn next_sequence(shard: u32, sequence: u64) {
    gauge!(NEXT_SEQUENCE, "shard" => label(shard)).set(shown(sequence));
}

pub(super) fn blocked(shard: u32, blocked: bool) {
    gauge!(BLOCKED, "shard" => label(shard)).set(if blocked { 1.0 } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saves_all_fees_but_one() {
        assert_eq!(saved_lamports(1_850, 5_000), 1_849 * 5_000);
        assert_eq!(saved_lamports(1, 6_000), 0);
    }
}
