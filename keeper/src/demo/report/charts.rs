//! The charts of the report.

use chrono::DateTime;
use maud::Markup;

use super::{
    plots::{self, Bar, Column, Curve},
    svg::{Chart, Ink},
};
use crate::demo::{
    figures::{amount, amount_floor, percent, quotient, sol, thousands, time},
    summary::{Hour, Sample, Summary, Wait},
};

/// What a transaction with one signature costs, in lamports.
pub const SIGNATURE_LAMPORTS: u64 = 5_000;
/// Creators shown one by one.
const TOP: usize = 20;
/// Upper bounds of the groups of waiting times, in milliseconds.
const WAITS_MS: [u64; 8] = [250, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000];

fn clock(hour: &Hour) -> String {
    DateTime::from_timestamp_millis(hour.start_ms)
        .map_or(String::new(), |at| at.format("%H:%M").to_string())
}

/// Events by the hour they are dated in.
pub fn hours(summary: &Summary) -> anyhow::Result<Markup> {
    let columns: Vec<Column> = summary
        .hours
        .iter()
        .map(|hour| Column {
            name: clock(hour),
            above: hour.counted as f64,
            below: hour.rejected as f64,
        })
        .collect();
    let busiest = summary.hours.iter().max_by_key(|hour| hour.counted);
    let text = busiest.map_or(String::new(), |hour| {
        format!(
            "Counted events stand above the line, rejected ones hang below it. The busiest hour \
             began at {} UTC with {} counted events.",
            clock(hour),
            thousands(hour.counted)
        )
    });
    Chart {
        title: "Events by hour",
        text,
        header: &["Hour (UTC)", "Counted", "Rejected"],
        rows: summary
            .hours
            .iter()
            .map(|hour| vec![clock(hour), thousands(hour.counted), thousands(hour.rejected)])
            .collect(),
        height: None,
        draw: &|canvas| plots::columns(canvas, &columns, "counted", Some("rejected")),
    }
    .figure()
}

/// What a verdict means, in words.
fn reason(verdict: &str) -> &str {
    match verdict {
        "duplicate_id" => "sent twice",
        "duplicate_view" => "seen again",
        "unknown_content" => "unknown content",
        "future" => "dated ahead",
        "stale" => "too old",
        "too_short" => "too short",
        "impossible_rate" => "impossible rate",
        other => other,
    }
}

/// Why events were rejected.
pub fn reasons(summary: &Summary) -> anyhow::Result<Markup> {
    let mut rejected: Vec<_> =
        summary.verdicts.iter().filter(|it| it.verdict != "counted").collect();
    rejected.sort_by_key(|it| std::cmp::Reverse(it.events));
    let all = summary.ingest.events;
    let bars: Vec<Bar> = rejected
        .iter()
        .map(|it| Bar {
            name: reason(it.verdict).to_owned(),
            value: it.events as f64,
            text: thousands(it.events),
        })
        .collect();
    Chart {
        title: "Rejected, by reason",
        text: format!(
            "{} of {} events earn nothing. Each has exactly one reason, and the verdict is kept.",
            thousands(summary.rejected()),
            thousands(all)
        ),
        header: &["Reason", "Verdict", "Events", "Of all"],
        rows: rejected
            .iter()
            .map(|it| {
                let name = reason(it.verdict).to_owned();
                vec![name, it.verdict.into(), thousands(it.events), percent(it.events, all)]
            })
            .collect(),
        height: Some(plots::bars_height(bars.len())),
        draw: &|canvas| plots::bars(canvas, &bars),
    }
    .figure()
}

/// From accepted to settled, over the run.
pub fn progress(summary: &Summary) -> anyhow::Result<Markup> {
    let curve = |name, ink, filled, dash, value: fn(&Sample) -> u64| Curve {
        name,
        ink,
        filled,
        dash,
        points: summary
            .progress
            .iter()
            .map(|sample| (sample.ms as f64 / 1_000.0, value(sample) as f64))
            .collect(),
    };
    let curves = [
        curve("accepted events", Ink::Text, false, 3, |sample| sample.accepted),
        curve("counted views", Ink::Second, false, 8, |sample| sample.counted),
        curve("settled views", Ink::First, true, 0, |sample| sample.settled),
    ];
    let step = summary.progress.len().div_ceil(40).max(1);
    let rows = summary.progress.iter().step_by(step).map(|sample| {
        let Sample { ms, accepted, judged, counted, settled, credited } = *sample;
        vec![
            time(ms),
            thousands(accepted),
            thousands(judged),
            thousands(counted),
            thousands(settled),
            amount(credited, summary.decimals),
        ]
    });
    Chart {
        title: "From accepted to settled",
        text: format!(
            "All events were accepted after {}, counted after {}, and everything counted was \
             settled after {}. What lies between the two lower lines is pending.",
            time(summary.ingest.answered_ms),
            time(summary.ingest.counted_ms),
            time(summary.ingest.settled_ms)
        ),
        header: &["After", "Accepted", "Judged", "Counted", "Settled", "Tokens credited"],
        rows: rows.collect(),
        height: None,
        draw: &|canvas| plots::curves(canvas, &curves),
    }
    .figure()
}

/// How long views waited for their batch, at most.
pub fn waits(summary: &Summary) -> anyhow::Result<Markup> {
    let groups = wait_groups(&summary.settlement.waits);
    let all: u64 = groups.iter().map(|group| group.1).sum();
    let bars: Vec<Bar> = groups
        .iter()
        .map(|(name, views)| Bar {
            name: name.clone(),
            value: *views as f64,
            text: percent(*views, all),
        })
        .collect();
    Chart {
        title: "How long views waited for their money",
        text: "From the moment a view was received until its batch was final: the time of the \
               oldest view of each batch, taken for all views of the batch."
            .to_owned(),
        header: &["Waited", "Views", "Of all"],
        rows: groups
            .iter()
            .map(|(name, views)| vec![name.clone(), thousands(*views), percent(*views, all)])
            .collect(),
        height: Some(plots::bars_height(bars.len())),
        draw: &|canvas| plots::bars(canvas, &bars),
    }
    .figure()
}

/// Views by how long they waited, without the groups at both ends that are empty.
fn wait_groups(waits: &[Wait]) -> Vec<(String, u64)> {
    let mut from = 0;
    let mut groups = Vec::new();
    for to in WAITS_MS.into_iter().chain([u64::MAX]) {
        let name = match to {
            u64::MAX => format!("> {}", time(from)),
            to => format!("≤ {}", time(to)),
        };
        let within = |wait: &&Wait| (wait.ms > from || from == 0) && wait.ms <= to;
        groups.push((name, waits.iter().filter(within).map(|wait| wait.views).sum()));
        from = to;
    }
    let used = |group: &(String, u64)| group.1 > 0;
    groups.truncate(groups.iter().rposition(used).map_or(0, |last| last + 1));
    groups.drain(..groups.iter().position(used).unwrap_or(0));
    groups
}

/// What settlement paid in fees, against single transfers.
pub fn cost(summary: &Summary) -> anyhow::Result<Markup> {
    let settlement = &summary.settlement;
    let transfers = settlement.credits.saturating_mul(SIGNATURE_LAMPORTS);
    let ways = [("Pixr's batches", settlement.fees_lamports), ("single transfers", transfers)];
    let per_credit = |lamports| quotient(lamports, settlement.credits);
    let bars: Vec<Bar> = ways
        .iter()
        .map(|(name, lamports)| Bar {
            name: (*name).to_owned(),
            value: *lamports as f64,
            text: format!("{} SOL", amount(lamports / 1_000, 6)),
        })
        .collect();
    Chart {
        title: "Fees",
        text: format!(
            "{} credits took {} batches: {} lamports a credit. One transfer for each credit would \
             take {} lamports a credit, {} times as much.",
            thousands(settlement.credits),
            thousands(settlement.batches),
            per_credit(settlement.fees_lamports),
            thousands(SIGNATURE_LAMPORTS),
            quotient(transfers, settlement.fees_lamports)
        ),
        header: &["Way", "Fees in SOL", "Lamports a credit"],
        rows: ways
            .iter()
            .map(|(name, lamports)| vec![(*name).to_owned(), sol(*lamports), per_credit(*lamports)])
            .collect(),
        height: Some(plots::bars_height(bars.len())),
        draw: &|canvas| plots::bars(canvas, &bars),
    }
    .figure()
}

/// Who earned most.
pub fn top(summary: &Summary) -> anyhow::Result<Markup> {
    let all: u64 = summary.earnings.iter().sum();
    let top = summary.statement.iter().take(TOP);
    let bars: Vec<Bar> = top
        .map(|line| Bar {
            name: line.name.clone(),
            value: line.earned as f64,
            text: amount_floor(line.earned, summary.decimals),
        })
        .collect();
    let earned: u64 = summary.earnings.iter().take(TOP).sum();
    Chart {
        title: "The creators who earned most",
        text: format!(
            "The first {} of {} creators earned {} of everything, in tokens.",
            bars.len(),
            thousands(super::count(&summary.earnings)),
            percent(earned, all)
        ),
        header: &["Creator", "Earned", "Of all"],
        rows: summary
            .statement
            .iter()
            .take(TOP)
            .map(|line| {
                let earned = amount(line.earned, summary.decimals);
                vec![line.name.clone(), earned, percent(line.earned, all)]
            })
            .collect(),
        height: Some(plots::bars_height(bars.len())),
        draw: &|canvas| plots::bars(canvas, &bars),
    }
    .figure()
}

/// What every creator earned, by rank.
pub fn tail(summary: &Summary) -> anyhow::Result<Markup> {
    let unit = 10_f64.powi(i32::from(summary.decimals));
    let values: Vec<f64> = summary.earnings.iter().map(|earned| *earned as f64 / unit).collect();
    let at = |rank: usize| summary.earnings.get(rank.saturating_sub(1)).copied();
    let middle = summary.earnings.len().div_ceil(2);
    let ranks = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];
    Chart {
        title: "The long tail",
        text: format!(
            "Tokens earned by rank, both axes in powers of ten. The creator in the middle, at rank \
             {}, earned {} tokens.",
            thousands(u64::try_from(middle).unwrap_or(u64::MAX)),
            amount(at(middle).unwrap_or(0), summary.decimals)
        ),
        header: &["Rank", "Earned"],
        rows: ranks
            .into_iter()
            .filter_map(|rank| Some(vec![rank.to_string(), amount(at(rank)?, summary.decimals)]))
            .collect(),
        height: None,
        draw: &|canvas| plots::ranks(canvas, &values),
    }
    .figure()
}
