//! Measures what the project promises: `pixr-bench GROUP [PART]` prints a table and writes
//! `target/bench/GROUP.json`.

mod keeper;
mod media;
mod program;
mod report;

use std::process::ExitCode;

use pixr_keeper::store::embedded;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (group, part) = (arguments.next().unwrap_or_default(), arguments.next());
    let report = match group.as_str() {
        "program" => Ok(program::run()),
        "keeper" => keeper::run(part.as_deref()),
        "media" => media::run(part.as_deref()),
        // The private database starts this program again, to look after the server.
        embedded::SUBCOMMAND => {
            return if embedded::keep() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        _ => {
            eprintln!("pixr-bench: no group {group:?}: the groups are program, keeper, media");
            return ExitCode::from(2);
        }
    };
    match report.and_then(|report| Ok(report.publish(&group)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pixr-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether a part is to be measured; says so.
fn wanted(only: Option<&str>, part: &str) -> bool {
    let wanted = only.is_none_or(|only| only == part);
    if wanted {
        println!("{part}");
    }
    wanted
}
