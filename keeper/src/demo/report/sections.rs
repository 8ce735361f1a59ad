//! What the report says, part by part.

use maud::{Markup, html};

use super::{charts, svg::table};
use crate::demo::{
    figures::{amount, quotient, thousands, time},
    summary::{Input, Line, Payment, Summary},
};

/// Lamports a credit.
pub fn fee_per_credit(summary: &Summary) -> String {
    quotient(summary.settlement.fees_lamports, summary.settlement.credits)
}

/// What came in and what of it counts.
pub fn events(summary: &Summary) -> anyhow::Result<Markup> {
    let ingest = &summary.ingest;
    let per_second = ingest.events.saturating_mul(1_000) / ingest.counted_ms.max(1);
    Ok(html! {
        h2 { "What came in" }
        p {
            (thousands(ingest.events)) " events came in " (thousands(ingest.requests)) " requests over HTTP. Each "
            "request was on disk before it was answered. After " (time(ingest.counted_ms)) " every event had its "
            "verdict: " (thousands(per_second)) " a second, with nothing prepared but the requests themselves."
        }
        @if let Input::Generated { .. } = summary.input {
            p {
                "The events are made up, but not kindly: contents are popular by Zipf's law over a day with two "
                "peaks; 3% are exact duplicates, some of them sent much later; 2% come from bots; some are for "
                "contents nobody knows, or carry a wrong date."
            }
        }
        @if let Input::File { adopted, .. } = summary.input {
            @if adopted > 0 {
                p { (thousands(adopted)) " contents of the file were unknown; the demo gave them to its creators." }
            }
        }
        @if let Some(dating) = summary.dating() { p { (dating) } }
        @if ingest.malformed > 0 {
            p { (thousands(ingest.malformed)) " lines were malformed and reported with number and reason." }
        }
        @if !summary.hours.is_empty() { (charts::hours(summary)?) }
        (charts::reasons(summary)?)
    })
}

/// From counted views to credits on the chain.
pub fn settlement(summary: &Summary) -> anyhow::Result<Markup> {
    let settlement = &summary.settlement;
    Ok(html! {
        h2 { "From views to money" }
        p {
            "The keeper measures, the chain computes: a batch says how many views each content had at which "
            "relevance, never an amount. " (thousands(settlement.batches)) " batches carried "
            (thousands(settlement.credits)) " credits, " (quotient(settlement.credits, settlement.batches))
            " a transaction, at " (quotient(settlement.compute_units, settlement.credits))
            " compute units a credit."
        }
        (charts::progress(summary)?)
        @if !settlement.waits.is_empty() { (charts::waits(summary)?) }
        (charts::cost(summary)?)
    })
}

/// Who earned what.
pub fn creators(summary: &Summary) -> anyhow::Result<Markup> {
    let decimals = summary.decimals;
    let rows = summary.statement.iter().map(|line| {
        let Line { name, topic, shard, creator, contents, views, .. } = line;
        let mut row = vec![
            name.clone(),
            (*topic).to_owned(),
            format!("{shard}:{creator}"),
            thousands(*contents),
            thousands(*views),
        ];
        let amounts = [line.earned, line.shared, line.tipped, line.withdrawn, line.balance];
        row.extend(amounts.map(|it| amount(it, decimals)));
        row
    });
    let header = [
        "Creator",
        "Topic",
        "Slot",
        "Contents",
        "Views",
        "Earned",
        "To rounds",
        "Tips",
        "Withdrawn",
        "Balance",
    ];
    Ok(html! {
        h2 { "Who earned what" }
        @if !summary.earnings.is_empty() { (charts::top(summary)?) (charts::tail(summary)?) }
        h3 { "Statement of the top creators" }
        p { "In tokens. Earned and tips, less what rounds got and what was withdrawn, are the balance." }
        div.card { (table("Statement of the top creators", &header, &rows.collect::<Vec<_>>())) }
    })
}

/// What was done with the money.
pub fn payments(summary: &Summary) -> Markup {
    html! {
        @if !summary.payments.is_empty() {
            h2 { "What happened with it" }
            @for it in &summary.payments { (payment(it)) }
        }
    }
}

/// One thing that was done.
pub fn payment(payment: &Payment) -> Markup {
    html! {
        div.card {
            h3 { (payment.title) }
            p { (payment.text) }
            @if let Some(signature) = &payment.signature {
                p.signature { "Transaction " code { (signature) } }
            }
        }
    }
}

/// Whether everything agrees.
pub fn verification(summary: &Summary) -> Markup {
    let verification = &summary.verification;
    html! {
        h2 { "Is it right?" }
        p {
            @if verification.passed { strong { "Yes. " } } @else { strong { "No. " } }
            code { "pixr verify" } " computed every balance again, from the published batches and the chain alone, "
            "without the database, in " (time(verification.ms)) "."
        }
        pre tabindex="0" { (verification.text) }
    }
}

/// One payment, step by step.
pub fn explanation(summary: &Summary) -> Markup {
    html! {
        @if let Some(explanation) = &summary.explanation {
            h2 { "One payment, explained" }
            p { code { (explanation.command) } " tells where an amount comes from:" }
            pre tabindex="0" { (explanation.text) }
        }
    }
}

/// What to try.
pub fn next(summary: &Summary) -> Markup {
    html! {
        h2 { "Where to look next" }
        p { "The demo's data is still there. Commands to try:" }
        @for hint in &summary.next {
            p { (hint.what) ":" }
            pre tabindex="0" { (hint.command) }
        }
        h3 { "How long it took" }
        @let rows = summary.phases.iter().map(|phase| vec![phase.name.to_owned(), time(phase.ms)]);
        div.card { (table("How long each part took", &["Part", "Time"], &rows.collect::<Vec<_>>())) }
    }
}
