//! The event log.

use super::{Checked, Finding, Trouble, parts::Parts};
use crate::{
    config::LogKind,
    log::{Partition, Position},
};

/// Whether the log answers. That it keeps what it accepts was looked at when it was opened.
pub async fn server(parts: &Parts) -> Checked {
    // What is wrong with one that is not there was found when it was to be opened.
    let Ok(log) = parts.log() else { return Ok(Vec::new()) };
    // Any batch will do, also one that is not there.
    if let Err(error) = log.batch(Partition(0), Position(1)).await {
        return Err(match parts.config.log.kind {
            LogKind::Redis => error.into(),
            LogKind::Postgres => Trouble::Failed {
                found: error.to_string(),
                advice: "it is in the database: see what was found there",
            },
        });
    }
    let found = match parts.config.log.kind {
        LogKind::Postgres => "it is in the database and answers".to_owned(),
        LogKind::Redis => format!(
            "Redis answers, writes every batch to disk first, drops none, and has {} partitions",
            log.partitions()
        ),
    };
    Ok(vec![Finding::ok("log", found)])
}
