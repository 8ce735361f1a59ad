use std::process::ExitCode;

fn main() -> ExitCode {
    pixr_keeper::cli::main()
}
