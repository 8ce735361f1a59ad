//! `pixr ingest`.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use serde::Serialize;

use super::{
    NotWell, bad,
    context::Context,
    input::Input,
    output, progress,
    serve::{self, Settled},
};
use crate::{
    app::{
        Access, App, Ground, Identity,
        import::{self, Imported},
    },
    log::EventLog,
    views::Hashes,
};

#[derive(clap::Args)]
#[command(
    long_about = "Take view events from a file: JSON lines or the compact binary form, plain or \
                  compressed with gzip or zstd. They are durable when this ends; the keeper counts \
                  and settles them. Events count once by their ids, so the same command can be \
                  repeated after an interruption.",
    after_long_help = "A line: {\"id\":\"e-1\",\"content\":\"clip-1\",\"viewer\":\"v-9\",\
                       \"at\":\"2026-11-21T20:00:00Z\",\"watched_ms\":31000,\"relevance\":9500}\n\
                       with `at` as RFC 3339 or in Unix milliseconds, and relevance in basis points."
)]
pub struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    /// In whose name the events come
    #[arg(long, value_name = "NAME", default_value = "file")]
    source: String,
    /// Take nothing of a file that has malformed events
    #[arg(long)]
    strict: bool,
    /// Count, settle, index and publish them at once
    #[arg(long)]
    settle: bool,
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    imported: Imported,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<Settled>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Imported { accepted, malformed, .. } = self.imported;
        write!(f, "{} taken.", output::counted(accepted, "event"))?;
        if malformed > 0 {
            write!(f, " {}", malformed_lines(&self.imported))?;
        }
        match &self.settled {
            Some(settled) => write!(f, "\n{settled}"),
            None => Ok(()),
        }
    }
}

/// The malformed lines that are named, one below the other.
fn malformed_lines(imported: &Imported) -> String {
    let count = output::counted(imported.malformed, "malformed line");
    let lines = imported.malformed_lines.iter().map(|it| format!("\n  {}: {}", it.line, it.reason));
    format!("{count} left out:{}", lines.collect::<String>())
}

pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    if args.source.is_empty() {
        return Err(bad("--source: expected a name"));
    }
    let answer = if args.settle {
        let identity = Identity::take(&context.config.data.folder)?;
        let work = async |app: &App| {
            let imported = take(&context, &args, &*app.log, &Hashes::new(&app.keys)).await?;
            let settled = Some(serve::settle_all(&context, app, &identity).await?);
            Ok(Answer { imported, settled })
        };
        context.with_app(Access::ReadWrite, work).await?
    } else {
        let work = async |ground: &Ground| {
            let hashes = Hashes::new(&ground.keys);
            let imported = take(&context, &args, &*ground.log, &hashes).await?;
            Ok(Answer { imported, settled: None })
        };
        context.with_ground(work).await?
    };
    let well = answer.settled.as_ref().is_none_or(Settled::is_all);
    context.show(&answer)?;
    if well { Ok(()) } else { Err(NotWell.into()) }
}

async fn take(
    context: &Context,
    args: &Args,
    log: &dyn EventLog,
    hashes: &Hashes,
) -> anyhow::Result<Imported> {
    if args.strict {
        refuse_malformed(&args.file, hashes).await?;
    }
    let input = Input::open(&args.file)?;
    let bar = progress::bytes(context, input.bytes());
    let position = input.position();
    let progress = |events| {
        bar.set_position(position.load(Ordering::Relaxed));
        bar.set_message(output::counted(events, "event"));
    };
    let imported = import::import(input, &args.source, log, hashes, progress).await?;
    bar.finish_and_clear();
    Ok(imported)
}

/// Reads the whole file before anything is taken.
async fn refuse_malformed(file: &Path, hashes: &Hashes) -> anyhow::Result<()> {
    if file == Path::new("-") {
        return Err(bad("--strict reads a file twice, so it cannot be standard input"));
    }
    let (input, hashes) = (Input::open(file)?, hashes.clone());
    let found = tokio::task::spawn_blocking(move || import::look(input, &hashes)).await??;
    match found.malformed_lines.first() {
        None => Ok(()),
        Some(first) => Err(bad(format!(
            "{}: nothing was taken: {}, the first is line {}: {}",
            file.display(),
            output::counted(found.malformed, "malformed line"),
            first.line,
            first.reason
        ))),
    }
}
