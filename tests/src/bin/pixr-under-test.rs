//! `pixr` with its fail points armed: tests start it and kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    pixr_keeper::cli::main()
}
