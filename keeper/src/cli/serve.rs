//! `pixr serve` and `pixr settle`.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{context::Context, output, progress};
use crate::app::{
    Access, App, Identity,
    pass::{self, Pass},
    serve,
    signals::Signals,
};

/// Runs a keeper until SIGTERM or SIGINT; a second one stops it at once.
pub async fn run(context: Context) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let identity = Identity::take(&context.config.data.folder)?;
    let serve = async |app: &App| {
        let serving = serve::start(app, &identity).await?;
        // One task hears both signals: the first stops the parts, the second ends the stopping.
        let (first, asked) = tokio::sync::oneshot::channel();
        let (second, at_once) = tokio::sync::oneshot::channel();
        let listening = tokio::spawn(async move {
            signals.next().await;
            let _ = first.send(());
            signals.next().await;
            let _ = second.send(());
        });
        let ended = serving
            .supervisor
            .run(
                async {
                    let _ = asked.await;
                },
                async {
                    let _ = at_once.await;
                },
            )
            .await;
        listening.abort();
        Ok(ended?)
    };
    context.with_app(Access::ReadWrite, serve).await
}

/// What one pass settled.
#[derive(Serialize)]
pub struct Settled {
    batches: u64,
    credits: u64,
    views: u64,
    fees_lamports: u64,
    /// Events that did not count, by what is wrong with them.
    not_counted: BTreeMap<&'static str, u64>,
    /// Why a shard could not settle everything.
    blocked: Vec<Blocked>,
}

#[derive(Serialize)]
struct Blocked {
    shard: u32,
    reason: String,
}

impl Settled {
    pub fn of(pass: &Pass) -> Self {
        let totals = pass.settled.settled();
        let blocked = pass.settled.shards.iter().filter_map(|shard| {
            let blocked = shard.blocked.as_ref()?;
            Some(Blocked { shard: shard.shard, reason: blocked.to_string() })
        });
        Self {
            batches: totals.batches,
            credits: totals.credits,
            views: totals.views,
            fees_lamports: totals.fees_lamports,
            not_counted: pass.refused.iter().map(|(why, events)| (why.name(), *events)).collect(),
            blocked: blocked.collect(),
        }
    }

    /// Whether everything was settled.
    pub fn is_all(&self) -> bool {
        self.blocked.is_empty()
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { batches, credits, views, fees_lamports, not_counted, blocked } = self;
        let (views, credits) =
            (output::counted(*views, "view"), output::counted(*credits, "credit"));
        let (plural, fees) = (if *batches == 1 { "" } else { "es" }, output::sol(*fees_lamports));
        write!(f, "{views} settled: {credits} in {batches} batch{plural}, fees {fees}.")?;
        if !not_counted.is_empty() {
            let each = not_counted.iter();
            let each = each.map(|(why, events)| format!("{events} {}", why.replace('_', " ")));
            let each = each.collect::<Vec<_>>().join(", ");
            write!(f, "\nNot counted: {each}. `pixr explain event ID` tells why.")?;
        }
        for Blocked { shard, reason } in blocked {
            write!(f, "\nShard {shard} is not settled: {reason}")?;
        }
        Ok(())
    }
}

/// Counts, settles, indexes and publishes everything that waits.
pub async fn settle(context: Context) -> anyhow::Result<()> {
    let identity = Identity::take(&context.config.data.folder)?;
    let settle = async |app: &App| settle_all(&context, app, &identity).await;
    let settled = context.with_app(Access::ReadWrite, settle).await?;
    let all = settled.is_all();
    context.show(&settled)?;
    if all { Ok(()) } else { Err(super::NotWell.into()) }
}

/// One pass, with a bar that shows how much of the log waits to be counted.
pub async fn settle_all(
    context: &Context,
    app: &App,
    identity: &Identity,
) -> anyhow::Result<Settled> {
    let bar = progress::bar(context, 0, "batches of the log");
    let done = pass::settle_all(app, identity, |waiting| {
        let known = bar.length().unwrap_or_default().max(waiting);
        bar.set_length(known);
        bar.set_position(known.saturating_sub(waiting));
    })
    .await?;
    bar.finish_and_clear();
    Ok(Settled::of(&done))
}
