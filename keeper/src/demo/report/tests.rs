use std::path::PathBuf;

use super::*;
use crate::{
    demo::summary::{
        Explanation, Hint, Hour, Ingest, Line, Payment, Phase, PricePoint, Returns, Rung, Sample,
        Settlement, Upgrade, Verdicts, Verification, Wait,
    },
    views::VERDICTS,
};

/// A run as it could have been, with numbers of every size.
fn summary() -> Summary {
    let hours = (0..24).map(|hour| Hour {
        start_ms: 1_790_000_000_000 / 3_600_000 * 3_600_000 + hour * 3_600_000,
        counted: 10_000 + 3_500 * (12 - (hour - 12).abs()).unsigned_abs(),
        rejected: 900 + 350 * (hour % 5).unsigned_abs(),
    });
    let progress = (0..120).map(|step| Sample {
        ms: step * 100,
        accepted: (step * 25_000).min(1_000_000),
        judged: (step * 16_000).min(1_000_000),
        counted: (step * 14_000).min(885_000),
        settled: (step * 14_000).saturating_sub(220_000).min(885_000) / 100_000 * 100_000,
        credited: step * 1_000_000,
    });
    let line = |rank: u64| Line {
        name: format!("amber-otter-{rank}"),
        topic: "chess",
        number: rank,
        shard: 0,
        creator: 17,
        address: "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin".into(),
        contents: 40 - rank,
        views: 90_000 / rank,
        earned: 123_456_789 / rank,
        shared: 0,
        tipped: 0,
        withdrawn: 0,
        balance: 123_456_789 / rank,
    };
    Summary {
        input: Input::Generated { events: 1_000_000, seed: 42 },
        decimals: 6,
        shards: 1,
        creators: 2_000,
        contents: 20_000,
        phases: vec![Phase { name: "database", ms: 900 }, Phase { name: "events", ms: 12_345 }],
        total_ms: 24_500,
        ingest: Ingest {
            events: 1_000_000,
            malformed: 0,
            bytes: 64_000_000,
            requests: 100,
            delayed: 0,
            answered_ms: 4_100,
            counted_ms: 6_400,
            settled_ms: 12_000,
        },
        verdicts: VERDICTS
            .iter()
            .zip([885_000, 30_000, 41_000, 3_000, 1_000, 1_000, 57_000, 12_000])
            .map(|(verdict, events)| Verdicts { verdict: verdict.name(), events })
            .collect(),
        hours: hours.collect(),
        progress: progress.collect(),
        settlement: Settlement {
            batches: 230,
            views: 885_000,
            credits: 410_000,
            credited: 1_234_567_890,
            fees_lamports: 1_150_000,
            compute_units: 18_000_000,
            waits: vec![Wait { ms: 800, views: 500_000 }, Wait { ms: 2_400, views: 385_000 }],
        },
        earnings: (1..=2_000_u64).map(|rank| 123_456_789 / rank).collect(),
        statement: (1..=20).map(line).collect(),
        payments: vec![Payment {
            title: "A withdrawal",
            text: "amber-otter-1 withdrew 100.000000 tokens.".into(),
            signature: Some("5".repeat(88)),
        }],
        upgrade: Some(Upgrade {
            content: "chess-000042".into(),
            round: "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin".into(),
            plan: "1".repeat(64),
            manifest: "2".repeat(64),
            target: 10_000_000,
            cost: 12_345,
            upgrade_ms: 4_500,
            frames_encoded: 92,
            views: 50_000,
            quality_before: 3_300,
            quality_after: 5_900,
            returns: Returns {
                baseline_earned: 5_000_000,
                baseline_seconds: 5,
                earned_since: 9_000_000,
                uplift: 4_000_000,
                share_bps: 3_000,
                owed: 1_200_000,
            },
            returned: 1_000_000,
            price: 11_000_000,
            ladder: [(360, 640, 9_500, true), (720, 1_280, 9_700, false)]
                .map(|(lines, width, score, was_there)| Rung {
                    lines,
                    width,
                    height: lines.into(),
                    bytes: 200_000,
                    score,
                    was_there,
                })
                .into(),
            history: (0..12)
                .map(|step| PricePoint {
                    ms: step * 1_000,
                    value: step * 40_000_000,
                    quality: if step < 6 { 3_300 } else { 5_900 },
                })
                .collect(),
            frame_before: "/9j/".into(),
            frame_after: "/9j/".into(),
            steps: vec![Payment {
                title: "A sale",
                text: "The position was sold.".into(),
                signature: Some("5".repeat(88)),
            }],
        }),
        verification: Verification { passed: true, text: "all agree".into(), ms: 700 },
        balances_agree: true,
        explanation: Some(Explanation {
            command: "pixr explain content chess-000042".into(),
            text: "views × relevance × rate".into(),
        }),
        next: vec![Hint { what: "Check everything again", command: "pixr verify".into() }],
        report: PathBuf::from("target/demo/report.html"),
    }
}

#[test]
fn needs_nothing_else_and_runs_nothing() {
    let page = render(&summary()).unwrap();
    for outside in ["http://", "https://", "<script", "<link", "@import", "url(", "<img", "<iframe"]
    {
        let rest = page.replace("http://www.w3.org/2000/svg", "");
        let rest = rest.replace("<img src=\"data:image/jpeg;base64,", "");
        assert!(!rest.contains(outside), "the page has {outside}");
    }
    assert!(page.contains("default-src 'none'"));
    // Kept where whoever works on the page can look at it.
    if let Ok(path) = std::env::var("PIXR_REPORT") {
        std::fs::write(path, page).unwrap();
    }
}

#[test]
fn every_chart_is_told_in_words_and_numbers() {
    let page = render(&summary()).unwrap();
    let charts = page.matches("<svg").count();
    assert_eq!(charts, 18);
    assert_eq!(page.matches("role=\"img\" aria-label=\"Chart: ").count(), charts);
    assert_eq!(page.matches("<summary>The numbers</summary>").count(), charts / 2);
    assert!(page.contains("1,000,000 view events became withdrawable money in 12.0 s"));
}

#[test]
fn every_ink_of_the_charts_has_a_colour_in_both_schemes() {
    let (page, style) = (render(&summary()).unwrap(), style());
    for piece in page.split("=\"#").skip(1) {
        let code = format!("#{}", &piece[..6]);
        assert!(style.contains(&format!("[fill=\"{code}\"]")), "{code} has no rule");
    }
    for (_, variable) in Ink::ALL {
        assert_eq!(style.matches(&format!("{variable}: #")).count(), 2, "{variable}");
    }
}

#[test]
fn foreign_text_is_shown_not_interpreted() {
    let hostile = "</style><script>alert(1)</script>\" onload=\"x";
    let mut summary = summary();
    summary.input = Input::File { path: hostile.into(), adopted: 3, dated_later_ms: 0 };
    summary.statement[0].name = hostile.to_owned();
    summary.verification.text = hostile.to_owned();
    summary.explanation.as_mut().unwrap().text = hostile.to_owned();
    summary.payments[0].text = hostile.to_owned();
    let page = render(&summary).unwrap();
    assert!(!page.contains("<script") && !page.contains("\" onload=\""));
    assert_eq!(page.matches("</style>").count(), 1);
}

#[test]
fn it_is_told_that_events_were_dated_later_and_which_were_stale() {
    let mut summary = summary();
    assert_eq!(summary.dating(), None, "made-up events are of today");
    let file = |dated_later_ms| Input::File { path: "views".into(), adopted: 0, dated_later_ms };
    summary.input = file(3 * 86_400_000);
    let told = "each was dated 3 days later";
    let stale = "1,000 are so much older than the newest that they were rejected as stale.";
    for text in [render(&summary).unwrap(), summary.to_string()] {
        assert!(text.contains(told) && text.contains(stale), "{text}");
    }
    summary.input = file(0);
    assert_eq!(summary.dating().as_deref(), Some(stale));
    summary.verdicts.iter_mut().for_each(|it| it.events = 0);
    assert_eq!(summary.dating(), None);
}

#[test]
fn a_run_without_a_single_view_has_a_report_too() {
    let mut summary = summary();
    summary.ingest = Ingest::default();
    summary.hours.clear();
    summary.progress.clear();
    summary.settlement = Settlement::default();
    summary.earnings.clear();
    summary.statement.clear();
    summary.payments.clear();
    summary.explanation = None;
    summary.verdicts.iter_mut().for_each(|it| it.events = 0);
    assert!(render(&summary).unwrap().contains("-"));
}
