//! What every command has: the configuration, and how to answer.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
};

use serde::Serialize;

use crate::{
    app::{Access, App, Foundation, Ground},
    config::{self, Config, Environment},
    observe,
};

/// The configuration and the flags that all commands share.
pub struct Context {
    pub config: Config,
    json: bool,
}

impl Context {
    /// Reads the configuration, and logs from now on, as `log` says where it is given.
    pub fn new(file: Option<PathBuf>, json: bool, log: Option<String>) -> anyhow::Result<Self> {
        let environment: Environment = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let file = config::locate(file, &environment, &env::current_dir()?);
        let mut config = config::load(file.as_deref(), &environment)?;
        if let Some(log) = log {
            config.observe.log_level = log;
            config.check()?;
        }
        observe::logs::start(&config.observe);
        Ok(Self { config, json })
    }

    /// Shows the answer.
    pub fn show<T: Serialize + std::fmt::Display>(&self, answer: &T) -> anyhow::Result<()> {
        let text =
            if self.json { serde_json::to_string_pretty(answer)? } else { answer.to_string() };
        match writeln!(io::stdout(), "{text}") {
            // Whoever reads has seen enough, as `head` has.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    /// Whether people read along: progress is shown to them alone.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Opens keys, database and log, runs `work` and closes them again: beside a keeper that runs, too.
    pub async fn with_ground<T>(
        &self,
        work: impl AsyncFnOnce(&Ground) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let ground = Ground::open(self.config.clone(), Access::ReadWrite).await?;
        let done = work(&ground).await;
        ground.close().await?;
        done
    }

    /// Opens everything but the platform, runs `work` and closes it again.
    pub async fn with_foundation<T>(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&Foundation) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let foundation = Foundation::open(self.config.clone(), access).await?;
        let done = work(&foundation).await;
        foundation.close().await?;
        done
    }

    /// Opens a keeper of the platform, runs `work` and closes it again.
    pub async fn with_app<T>(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&App) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.with_foundation(access, async |foundation| work(&foundation.app().await?).await).await
    }
}
