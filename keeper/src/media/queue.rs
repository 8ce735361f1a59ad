//! Who works on which job.
//!
//! Time is the database's. A lease that expired while nobody else took the job is still its owner's:
//! what protects a content is the check of owner and epoch in the transaction that ends the job.

use std::time::Duration;

use diesel::{
    OptionalExtension, QueryableByName,
    result::{DatabaseErrorKind, Error as DieselError},
    sql_query,
    sql_types::{BigInt, Binary, Integer, Nullable, Text},
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use pixr_media::Hash;

use super::{JobId, Media, UpgradeError, loaded_hash, plans, plans::StoredPlan, run::Seen};
use crate::store::{StoreError, contents::Slot, stored};

/// A job that this process carries out until another one takes it, or somebody cancels it.
#[derive(Clone, Debug)]
pub struct Lease {
    pub id: JobId,
    pub plan: StoredPlan,
    pub attempts: i32,
    owner: String,
    /// Higher for every new owner.
    epoch: i64,
}

#[derive(QueryableByName)]
struct Leased {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Binary)]
    plan: Vec<u8>,
}

/// What became of a part of a job's work.
pub enum End<'a> {
    /// Somebody asked this process to stop: the next one goes on.
    Released,
    /// It may succeed after `wait`.
    Again {
        error: &'a str,
        wait: Duration,
    },
    Failed {
        error: &'a str,
    },
}

/// What a finished job leaves.
pub struct Made {
    pub source: Hash,
    /// The manifest that it adds to.
    pub previous: Option<Hash>,
    pub manifest: Hash,
    pub quality_bps: u16,
    /// Frames that were encoded for it.
    pub frames: u64,
}

/// Milliseconds of a duration, as PostgreSQL takes them.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Media {
    /// Takes the first job that is due, or whose owner was not heard of for too long; `only` that one
    /// where it is given. None while there is no such job.
    pub(super) async fn lease(
        &self,
        owner: &str,
        folder: &str,
        only: Option<JobId>,
    ) -> Result<Option<Lease>, UpgradeError> {
        // Two that look at the same time can both find a job of a content that has none running: the
        // index lets one of them have it.
        const LEASE: &str = "
            UPDATE media_jobs SET
                state = 'running', owner = $1, folder = $2, epoch = epoch + 1,
                attempts = attempts + 1, stage = 'preparing', heartbeat_at = clock_timestamp(),
                lease_expires_at = clock_timestamp() + $3 * INTERVAL '1 millisecond',
                started_at = coalesce(started_at, clock_timestamp())
            WHERE id = (
                SELECT id FROM media_jobs AS next
                WHERE ($4 IS NULL OR id = $4) AND (
                    state = 'queued' AND due_at <= clock_timestamp() AND NOT EXISTS (
                        SELECT FROM media_jobs AS other
                        WHERE other.shard = next.shard AND other.content = next.content
                            AND other.state = 'running'
                    )
                    OR state = 'running' AND lease_expires_at <= clock_timestamp()
                )
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING id, epoch, attempts, shard, content, plan";

        let lasts = self.config.lease_seconds.duration();
        self.give_up().await?;
        let leased: Result<Option<Leased>, _> = sql_query(LEASE)
            .bind::<Text, _>(owner)
            .bind::<Text, _>(folder)
            .bind::<BigInt, _>(millis(lasts))
            .bind::<Nullable<BigInt>, _>(only)
            .get_result(&mut self.pool.get().await.map_err(StoreError::from)?)
            .await
            .optional();
        let leased = match leased {
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => None,
            leased => leased?,
        };
        let Some(leased) = leased else { return Ok(None) };
        let slot = Slot::loaded((leased.shard, leased.content))?;
        let plan = plans::find(&self.pool, slot, loaded_hash(leased.plan)?).await?;
        let Leased { id, epoch, attempts, .. } = leased;
        Ok(Some(Lease { id, plan, attempts, owner: owner.into(), epoch }))
    }

    /// Fails jobs that were started as often as a job may be, and whose owner is gone: they may be
    /// what ends their owners.
    async fn give_up(&self) -> Result<(), UpgradeError> {
        const GIVE_UP: &str = "
            UPDATE media_jobs SET state = 'failed', finished_at = clock_timestamp(),
                error = 'its worker was lost ' || attempts || ' times'
            WHERE state = 'running' AND lease_expires_at <= clock_timestamp() AND attempts >= $1";

        sql_query(GIVE_UP)
            .bind::<Integer, _>(i32::from(self.config.attempts_max))
            .execute(&mut self.pool.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(())
    }

    /// Extends a lease and says how far the job is. False once it is no longer ours to do.
    pub(super) async fn beat(&self, lease: &Lease, seen: &Seen) -> Result<bool, UpgradeError> {
        const BEAT: &str = "
            UPDATE media_jobs SET stage = $4, frames_done = $5, heartbeat_at = clock_timestamp(),
                lease_expires_at = clock_timestamp() + $6 * INTERVAL '1 millisecond'
            WHERE id = $1 AND owner = $2 AND epoch = $3 AND state = 'running'";

        let beaten = sql_query(BEAT)
            .bind::<BigInt, _>(lease.id)
            .bind::<Text, _>(&lease.owner)
            .bind::<BigInt, _>(lease.epoch)
            .bind::<Text, _>(seen.stage())
            .bind::<BigInt, _>(stored(seen.frames_done())?)
            .bind::<BigInt, _>(millis(self.config.lease_seconds.duration()))
            .execute(&mut self.pool.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(beaten == 1)
    }

    /// Ends our part in a job that is not done. False when it was no longer ours.
    pub(super) async fn end(&self, lease: &Lease, end: End<'_>) -> Result<bool, UpgradeError> {
        const END: &str = "
            UPDATE media_jobs SET state = $4, error = coalesce($5, error), stage = 'waiting',
                attempts = attempts - $6, lease_expires_at = NULL,
                due_at = clock_timestamp() + $7 * INTERVAL '1 millisecond',
                finished_at = CASE WHEN $4 = 'failed' THEN clock_timestamp() END
            WHERE id = $1 AND owner = $2 AND epoch = $3 AND state = 'running'";

        let (state, error, uncounted, wait) = match end {
            End::Released => ("queued", None, 1, Duration::ZERO),
            End::Again { error, wait } => ("queued", Some(error), 0, wait),
            End::Failed { error } => ("failed", Some(error), 0, Duration::ZERO),
        };
        let ended = sql_query(END)
            .bind::<BigInt, _>(lease.id)
            .bind::<Text, _>(&lease.owner)
            .bind::<BigInt, _>(lease.epoch)
            .bind::<Text, _>(state)
            .bind::<Nullable<Text>, _>(error)
            .bind::<Integer, _>(uncounted)
            .bind::<BigInt, _>(millis(wait))
            .execute(&mut self.pool.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(ended == 1)
    }

    /// Ends a job, and gives its content what was made, in one transaction. False when the job is no
    /// longer ours, or its content has something else by now than the job has added to.
    pub(super) async fn finish(&self, lease: &Lease, made: &Made) -> Result<bool, UpgradeError> {
        const DONE: &str = "
            UPDATE media_jobs SET state = 'done', stage = 'done', error = NULL,
                frames_done = frames_total, manifest_hash = $4, quality_bps = $5,
                lease_expires_at = NULL, finished_at = clock_timestamp()
            WHERE id = $1 AND owner = $2 AND epoch = $3 AND state = 'running'";
        const HAS: &str = "
            UPDATE media_sources SET manifest_hash = $1, updated_at = clock_timestamp()
            WHERE shard = $2 AND content = $3 AND source_hash = $4
                AND manifest_hash IS NOT DISTINCT FROM $5";

        let (shard, content) = lease.plan.slot.stored()?;
        let manifest = made.manifest.to_bytes();
        let previous = made.previous.map(Hash::to_bytes);
        let mut connection = self.pool.get().await.map_err(StoreError::from)?;
        let finished = connection
            .transaction(async |connection| {
                let done = sql_query(DONE)
                    .bind::<BigInt, _>(lease.id)
                    .bind::<Text, _>(&lease.owner)
                    .bind::<BigInt, _>(lease.epoch)
                    .bind::<Binary, _>(manifest.as_slice())
                    .bind::<Integer, _>(i32::from(made.quality_bps))
                    .execute(connection)
                    .await?;
                let has = sql_query(HAS)
                    .bind::<Binary, _>(manifest.as_slice())
                    .bind::<Integer, _>(shard)
                    .bind::<Integer, _>(content)
                    .bind::<Binary, _>(made.source.to_bytes().as_slice())
                    .bind::<Nullable<Binary>, _>(previous.as_ref().map(<[u8; 32]>::as_slice))
                    .execute(connection)
                    .await?;
                // Both, or neither.
                if (done, has) == (1, 1) { Ok(()) } else { Err(DieselError::RollbackTransaction) }
            })
            .await;
        match finished {
            Err(DieselError::RollbackTransaction) => Ok(false),
            finished => Ok(finished.map(|()| true)?),
        }
    }
}
