//! `pixr migrate`.

use std::fmt;

use serde::Serialize;

use super::{context::Context, output};
use crate::store::{self, MigrationState, Pool, embedded::Embedded};

#[derive(clap::Args)]
pub struct Args {
    /// Take the last N migrations back; what their tables hold is lost
    #[arg(long, value_name = "N", conflicts_with = "status")]
    down: Option<usize>,
    /// Only show which migrations there are
    #[arg(long)]
    status: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    state: &'static str,
}

/// The migrations that there are, or those that ran.
#[derive(Serialize)]
struct Migrations {
    migrations: Vec<Row>,
}

impl fmt::Display for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.migrations.is_empty() {
            return f.write_str("The database is up to date.");
        }
        let mut table = output::table(&["migration", "state"], 2);
        for row in &self.migrations {
            table.add_row([&row.name, row.state]);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    let database = &context.config.database;
    let embedded = match &database.url {
        Some(_) => None,
        None => Some(Embedded::start(&database.server, &context.config.data.folder).await?),
    };
    let url = embedded.as_ref().map(Embedded::url).or(database.url.as_ref());
    let pool = store::pool(url.map_or("", |url| url.reveal()), 1)?;
    let done = work(&pool, args).await;
    pool.close();
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    context.show(&done?)
}

async fn work(pool: &Pool, args: Args) -> anyhow::Result<Migrations> {
    let rows = |names: Vec<String>, state| {
        names.into_iter().map(|name| Row { name, state }).collect::<Vec<_>>()
    };
    let migrations = match args {
        Args { status: true, .. } => store::migration_statuses(pool)
            .await?
            .into_iter()
            .map(|status| Row {
                name: status.name,
                state: match status.state {
                    MigrationState::Applied => "applied",
                    MigrationState::Pending => "pending",
                    MigrationState::Unknown => "of a later program",
                },
            })
            .collect(),
        Args { down: Some(count), .. } => rows(store::revert(pool, count).await?, "taken back"),
        Args { down: None, .. } => rows(store::migrate(pool).await?, "applied now"),
    };
    Ok(Migrations { migrations })
}
