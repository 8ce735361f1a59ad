//! Command lines that say nothing that can be done.

use std::process::ExitCode;

use clap::error::ErrorKind;

use super::{BAD_INPUT, complain};

/// Shows the help that was asked for, or says in one line what is wrong with the command line.
pub fn answer(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Whoever reads has seen enough, as `head` has.
            let _unheard = error.print();
            ExitCode::SUCCESS
        }
        // A command without its subcommand is answered with what there is.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _unheard = error.print();
            BAD_INPUT.into()
        }
        _ => {
            complain(&one_line(&error.to_string()));
            BAD_INPUT.into()
        }
    }
}

/// What is wrong, tips and usage, on one line.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    let parts = text.lines().map(str::trim).filter(|part| !part.is_empty());
    for part in parts.filter(|part| !part.starts_with("For more information")) {
        let part = part.strip_prefix("error: ").unwrap_or(part);
        let part = part.replacen("Usage:", "usage:", 1);
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(&part);
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    fn refusal(words: &[&str]) -> String {
        let words = ["pixr"].iter().chain(words);
        one_line(&Cli::try_parse_from(words).err().expect("bad words").to_string())
    }

    #[test]
    fn what_is_wrong_is_one_line() {
        assert_eq!(
            refusal(&["withdrawal", "list"]),
            "the following required arguments were not provided: <CREATOR>; \
             usage: pixr withdrawal list <CREATOR>"
        );
        assert_eq!(
            refusal(&["fund", "0", "10"]),
            "unexpected argument '10' found; usage: pixr fund [OPTIONS] <AMOUNT>"
        );
        let mistyped = refusal(&["serv"]);
        assert!(mistyped.contains("a similar subcommand exists: 'serve'"), "{mistyped}");
        let number = refusal(&["demo", "--count", "many"]);
        assert!(number.starts_with("invalid value 'many' for '--count <N>': "), "{number}");
    }

    #[test]
    fn everything_that_can_be_given_is_explained() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            let name = command.get_name().to_owned();
            if command.is_hide_set() {
                continue;
            }
            assert!(command.get_about().is_some(), "{name} has no help");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} of {name}", argument.get_id());
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
