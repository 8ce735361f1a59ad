//! `pixr reverse`.

use std::{
    fmt,
    io::{BufRead, Read},
    path::PathBuf,
};

use serde::Serialize;

use super::{bad, context::Context, input::Input, output};
use crate::{
    app::Ground,
    count::findings::{self, Finding, Outcome},
    ingest::findings::{FINDINGS_MAX, REASON_BYTES_MAX, parse},
    views::Hashes,
};

/// Longest line of a file: an id, its escapes and a time.
const LINE_BYTES_MAX: usize = 1_024;

#[derive(clap::Args)]
#[command(
    long_about = "Take counted views back that turned out to be fraud. The file has a JSON line for \
                  each event: `{\"id\": \"…\"}` with the source's id of the event, and `\"at\"` in \
                  Unix milliseconds to find it sooner; plain or compressed with gzip or zstd. An \
                  event is taken back once, and only while the log keeps it. What the views earned \
                  is taken off later earnings of their contents, never off a balance."
)]
pub struct Args {
    /// The file, or - for standard input
    file: PathBuf,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who found it
    #[arg(long, value_name = "NAME", default_value = "operator")]
    source: String,
}

#[derive(Default, Serialize)]
struct Answer {
    findings: Vec<i64>,
    reversed: u64,
    already_reversed: u64,
    not_counted: u64,
    pending: u64,
    unknown: u64,
}

impl Answer {
    fn add(&mut self, outcome: &Outcome) {
        self.findings.extend(outcome.finding);
        self.reversed += outcome.reversed;
        self.already_reversed += outcome.already_reversed;
        self.not_counted += outcome.not_counted;
        self.pending += outcome.pending;
        self.unknown += outcome.unknown;
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} taken back.", output::counted(self.reversed, "view"))?;
        for (count, what) in [
            (self.already_reversed, "taken back before"),
            (self.not_counted, "never counted"),
            (self.pending, "not counted yet: report them again later"),
            (self.unknown, "not in the log, or no longer"),
        ] {
            if count > 0 {
                write!(f, "\n{} {what}.", output::counted(count, "event"))?;
            }
        }
        Ok(())
    }
}

pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    if args.reason.is_empty() || args.reason.len() > REASON_BYTES_MAX {
        return Err(bad(format!("--reason: expected 1 to {REASON_BYTES_MAX} bytes")));
    }
    let work = async |ground: &Ground| {
        let hashes = Hashes::new(&ground.keys);
        let input = Input::open(&args.file)?;
        let shown = args.file.display().to_string();
        let all = tokio::task::spawn_blocking(move || read(input, &hashes)).await?;
        let all = all.map_err(|problem| bad(format!("{shown}: {problem}")))?;
        let mut answer = Answer::default();
        for events in all.chunks(FINDINGS_MAX) {
            let counting = &ground.config.counting;
            let (store, log) = (&ground.store, &*ground.log);
            let outcome =
                findings::report(store, log, counting, &args.source, &args.reason, events).await?;
            answer.add(&outcome);
        }
        Ok(answer)
    };
    context.show(&context.with_ground(work).await?)
}

/// Every finding of a file; none of a file that has a malformed line.
fn read(mut input: impl BufRead, hashes: &Hashes) -> Result<Vec<Finding>, String> {
    let mut all = Vec::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let most = u64::try_from(LINE_BYTES_MAX + 1).unwrap_or(u64::MAX);
        let read = input.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|error| error.to_string())? == 0 {
            break;
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(format!("line {number} is longer than {LINE_BYTES_MAX} bytes"));
        }
        let findings =
            parse(&line, hashes).map_err(|(_, reason)| format!("line {number}: {reason}"))?;
        all.extend(findings);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::KeysConfig, keys::Keys};

    #[test]
    fn reads_findings_and_names_the_line_that_is_malformed() {
        let data = tempfile::tempdir().unwrap();
        let hashes = Hashes::new(&Keys::load(&KeysConfig::default(), data.path()).unwrap());
        let good = "{\"id\":\"a\"}\n\n{\"id\":\"b\",\"at\":7}\n";
        let expected = [
            Finding { event: hashes.event(b"a"), at_ms: None },
            Finding { event: hashes.event(b"b"), at_ms: Some(7) },
        ];
        assert_eq!(read(good.as_bytes(), &hashes).unwrap(), expected);
        let bad = |text: &str| read(text.as_bytes(), &hashes).unwrap_err();
        assert!(bad(&format!("{good}{{\"event\":1}}\n")).starts_with("line 4: unknown field"));
        assert!(bad("{\"id\":\"\"}").starts_with("line 1: id: expected 1 to 64 bytes"));
        let long = format!("{{\"id\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(bad(&long), "line 1 is longer than 1024 bytes");
    }
}
