//! The report: one HTML file that needs nothing else, for light and dark, screens and phones.

mod charts;
mod plots;
mod sections;
mod svg;
mod upgrade;

use std::fmt::Write;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::svg::Ink;
use super::{
    figures::{amount_floor, percent, thousands, time},
    summary::{Input, Summary},
};

/// No browser loads anything for this page, nor runs anything in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The whole page.
pub fn render(summary: &Summary) -> anyhow::Result<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "Pixr demo: " (headline(summary)) }
                style { (PreEscaped(style())) }
            }
            body {
                (head(summary))
                main {
                    (sections::events(summary)?)
                    (sections::settlement(summary)?)
                    (sections::creators(summary)?)
                    (sections::payments(summary))
                    (upgrade::section(summary)?)
                    (sections::verification(summary))
                    (sections::explanation(summary))
                    (sections::next(summary))
                }
                footer {
                    p {
                        "Made by " code { "pixr demo" } ". All amounts are exact: the program computes "
                        "them in whole base units, and " code { "pixr verify" } " computes them again."
                    }
                }
            }
        }
    };
    Ok(page.into_string())
}

/// The style sheet, and a rule for each ink of the charts.
fn style() -> String {
    let mut style = String::from(include_str!("style.css"));
    for (ink, variable) in Ink::ALL {
        let code = ink.code();
        for property in ["fill", "stroke"] {
            writeln!(style, "svg [{property}=\"{code}\"] {{ {property}: var({variable}); }}")
                .expect("a string takes what is written");
        }
    }
    style
}

fn headline(summary: &Summary) -> String {
    format!(
        "{} view events became withdrawable money in {}",
        thousands(summary.ingest.events),
        time(summary.ingest.settled_ms)
    )
}

fn head(summary: &Summary) -> Markup {
    let earned = amount_floor(summary.settlement.credited, summary.decimals);
    let source = match &summary.input {
        Input::Generated { seed, .. } => format!("generated with the seed {seed}"),
        Input::File { path, .. } => format!("of the file {}", path.display()),
    };
    let verified = summary.verification.passed;
    html! {
        header {
            h1 { (headline(summary)) }
            p.lead {
                "A keeper took " (thousands(summary.ingest.events)) " events " (source) " through its API, counted "
                "each view once, and settled " (thousands(summary.settlement.views)) " views in "
                (thousands(summary.settlement.batches)) " batches. The program credited " (earned) " tokens to "
                (thousands(count(&summary.earnings))) " creators. The whole demo took " (time(summary.total_ms))
                ", with a database and a chain of its own."
            }
            dl.tiles {
                (tile("views counted", &thousands(summary.events("counted")), ""))
                (tile("events rejected", &percent(summary.rejected(), summary.ingest.events), ""))
                (tile("tokens earned", &earned, ""))
                (tile("settlement batches", &thousands(summary.settlement.batches), ""))
                (tile("lamports of fees a credit", &sections::fee_per_credit(summary), ""))
                @if verified { (tile("verification", "✓ passed", "good")) }
                @else { (tile("verification", "✗ FAILED", "bad")) }
            }
        }
    }
}

fn tile(name: &str, value: &str, class: &str) -> Markup {
    html! { div class=(class) { dt { (name) } dd { (value) } } }
}

fn count<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
