//! PostgreSQL: the pool, the tables, and the private server of a keeper without `DATABASE_URL`.

pub mod contents;
pub mod embedded;
mod holder;
pub mod leases;
mod migrations;
mod numbers;
pub mod schema;
#[cfg(test)]
mod tests;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, deadpool},
};
use futures::FutureExt;

pub use migrations::{
    MIGRATIONS, MigrationState, MigrationStatus, migrate, migration_statuses, require_current,
    revert,
};

pub use holder::hold;
pub use numbers::{loaded, loaded_index, stored, stored_index};

/// What every connection starts with. A keeper that stands still in the middle of a transaction, or
/// whose machine is gone, would hold its locks, and keep others from its leases, until somebody ends
/// it.
const SETUP: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// Connections to the database.
pub type Pool = deadpool::Pool<AsyncPgConnection>;
/// One of them, until it is dropped.
pub type Connection = deadpool::Object<AsyncPgConnection>;

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no connection to the database: {0}")]
    Connection(#[from] deadpool::PoolError),
    #[error("the database: {0}")]
    Query(#[from] diesel::result::Error),
    #[error("database migrations: {0}")]
    Migration(String),
    /// A later program has changed the layout.
    #[error("the database is newer than this program: it has migration {0}; use the later program")]
    Newer(String),
    /// Nobody may change the layout here, and it is not up to date.
    #[error("the database is older than this program: run `pixr migrate` (lacks {0})")]
    Older(String),
    /// What a row holds is not what this version writes.
    #[error("the database holds what cannot be: {0}")]
    Corrupt(String),
    /// Another keeper has taken over this work.
    #[error("the lease {0} has another owner")]
    LeaseLost(String),
}

/// At most `connections_max` connections to the database at `url`, opened when they are needed.
pub fn pool(url: &str, connections_max: usize) -> Result<Pool, StoreError> {
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(|url| connect(url).boxed());
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(url, config);
    Pool::builder(manager)
        .max_size(connections_max)
        .build()
        .map_err(|error| StoreError::Migration(error.to_string()))
}

async fn connect(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = AsyncPgConnection::establish(url).await?;
    connection.batch_execute(SETUP).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}
