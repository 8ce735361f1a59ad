//! Measures what the project promises: `pixr-bench GROUP` prints a table and writes
//! `target/bench/GROUP.json`.

mod program;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let group = std::env::args().nth(1).unwrap_or_default();
    let report = match group.as_str() {
        "program" => program::run(),
        _ => {
            eprintln!("pixr-bench: no group {group:?}: the groups are program");
            return ExitCode::from(2);
        }
    };
    match report.publish(&group) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pixr-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
