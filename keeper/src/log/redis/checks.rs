//! Whether a Redis server keeps what it has acknowledged.

use std::collections::HashMap;

use anyhow::anyhow;
use redis::{aio::ConnectionManager, cmd};

use crate::log::LogError;

/// Refuses a server that answers before a batch is on its disk, or that may drop streams.
pub async fn durable(connection: &mut ConnectionManager) -> Result<(), LogError> {
    let settings: HashMap<String, String> = cmd("CONFIG")
        .arg("GET")
        .arg(&["appendonly", "appendfsync", "maxmemory-policy"])
        .query_async(connection)
        .await
        .map_err(|error| match super::failed(error) {
            LogError::Refused(reason) => LogError::Refused(
                reason.context("Redis does not tell its settings; allow the command CONFIG GET"),
            ),
            other => other,
        })?;
    let setting = |name| settings.get(name).map_or("(unset)", String::as_str);
    for (name, needed) in [("appendonly", "yes"), ("appendfsync", "always")] {
        if setting(name) != needed {
            let found = setting(name);
            return Err(LogError::Refused(anyhow!(
                "Redis has {name} {found}, and could lose events that were accepted: set {name} \
                 {needed}"
            )));
        }
    }
    let policy = setting("maxmemory-policy");
    if policy.starts_with("allkeys-") {
        return Err(LogError::Refused(anyhow!(
            "Redis has maxmemory-policy {policy}, and could drop events that were accepted: set \
             maxmemory-policy noeviction"
        )));
    }
    Ok(())
}
