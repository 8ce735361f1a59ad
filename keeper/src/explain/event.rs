//! The story of a view event.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::{
    ExplainError, Settled,
    search::{self, Found},
    settled::{Counted, Fate, follow},
    text,
};
use crate::{
    app::App,
    config::CountingConfig,
    settle::Kind,
    store::{
        StoreError,
        schema::{findings, reversed_events},
    },
    views::{ContentId, Hashes, Verdict, ViewEvent},
};

/// One time that an event came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    pub partition: i16,
    pub position: i64,
    /// Its place in the batch, from 0.
    pub number: usize,
    pub source: String,
    pub received_at: DateTime<Utc>,
    pub content: ContentId,
    /// Unix milliseconds.
    pub at_ms: i64,
    pub watched_ms: u32,
    /// Basis points.
    pub relevance: u16,
    /// Nothing until it is counted.
    pub verdict: Option<&'static str>,
    pub counted_at: Option<DateTime<Utc>>,
    /// The rule behind the verdict, with the values of this event and the bounds as they are now.
    pub reason: String,
    /// Only of what counted.
    pub fate: Option<Fate>,
}

/// A finding of fraud that takes the view back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reversal {
    pub finding: i64,
    pub source: String,
    pub reason: String,
    pub received_at: DateTime<Utc>,
    pub fate: Option<Fate>,
}

/// Every time an event came in, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventStory {
    pub id: String,
    /// Its keyed hash: all that is kept of the id.
    pub hash: String,
    pub occurrences: Vec<Occurrence>,
    pub reversal: Option<Reversal>,
}

/// Tells the story of the event with this id of its source.
pub async fn story(
    app: &App,
    id: &str,
    since: Option<DateTime<Utc>>,
) -> Result<EventStory, ExplainError> {
    let hash = Hashes::new(&app.keys).event(id.as_bytes());
    let found = search::find(app, hash, since).await?;
    let mut counted = None;
    let mut occurrences = Vec::new();
    for found in found {
        if let Some((Verdict::Counted, _)) = search::verdict(app, &found).await? {
            counted = Some(found.event);
        }
        occurrences.push(occurrence(app, found).await?);
    }
    let reversal = match counted {
        Some(event) => reversal(app, &event).await?,
        None => None,
    };
    if occurrences.is_empty() {
        return Err(ExplainError::Unknown(format!(
            "no event {id} is in the log, which goes back {} days",
            app.config.log.retention_seconds.0 / 86_400
        )));
    }
    Ok(EventStory { id: id.to_owned(), hash: hex::encode(hash), occurrences, reversal })
}

async fn occurrence(app: &App, found: Found) -> Result<Occurrence, ExplainError> {
    let verdict = search::verdict(app, &found).await?;
    let Found { partition, position, number, source, received_at, event } = found;
    let fate = match verdict {
        Some((Verdict::Counted, _)) => {
            let (partition, position) = (partition.0, position.0);
            let ViewEvent { content, relevance, .. } = event;
            let kind = Kind::Views;
            follow(app, Counted { kind, content, relevance, partition, position }).await?
        }
        _ => None,
    };
    let reason = match verdict {
        Some((verdict, _)) => reason(verdict, &event, received_at, &app.config.counting),
        None => "it is in the log and will be counted".into(),
    };
    Ok(Occurrence {
        partition: partition.0,
        position: position.0,
        number,
        source,
        received_at,
        content: event.content,
        at_ms: event.at_ms,
        watched_ms: event.watched_ms,
        relevance: event.relevance,
        verdict: verdict.map(|(verdict, _)| verdict.name()),
        counted_at: verdict.map(|(_, at)| at),
        reason,
        fate,
    })
}

async fn reversal(app: &App, event: &ViewEvent) -> Result<Option<Reversal>, ExplainError> {
    let row: Option<(i64, String, String, DateTime<Utc>)> = reversed_events::table
        .inner_join(findings::table.on(findings::id.eq(reversed_events::finding)))
        .filter(reversed_events::event.eq(event.id.as_slice()))
        .select((findings::id, findings::source, findings::reason, findings::received_at))
        .first(&mut app.store.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    let Some((finding, source, reason, received_at)) = row else { return Ok(None) };
    let ViewEvent { content, relevance, .. } = *event;
    let (kind, partition, position) = (Kind::Reversal, -1, finding);
    let fate = follow(app, Counted { kind, content, relevance, partition, position }).await?;
    Ok(Some(Reversal { finding, source, reason, received_at, fate }))
}

/// The rule that gave a verdict, with its numbers.
fn reason(
    verdict: Verdict,
    event: &ViewEvent,
    received_at: DateTime<Utc>,
    config: &CountingConfig,
) -> String {
    let at = text::time_ms(event.at_ms);
    let late_ms = received_at.timestamp_millis().saturating_sub(event.at_ms);
    let window = |length_ms: i64| {
        let length_ms = length_ms.max(1);
        let start = event.at_ms.div_euclid(length_ms).saturating_mul(length_ms);
        let end = start.saturating_add(length_ms);
        format!("from {} to {}", text::time_ms(start), text::time_ms(end))
    };
    match verdict {
        Verdict::Counted => "it broke no rule".into(),
        Verdict::DuplicateId => {
            format!("an event with this id was counted less than {} s before", config.id_seconds.0)
        }
        Verdict::DuplicateView => format!(
            "a view of this content by this viewer was counted already in the window {}",
            window(config.view_window_seconds.millis())
        ),
        Verdict::UnknownContent => {
            format!("content {} had no slot in any shard when it was counted", event.content)
        }
        Verdict::Future => format!(
            "it is dated {at}, {} ms after it came in: at most {} s are accepted",
            late_ms.saturating_neg(),
            config.ahead_max_seconds.0
        ),
        Verdict::Stale => format!(
            "it is dated {at}, {late_ms} ms before it came in: at most {} s are accepted",
            config.age_max_seconds.0
        ),
        Verdict::TooShort => format!(
            "watched for {} ms: a view takes {} ms or more",
            event.watched_ms, config.watched_ms_min
        ),
        Verdict::ImpossibleRate => format!(
            "{} views of this viewer were counted already in the window {}: more are not believed",
            config.viewer_views_max,
            window(config.viewer_window_seconds.millis())
        ),
    }
}

impl fmt::Display for EventStory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Event {} (kept as {})", self.id, self.hash)?;
        for occurrence in &self.occurrences {
            write!(f, "\n{occurrence}")?;
        }
        if let Some(Reversal { finding, source, reason, received_at, fate }) = &self.reversal {
            let at = text::time(received_at);
            write!(f, "\n  reversed by finding {finding} of {source}, {at}: {reason}")?;
            match fate {
                Some(fate) => write!(f, "{fate}")?,
                None => write!(f, "\n    it is in no window yet")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { partition, position, number, source, content, watched_ms, .. } = self;
        let (at, relevance) = (text::time_ms(self.at_ms), text::percent(self.relevance));
        writeln!(
            f,
            "  came in {} from {source}: partition {partition}, position {position}, event {number}",
            text::time(&self.received_at)
        )?;
        writeln!(
            f,
            "    content {content} watched at {at} for {watched_ms} ms, relevance {relevance}"
        )?;
        write!(f, "    {}: {}", self.verdict.unwrap_or("not counted yet"), self.reason)?;
        match (&self.fate, self.verdict) {
            (Some(fate), _) => write!(f, "{fate}"),
            (None, Some("counted")) => write!(f, "\n    its window is not in this database"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Display for Fate {
    /// Each line starts anew.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { shard, content, creator, authority, window, plan, .. } = self;
        write!(
            f,
            "\n    slot {content} of shard {shard}, credits creator {shard}/{creator} ({authority})"
        )?;
        match plan {
            None => write!(f, "\n    window {window} waits to be settled")?,
            Some(plan) => write!(f, "\n    window {window} went into plan {plan}")?,
        }
        for Settled { sequence, payment, fee_share } in &self.batches {
            let Some(payment) = payment else {
                write!(f, "\n    batch {sequence} is not on the chain yet, or not indexed")?;
                continue;
            };
            let (views, worth) = (payment.views, payment.worth_of_a_view());
            write!(f, "\n{payment}")?;
            write!(
                f,
                "\n      this view is one of {views} in the entry, worth {worth} base units by itself"
            )?;
            if let Some(share) = fee_share {
                write!(f, "\n      fee of the batch: {share}")?;
            }
        }
        Ok(())
    }
}
