//! A finding of fraud that comes late: a bot's views are taken back.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use reqwest::{Client, header::CONTENT_TYPE};
use serde::Deserialize;

use super::{encode::id_text, events::Event, figures::thousands, summary::Payment};

const ANSWER_MAX: Duration = Duration::from_secs(30);
const REASON: &str = "a bot watched hundreds of videos in a minute";

/// The part of the answer that matters here.
#[derive(Deserialize)]
struct Outcome {
    reversed: u64,
    not_counted: u64,
}

/// Reports all events of a bot; returns how many counted views were taken back.
pub async fn report(to: SocketAddr, bots: &[Event]) -> anyhow::Result<(u64, Payment)> {
    let lines: String = bots
        .iter()
        .map(|event| format!("{{\"id\":\"{}\",\"at\":{}}}\n", id_text(event.id), event.at_ms))
        .collect();
    let client = Client::builder().no_proxy().timeout(ANSWER_MAX).build()?;
    let reason: String = url::form_urlencoded::byte_serialize(REASON.as_bytes()).collect();
    let response = client
        .post(format!("http://{to}/v1/findings?reason={reason}"))
        .header(CONTENT_TYPE, "application/x-ndjson")
        .body(lines)
        .send()
        .await
        .context("a finding of fraud")?;
    let status = response.status();
    let body = response.bytes().await?;
    ensure!(status.is_success(), "the finding: {status}: {}", String::from_utf8_lossy(&body));
    let Outcome { reversed, not_counted } = serde_json::from_slice(&body)?;
    let payment = Payment {
        title: "A finding of fraud",
        text: format!(
            "A bot sent {} events. Most were rejected when they came ({}); {} looked like views and \
             were paid. Reported afterwards, they are taken off what their contents earn later, \
             never off a balance.",
            thousands(bots.len() as u64),
            thousands(not_counted),
            thousands(reversed)
        ),
        signature: None,
    };
    Ok((reversed, payment))
}
