//! The PostgreSQL server that keepers and baselines share: the one that a keeper runs by itself.

use std::path::Path;

use anyhow::Context;
use pixr_keeper::store::embedded::Embedded;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Where Debian has PostgreSQL.
const INSTALLATION: &str = "/usr/lib/postgresql/15";

/// A running server.
pub struct Server {
    embedded: Embedded,
    _folder: TempDir,
}

impl Server {
    /// Starts one with nothing in it.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let embedded = Embedded::start(Path::new(INSTALLATION), folder.path()).await?;
        Ok(Self { embedded, _folder: folder })
    }

    /// A new database, as a URL.
    pub async fn database(&self, name: &str) -> anyhow::Result<String> {
        let url = self.embedded.url().reveal();
        let (base, _) = url.rsplit_once('/').context("the server's URL has no database")?;
        connect(url).await?.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        Ok(format!("{base}/{name}"))
    }

    /// Stops it.
    pub async fn stop(self) -> anyhow::Result<()> {
        Ok(self.embedded.stop().await?)
    }
}

/// A connection to a database.
pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("PostgreSQL")?;
    // Ends with the client; what goes wrong, the client says.
    tokio::spawn(connection);
    Ok(client)
}
