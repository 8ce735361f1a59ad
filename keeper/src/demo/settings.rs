//! The demo's configuration: a file that every command can be given afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use toml::{Table, Value};

use super::{
    folder::Folder,
    summary::{Hint, Line},
};
use crate::config::{self, Config, Environment};

const FILE: &str = "pixr.toml";
const HEADER: &str = "# Made by `pixr demo`: with it, every command works on the demo's data.\n";

/// Writes the configuration file and reads it as every command does. The environment does not count:
/// a demo touches no database or chain that was meant for something else.
pub fn write(folder: &Folder, program: &Path) -> anyhow::Result<Config> {
    let program = program.canonicalize().with_context(|| {
        format!("--program {}: scripts/build-program makes it", program.display())
    })?;
    let mut file = Table::new();
    file.insert("data".into(), section([("folder", path(&folder.data())?)]));
    file.insert("chain".into(), section([("program", path(&program)?)]));
    // A demo is over in seconds.
    file.insert("market".into(), section([("history_seconds", Value::Integer(1))]));
    let name = folder.file(FILE);
    fs::write(&name, format!("{HEADER}\n{file}")).with_context(|| format!("{}", name.display()))?;
    Ok(config::load(Some(&name), &Environment::new())?)
}

fn section<const N: usize>(values: [(&str, Value); N]) -> Value {
    Value::Table(values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn path(path: &Path) -> anyhow::Result<Value> {
    let text = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(Value::String(text.to_owned()))
}

/// Commands on the demo's data, as they can be copied.
pub struct Commands {
    pixr: String,
    report: String,
}

impl Commands {
    /// Those of a folder.
    pub fn new(folder: &Folder) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|_| "pixr".into());
        Self {
            pixr: format!("{} --config {}", word(&near(program)), word(&near(folder.file(FILE)))),
            report: word(&near(folder.file(super::REPORT))),
        }
    }

    /// The command with these words after the program's name and options.
    pub fn of(&self, words: &str) -> String {
        format!("{} {words}", self.pixr)
    }

    /// What there is to try. `story` is what `explain` was asked.
    pub fn hints(&self, story: Option<&str>, first: Option<&Line>) -> Vec<Hint> {
        let hint = |what, words: &str| Hint { what, command: self.of(words) };
        let report = format!("xdg-open {}", self.report);
        let mut hints = vec![
            Hint { what: "Look at the report", command: report },
            hint("Check every balance again", "verify"),
        ];
        if let Some(story) = story {
            hints.push(hint("Follow one view to its payment", story));
        }
        if let Some(Line { number, .. }) = first {
            let words = format!("explain creator @{number}");
            hints.push(hint("See where the first creator's money comes from", &words));
            hints.push(hint("Withdraw some of it", &format!("withdraw @{number} 0.5")));
        }
        hints.push(hint("See whether all is well", "doctor"));
        hints.push(hint("Run the keeper and send it events of your own", "serve"));
        hints
    }
}

/// The path as it is seen from the current folder, where that is shorter.
fn near(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    match here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned)) {
        Some(inside) if inside.components().count() > 1 => inside,
        Some(inside) => Path::new(".").join(inside),
        None => path,
    }
}

/// A word as a shell reads it.
fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for text in ["/a/b-c.toml", "a b", "it's", "$HOME", "", "a;rm -rf", "é"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", word(Path::new(text)))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
