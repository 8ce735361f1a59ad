//! The database's layout: forward, back, and whether it is the one that this program works with.

use diesel::{
    migration::{Migration, MigrationSource},
    pg::Pg,
    sql_query,
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Connection, Pool, StoreError};

/// Every migration, in order, each with the way back.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");

/// Key of the advisory lock under which the layout changes: "pixr" as a number.
const LOCK: i64 = 0x7069_7872;

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    Applied,
    Pending,
    /// Applied by a later program than this.
    Unknown,
}

/// A migration by name, or by version where this program does not know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    pub name: String,
    pub state: MigrationState,
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Migration(error.to_string())
}

fn known() -> Result<Vec<Box<dyn Migration<Pg>>>, StoreError> {
    let mut known = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(failed)?;
    known.sort_by_key(|migration| migration.name().version().as_owned());
    Ok(known)
}

type Harness = AsyncMigrationHarness<AsyncPgConnection>;

/// Runs `work` while no other process changes the layout.
async fn alone<T: Send + 'static>(
    pool: &Pool,
    work: impl FnOnce(&mut Harness) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    // Taken out of the pool: the lock ends with the connection, however the work ends.
    let mut connection = Connection::take(pool.get().await?);
    sql_query(format!("SELECT pg_advisory_lock({LOCK})")).execute(&mut connection).await?;
    tokio::task::spawn_blocking(move || work(&mut AsyncMigrationHarness::new(connection)))
        .await
        .map_err(failed)?
}

fn statuses(harness: &mut Harness) -> Result<Vec<MigrationStatus>, StoreError> {
    let applied = harness.applied_migrations().map_err(failed)?;
    let known = known()?;
    let unknown = applied
        .iter()
        .filter(|version| known.iter().all(|known| known.name().version() != **version))
        .map(|version| MigrationStatus {
            name: version.to_string(),
            state: MigrationState::Unknown,
        });
    let mut statuses: Vec<_> = known
        .iter()
        .map(|migration| MigrationStatus {
            name: migration.name().to_string(),
            state: if applied.contains(&migration.name().version()) {
                MigrationState::Applied
            } else {
                MigrationState::Pending
            },
        })
        .chain(unknown)
        .collect();
    statuses.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(statuses)
}

fn refuse_newer(statuses: &[MigrationStatus]) -> Result<(), StoreError> {
    match statuses.iter().find(|status| status.state == MigrationState::Unknown) {
        Some(status) => Err(StoreError::Newer(status.name.clone())),
        None => Ok(()),
    }
}

/// Every migration that this program or the database knows, in order.
pub async fn migration_statuses(pool: &Pool) -> Result<Vec<MigrationStatus>, StoreError> {
    alone(pool, statuses).await
}

/// Refuses a database that is not laid out for this program.
pub async fn require_current(pool: &Pool) -> Result<(), StoreError> {
    let statuses = migration_statuses(pool).await?;
    refuse_newer(&statuses)?;
    match statuses.iter().find(|status| status.state == MigrationState::Pending) {
        Some(status) => Err(StoreError::Older(status.name.clone())),
        None => Ok(()),
    }
}

/// Runs what is missing of [`MIGRATIONS`]; returns their names. A database that a later program has
/// changed is refused.
pub async fn migrate(pool: &Pool) -> Result<Vec<String>, StoreError> {
    alone(pool, |harness| {
        let statuses = statuses(harness)?;
        refuse_newer(&statuses)?;
        harness.run_pending_migrations(MIGRATIONS).map_err(failed)?;
        let pending = |status: &MigrationStatus| status.state == MigrationState::Pending;
        Ok(statuses.into_iter().filter(pending).map(|status| status.name).collect())
    })
    .await
}

/// Takes the last `count` migrations back, the latest first; returns their names. What their tables
/// hold is lost.
pub async fn revert(pool: &Pool, count: usize) -> Result<Vec<String>, StoreError> {
    alone(pool, move |harness| {
        let statuses = statuses(harness)?;
        refuse_newer(&statuses)?;
        let applied = |status: &&MigrationStatus| status.state == MigrationState::Applied;
        let names: Vec<_> = statuses.iter().rev().filter(applied).take(count).collect();
        for _ in &names {
            harness.revert_last_migration(MIGRATIONS).map_err(failed)?;
        }
        Ok(names.into_iter().map(|status| status.name.clone()).collect())
    })
    .await
}
