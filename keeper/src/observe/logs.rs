//! Structured logs on standard error. Secrets have a type that does not show them.

use std::{
    env,
    io::{self, IsTerminal},
};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogFormat, ObserveConfig};

/// Logs from now on, as `config` says; a process can do this once, later calls change nothing.
pub fn start(config: &ObserveConfig) {
    // Directives were checked with the configuration; one that is wrong is left out here.
    let filter = EnvFilter::builder().parse_lossy(&config.log_level);
    // Colours are for people; in a file or a pipe they are in the way.
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = io::stderr().is_terminal() && !plain;
    let subscriber = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    let _set_before = match config.log_format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
}
