//! `pixr market`: what contents are worth, and what rounds promise.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{amount::Amount, bad, context::Context, output};
use crate::{
    app::{Access, App, Ledger},
    market::{self, Opportunity, Point, Priced, Ranked, Totals},
    store::contents,
    views::ContentId,
};

/// Millionths in one.
const MICRO: u64 = 1_000_000;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show what all contents together are worth, and how that went
    Show(LimitArgs),
    /// Show what a content is worth, and how that went
    Content {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        id: ContentId,
        #[command(flatten)]
        limit: LimitArgs,
    },
    /// List rounds that take investments, the best expected return first
    Opportunities,
    /// List contents in the order in which to show them, with the weight of promotions
    Ranking(LimitArgs),
}

#[derive(clap::Args)]
pub struct LimitArgs {
    /// How many lines
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    top: u16,
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    let access = Access::ReadOnly;
    match command {
        Command::Show(limit) => {
            let show = async |app: &App| {
                Ok(Shown {
                    totals: market::totals(&app.store, limit.top.into()).await?,
                    decimals: decimals(app).await?,
                })
            };
            context.show(&context.with_app(access, show).await?)
        }
        Command::Content { id, limit } => {
            let show = async |app: &App| one(app, id, limit.top.into()).await;
            context.show(&context.with_app(access, show).await?)
        }
        Command::Opportunities => {
            let list = async |app: &App| {
                let opportunities = market::opportunities(app, Utc::now()).await?;
                Ok(Opportunities { opportunities, decimals: decimals(app).await? })
            };
            context.show(&context.with_app(access, list).await?)
        }
        Command::Ranking(limit) => {
            let list = async |app: &App| {
                let ranking = market::ranking(&app.store, Utc::now(), limit.top.into()).await?;
                Ok(Ranking { ranking })
            };
            context.show(&context.with_app(access, list).await?)
        }
    }
}

async fn decimals(app: &App) -> anyhow::Result<u8> {
    Ok(Ledger::finalized(app).mint().await?.decimals)
}

async fn one(app: &App, id: ContentId, limit: i64) -> anyhow::Result<Content> {
    let slot = contents::find(&app.store, id).await?;
    let slot = slot.ok_or_else(|| bad(format!("no shard has the content {id}")))?;
    let (shard, content) = slot.stored()?;
    Ok(Content {
        content: id.to_string(),
        now: market::content(&app.store, shard, content).await?,
        history: market::history(&app.store, shard, content, limit).await?,
        decimals: decimals(app).await?,
    })
}

/// Base units as they are stored.
fn amount(base_units: i64, decimals: u8) -> Amount {
    Amount::new(u64::try_from(base_units).unwrap_or(0), decimals)
}

/// Whole views a day.
fn views(interest: i64) -> String {
    (u64::try_from(interest).unwrap_or(0) / MICRO).to_string()
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[derive(Serialize)]
struct Shown {
    totals: Vec<Totals>,
    #[serde(skip)]
    decimals: u8,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.totals.is_empty() {
            return f.write_str(NOTHING);
        }
        let mut table = output::table(&["at", "contents", "views a day", "invested", "worth"], 1);
        for row in &self.totals {
            table.add_row([
                time(row.at),
                row.contents.to_string(),
                views(row.interest),
                amount(row.invested, self.decimals).to_string(),
                amount(row.value, self.decimals).to_string(),
            ]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

/// What is said before anything happened.
const NOTHING: &str = "Nothing is valued yet: `pixr serve` does it once views are settled.";

#[derive(Serialize)]
struct Content {
    content: String,
    now: Option<Priced>,
    history: Vec<Point>,
    #[serde(skip)]
    decimals: u8,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Some(now) = &self.now else { return f.write_str(NOTHING) };
        let tokens = |base_units| format!("{} tokens", amount(base_units, self.decimals));
        let earnings = Amount::new(now.earnings(), self.decimals);
        let pairs = output::pairs([
            ("content", self.content.clone()),
            ("worth", tokens(now.value)),
            ("views a day", views(now.interest)),
            ("earns a day", format!("{earnings} tokens")),
            ("quality", format!("{} basis points", now.quality)),
            ("creator's record", format!("{} basis points", now.record_bps)),
            ("invested", tokens(now.invested)),
        ]);
        write!(f, "{}\n\n", pairs.trim_fmt())?;
        let mut table = output::table(&["at", "views a day", "quality", "invested", "worth"], 1);
        for row in &self.history {
            table.add_row([
                time(row.at),
                views(row.interest),
                row.quality.to_string(),
                amount(row.invested, self.decimals).to_string(),
                amount(row.value, self.decimals).to_string(),
            ]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

#[derive(Serialize)]
struct Opportunities {
    opportunities: Vec<Opportunity>,
    #[serde(skip)]
    decimals: u8,
}

impl fmt::Display for Opportunities {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.opportunities.is_empty() {
            return f.write_str("No round takes investments now: see `pixr round open`.");
        }
        let header =
            ["round", "content", "for", "until", "still needs", "returns", "from", "to", "of 100"];
        let mut table = output::table(&header, 4);
        let amount = |base_units| Amount::new(base_units, self.decimals).to_string();
        for it in &self.opportunities {
            table.add_row([
                it.round.to_string(),
                it.content.to_string(),
                it.kind.to_owned(),
                time(it.deadline),
                amount(it.target.saturating_sub(it.raised)),
                amount(it.expected),
                amount(it.low),
                amount(it.high),
                (it.return_bps / 100).to_string(),
            ]);
        }
        let text = "\n\nWhat is expected, and how far off it can be, rests on assumptions: --json \
                    shows them for each round. Nothing is promised.";
        write!(f, "{}{text}", table.trim_fmt())
    }
}

#[derive(Serialize)]
struct Ranking {
    ranking: Vec<Ranked>,
}

impl fmt::Display for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.ranking.is_empty() {
            return f.write_str(NOTHING);
        }
        let mut table = output::table(&["content", "views a day", "weight", "score"], 1);
        for row in &self.ranking {
            table.add_row([
                row.content.to_string(),
                (row.interest / MICRO).to_string(),
                row.weight_bps.to_string(),
                (row.score / MICRO).to_string(),
            ]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}
