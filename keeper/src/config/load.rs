//! From a file and the environment to a [`Config`], or an error that names key, value and what is
//! accepted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::{Table, Value};
use url::Url;

use super::{Config, known};

/// Variables of the environment, and the key that each of them sets.
pub const VARIABLES: [(&str, &str); 15] = [
    ("SOLANA_RPC_URL", "chain.rpc_url"),
    ("SOLANA_WS_URL", "chain.ws_url"),
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "log.redis_url"),
    ("BATCH_SIZE", "settlement.batch_size"),
    ("BATCH_INTERVAL", "settlement.batch_interval_ms"),
    ("MIN_BATCH_AMOUNT", "settlement.min_batch_amount"),
    ("MASTER_SEED", "keys.master_seed"),
    ("TREASURY_PRIVATE_KEY", "keys.treasury"),
    ("KEEPER_PRIVATE_KEY", "keys.keeper"),
    ("AWS_REGION", "objects.aws_region"),
    ("S3_BUCKET", "objects.s3_bucket"),
    ("PIXR_DATA", "data.folder"),
    ("PIXR_MEDIA", "media.folder"),
    ("MEDIA_WORKERS", "media.workers"),
];

/// The variable that names the configuration file.
const FILE_VARIABLE: &str = "PIXR_CONFIG";
/// The file that is read when none is named.
const FILE_DEFAULT: &str = "pixr.toml";
/// Most characters of a value that an error repeats.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// Variables by name.
pub type Environment = BTreeMap<String, String>;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// The key, as in the file, with its variable; or the file.
    pub key: String,
    /// The value, where it is no secret, and what is accepted.
    pub problem: String,
}

impl ConfigError {
    /// `problem` with the value of `key`, which is named with its variable.
    pub(super) fn new(key: &str, problem: String) -> Self {
        let key = match known::variable(key) {
            Some(variable) => format!("{key} ({variable})"),
            None => key.to_owned(),
        };
        Self { key, problem }
    }

    /// `value`, which is no secret, is not what `key` accepts.
    pub(super) fn not_accepted(key: &str, value: &str, accepted: &str) -> Self {
        Self::new(key, format!("{value} is not accepted: expected {accepted}"))
    }

    /// The value of `key` is not accepted; it is shown where it is given.
    pub(super) fn unaccepted(key: &str, value: Option<&str>) -> Self {
        let accepted = known::accepted(key).unwrap_or_else(|| "another value".to_owned());
        match value {
            Some(value) => {
                Self::not_accepted(key, &shown(&Value::String(value.to_owned())), &accepted)
            }
            None => Self::not_accepted(key, "this value", &accepted),
        }
    }
}

/// Which file to read: `named` on the command line, else by `PIXR_CONFIG`, else `pixr.toml` in
/// `folder` if it is there.
pub fn locate(named: Option<PathBuf>, environment: &Environment, folder: &Path) -> Option<PathBuf> {
    let variable = || environment.get(FILE_VARIABLE).filter(|path| !path.is_empty());
    named.or_else(|| variable().map(PathBuf::from)).or_else(|| {
        let file = folder.join(FILE_DEFAULT);
        file.is_file().then_some(file)
    })
}

/// Reads `file`, if any, lets `environment` win, and checks the whole. A variable that is empty
/// counts as unset.
pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Config, ConfigError> {
    let mut tree = match file {
        Some(file) => read(file)?,
        None => Table::new(),
    };
    check_keys(&tree)?;
    for (variable, key) in VARIABLES {
        if let Some(text) = environment.get(variable).filter(|text| !text.is_empty()) {
            set(&mut tree, key, text)?;
        }
    }
    let config: Config = serde_path_to_error::deserialize(Value::Table(tree.clone()))
        .map_err(|error| refused(&tree, &error.path().to_string()))?;
    config.check()?;
    Ok(config)
}

fn read(file: &Path) -> Result<Table, ConfigError> {
    let problem = |problem| ConfigError { key: file.display().to_string(), problem };
    let text = std::fs::read_to_string(file).map_err(|error| problem(error.to_string()))?;
    text.parse().map_err(|error: toml::de::Error| {
        // The error's own text repeats the line, which can hold a secret.
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or(&text).matches('\n').count() + 1;
        let first = error.message().lines().next().unwrap_or("not TOML");
        problem(format!("line {line}: {first}"))
    })
}

/// Puts `text` where `key` is. A number becomes one; what is none is refused with the rest.
fn set(tree: &mut Table, key: &str, text: &str) -> Result<(), ConfigError> {
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let table = tree.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let table = table.as_table_mut().ok_or_else(|| ConfigError::unaccepted(section, None))?;
    let value = match text.trim().parse() {
        Ok(number) if known::is_number(key) => Value::Integer(number),
        _ => Value::String(text.to_owned()),
    };
    table.insert(name.to_owned(), value);
    Ok(())
}

/// Refuses keys that nothing reads, each with the nearest that is read.
fn check_keys(tree: &Table) -> Result<(), ConfigError> {
    let sections = known::sections();
    for (section, value) in tree {
        let Some((_, keys)) = sections.iter().find(|(name, _)| name == section) else {
            return Err(unknown(section, section, sections.iter().map(|(name, _)| *name)));
        };
        for (key, value) in value.as_table().into_iter().flatten() {
            let path = format!("{section}.{key}");
            if !keys.contains(&key.as_str()) {
                return Err(unknown(&path, key, keys.iter().copied()));
            }
            if path == "ingest.sources" {
                check_source_keys(value)?;
            }
            check_table_keys(&path, value)?;
        }
    }
    Ok(())
}

/// The same for tables within a section.
fn check_table_keys(path: &str, table: &Value) -> Result<(), ConfigError> {
    let Some(keys) = known::table_keys(path) else { return Ok(()) };
    for (key, value) in table.as_table().into_iter().flatten() {
        let path = format!("{path}.{key}");
        if !keys.contains(&key.as_str()) {
            return Err(unknown(&path, key, keys.iter().copied()));
        }
        check_table_keys(&path, value)?;
    }
    Ok(())
}

fn check_source_keys(sources: &Value) -> Result<(), ConfigError> {
    let known = known::source_keys();
    for (name, source) in sources.as_table().into_iter().flatten() {
        for (key, _) in source.as_table().into_iter().flatten() {
            if !known.contains(&key.as_str()) {
                let path = format!("ingest.sources.{name}.{key}");
                return Err(unknown(&path, key, known.iter().copied()));
            }
        }
    }
    Ok(())
}

fn unknown<'a>(path: &str, key: &str, known: impl Iterator<Item = &'a str>) -> ConfigError {
    let nearest = known
        .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)))
        .unwrap_or_default();
    ConfigError::new(path, format!("there is no such key; did you mean {nearest}?"))
}

/// The error for the value at `path`, which its type does not take.
fn refused(tree: &Table, path: &str) -> ConfigError {
    let value = path.split('.').try_fold(None, |value: Option<&Value>, name| {
        let table = value.map_or(Some(tree), Value::as_table);
        table.and_then(|table| table.get(name)).map(Some)
    });
    let accepted = known::accepted(path).unwrap_or_else(|| "another value".to_owned());
    let value = match value.flatten() {
        Some(value) if !known::is_secret(path) => shown(value),
        _ => "this value".to_owned(),
    };
    ConfigError::not_accepted(path, &value, &accepted)
}

/// A value for an error: cut short, and of a URL only what cannot be a key to its service.
fn shown(value: &Value) -> String {
    let text = match value.as_str().and_then(|text| Url::parse(text).ok()) {
        Some(url) => format!("\"{}://{}/…\"", url.scheme(), url.host_str().unwrap_or_default()),
        None => value.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
