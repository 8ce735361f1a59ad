//! What the report says of the investment.

use maud::{Markup, html};

use super::{
    plots::{self, Bar, Curve},
    sections,
    svg::{Chart, Ink},
};
use crate::demo::{
    figures::{amount, short, thousands, time},
    summary::{Returns, Rung, Summary, Upgrade},
};

/// The whole section.
pub fn section(summary: &Summary) -> anyhow::Result<Markup> {
    let Some(upgrade) = &summary.upgrade else { return Ok(html! {}) };
    let decimals = summary.decimals;
    Ok(html! {
        h2 { "An investment, and what it earns" }
        p {
            "The video " code { (upgrade.content) } " was out at 360p. Somebody paid "
            (amount(upgrade.target, decimals)) " tokens for its 720p and the 480p below it; the keeper made them in "
            (time(upgrade.upgrade_ms)) " and delivered them on the chain with the hash of their manifest. Then "
            "the chain's time went on in fast motion, by hours: of " (thousands(upgrade.views)) " views as many came "
            "in each ten minutes before as afterwards. What the same views earn above the baseline is shared."
        }
        (pictures(upgrade))
        (ladder(upgrade)?)
        (returns(upgrade, decimals))
        (history(upgrade, decimals)?)
        @for step in &upgrade.steps { (sections::payment(step)) }
    })
}

/// The same detail before and after.
fn pictures(upgrade: &Upgrade) -> Markup {
    let pictures = [
        (&upgrade.frame_before, "360p", upgrade.quality_before),
        (&upgrade.frame_after, "720p", upgrade.quality_after),
    ];
    html! {
        div.pair {
            @for (picture, name, quality) in pictures {
                figure {
                    figcaption { h3 { (name) } p { "Quality " (bps(quality)) " of 1" } }
                    img src=(format!("data:image/jpeg;base64,{picture}")) width="640" height="360"
                        alt=(format!("The middle of a frame at {name}"));
                }
            }
        }
    }
}

/// Basis points as a number below one.
fn bps(value: u16) -> String {
    amount(value.into(), 4)
}

fn ladder(upgrade: &Upgrade) -> anyhow::Result<Markup> {
    let bars: Vec<Bar> = upgrade
        .ladder
        .iter()
        .map(|rung| Bar {
            name: format!("{}p", rung.lines),
            value: f64::from(rung.score),
            text: bps(rung.score),
        })
        .collect();
    let kept = upgrade.ladder.iter().filter(|rung| rung.was_there).count();
    let row = |rung: &Rung| {
        vec![
            format!("{}p", rung.lines),
            format!("{}×{}", rung.width, rung.height),
            thousands(rung.bytes),
            bps(rung.score),
            if rung.was_there { "untouched" } else { "new" }.to_owned(),
        ]
    };
    Chart {
        title: "The ladder",
        text: format!(
            "Likeness of each rendition to the source, 1 being the same. {} frames were encoded: a \
             stream of the source that fits is taken as it is. {} of the renditions was there \
             before and is the same, byte for byte.",
            thousands(upgrade.frames_encoded),
            kept
        ),
        header: &["Rung", "Size", "Bytes", "Likeness", "This upgrade"],
        rows: upgrade.ladder.iter().map(row).collect(),
        height: Some(plots::bars_height(bars.len())),
        draw: &|canvas| plots::bars(canvas, &bars),
    }
    .figure()
}

/// The formula with its numbers.
fn returns(upgrade: &Upgrade, decimals: u8) -> Markup {
    let Returns { baseline_earned, baseline_seconds, earned_since, uplift, share_bps, owed } =
        upgrade.returns;
    let tokens = |base_units| amount(base_units, decimals);
    html! {
        div.card {
            h3 { "How the return comes about" }
            p {
                "Between opening and delivery the video earned " (tokens(baseline_earned)) " tokens in "
                (baseline_seconds) " s: that is the baseline. Since then it has earned " (tokens(earned_since))
                ". The most that it was above its baseline at any settlement is the uplift of " (tokens(uplift))
                "; the investors are owed " (share_bps / 100) "% of it, " (tokens(owed)) " tokens, of which "
                (tokens(upgrade.returned)) " were claimed. The program computed all of it from its own counters."
            }
            p.signature { "Round " code { (upgrade.round) } }
            p.signature { "Plan " code { (upgrade.plan) } }
            p.signature { "Manifest " code { (upgrade.manifest) } }
        }
    }
}

fn history(upgrade: &Upgrade, decimals: u8) -> anyhow::Result<Markup> {
    let unit = 10_f64.powi(i32::from(decimals));
    let points = upgrade.history.iter();
    let value = points.map(|point| (point.ms as f64 / 1_000.0, point.value as f64 / unit));
    let curves = [Curve {
        name: "worth in tokens",
        ink: Ink::First,
        filled: true,
        dash: 0,
        points: value.collect(),
    }];
    let last = upgrade.history.last().map_or(0, |point| point.value);
    Chart {
        title: "What the video is worth",
        text: format!(
            "Valued anew after every settlement, investment and delivery, from views, searches, \
             investments and the creator's record: {} tokens at the end. Views of seconds are taken \
             for views of an hour, so a demo's values are high.",
            short(last as f64 / unit)
        ),
        header: &["Time", "Worth in tokens", "Quality"],
        rows: upgrade
            .history
            .iter()
            .map(|point| vec![time(point.ms), amount(point.value, decimals), bps(point.quality)])
            .collect(),
        height: None,
        draw: &|canvas| plots::curves(canvas, &curves),
    }
    .figure()
}
