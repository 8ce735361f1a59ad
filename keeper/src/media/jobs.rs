//! Jobs as everybody sees them: asked for, listed, cancelled, and done.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryDsl, Queryable, QueryableByName, Selectable, SelectableHelper,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Binary, Integer, Nullable, Text},
};
use diesel_async::RunQueryDsl;
use pixr_media::Hash;
use serde::Serialize;

use super::{UpgradeError, loaded_bps, loaded_hash, plans};
use crate::store::{Pool, StoreError, contents::Slot, loaded, schema::media_jobs, stored};

/// Names a job.
pub type JobId = i64;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// As it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn loaded(name: &str) -> Result<Self, StoreError> {
        let state = Self::ALL.into_iter().find(|state| state.name() == name);
        state.ok_or_else(|| StoreError::Corrupt(format!("no state {name}")))
    }

    /// Whether something will still happen.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    pub id: JobId,
    #[serde(flatten)]
    pub slot: Slot,
    pub plan: Hash,
    /// Address of the round that pays for it.
    pub round: Option<String>,
    pub state: JobState,
    pub stage: String,
    pub attempts: i32,
    pub frames_done: u64,
    pub frames_total: u64,
    /// Why it failed, or was tried again.
    pub error: Option<String>,
    pub manifest: Option<Hash>,
    pub quality_bps: Option<u16>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub heartbeat_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = media_jobs)]
struct Row {
    id: i64,
    shard: i32,
    content: i32,
    plan: Vec<u8>,
    round: Option<String>,
    state: String,
    stage: String,
    attempts: i32,
    frames_done: i64,
    frames_total: i64,
    error: Option<String>,
    manifest_hash: Option<Vec<u8>>,
    quality_bps: Option<i32>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    heartbeat_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Job {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            slot: Slot::loaded((row.shard, row.content))?,
            plan: loaded_hash(row.plan)?,
            round: row.round,
            state: JobState::loaded(&row.state)?,
            stage: row.stage,
            attempts: row.attempts,
            frames_done: loaded(row.frames_done)?,
            frames_total: loaded(row.frames_total)?,
            error: row.error,
            manifest: row.manifest_hash.map(loaded_hash).transpose()?,
            quality_bps: row.quality_bps.map(loaded_bps).transpose()?,
            created_at: row.created_at,
            started_at: row.started_at,
            heartbeat_at: row.heartbeat_at,
            finished_at: row.finished_at,
        })
    }
}

/// Asks for a plan to be carried out. What is asked for already is not asked for again: the answer is
/// the job that is live, or the one that is done for this round.
///
/// # Errors
/// There is no such plan, or it has no work in it.
pub async fn enqueue(
    pool: &Pool,
    slot: Slot,
    plan: Hash,
    round: Option<&str>,
) -> Result<JobId, UpgradeError> {
    // The update changes nothing: it is there so that the row is returned.
    const ENQUEUE: &str = "
        INSERT INTO media_jobs AS known (shard, content, plan, round, frames_total)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (shard, content, plan, coalesce(round, ''))
            WHERE state IN ('queued', 'running') OR (state = 'done' AND round IS NOT NULL)
        DO UPDATE SET round = known.round
        RETURNING id";

    let planned = plans::find(pool, slot, plan).await?;
    if planned.plan.is_empty() {
        return Err(UpgradeError::Nothing(slot));
    }
    let (shard, content) = slot.stored()?;
    let Id { id } = sql_query(ENQUEUE)
        .bind::<Integer, _>(shard)
        .bind::<Integer, _>(content)
        .bind::<Binary, _>(plan.to_bytes().as_slice())
        .bind::<Nullable<Text>, _>(round)
        .bind::<BigInt, _>(stored(planned.plan.frames())?)
        .get_result(&mut pool.get().await.map_err(StoreError::from)?)
        .await?;
    Ok(id)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The job `id`.
///
/// # Errors
/// There is none.
pub async fn get(pool: &Pool, id: JobId) -> Result<Job, UpgradeError> {
    let row: Option<Row> = media_jobs::table
        .find(id)
        .select(Row::as_select())
        .first(&mut pool.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    Ok(row.ok_or(UpgradeError::NoJob(id))?.try_into()?)
}

/// The last `count` jobs, the latest first; those of one content where `slot` names it.
///
/// # Errors
/// The database does not answer.
pub async fn list(pool: &Pool, slot: Option<Slot>, count: u32) -> Result<Vec<Job>, UpgradeError> {
    let mut query = media_jobs::table.select(Row::as_select()).into_boxed();
    if let Some(slot) = slot {
        let (shard, content) = slot.stored()?;
        query = query.filter(media_jobs::shard.eq(shard)).filter(media_jobs::content.eq(content));
    }
    let rows: Vec<Row> = query
        .order(media_jobs::id.desc())
        .limit(count.into())
        .load(&mut pool.get().await.map_err(StoreError::from)?)
        .await?;
    Ok(rows.into_iter().map(Job::try_from).collect::<Result<_, _>>()?)
}

/// Cancels a job that is queued or running. Whoever is at it stops at its next heartbeat.
///
/// # Errors
/// There is no such job, or it has ended.
pub async fn cancel(pool: &Pool, id: JobId) -> Result<(), UpgradeError> {
    const CANCEL: &str = "
        UPDATE media_jobs SET state = 'cancelled', finished_at = clock_timestamp()
        WHERE id = $1 AND state IN ('queued', 'running')";

    let cancelled = sql_query(CANCEL)
        .bind::<BigInt, _>(id)
        .execute(&mut pool.get().await.map_err(StoreError::from)?)
        .await?;
    if cancelled == 1 {
        return Ok(());
    }
    Err(UpgradeError::Ended { id, state: get(pool, id).await?.state })
}

/// A job that is done and has to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedJob {
    pub id: JobId,
    pub slot: Slot,
    /// Address of the round.
    pub round: String,
    pub manifest: Hash,
    /// What delivery sets, basis points.
    pub quality_bps: u16,
}

#[derive(QueryableByName)]
struct FinishedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Text)]
    round: String,
    #[diesel(sql_type = Binary)]
    manifest_hash: Vec<u8>,
    #[diesel(sql_type = Integer)]
    quality_bps: i32,
}

/// Jobs of rounds that are done, in the order in which they ended, but for those whose round is past
/// delivery as far as the chain is indexed.
///
/// # Errors
/// The database does not answer.
pub async fn finished_jobs_with_round(pool: &Pool) -> Result<Vec<FinishedJob>, UpgradeError> {
    const FINISHED: &str = "
        SELECT id, shard, content, round, manifest_hash, quality_bps FROM media_jobs AS job
        WHERE state = 'done' AND round IS NOT NULL AND NOT EXISTS (
            SELECT FROM rounds WHERE address = job.round AND status NOT IN ('open', 'funded')
        )
        ORDER BY finished_at, id";

    let rows: Vec<FinishedRow> =
        sql_query(FINISHED).load(&mut pool.get().await.map_err(StoreError::from)?).await?;
    let finished = |row: FinishedRow| {
        Ok::<_, StoreError>(FinishedJob {
            id: row.id,
            slot: Slot::loaded((row.shard, row.content))?,
            round: row.round,
            manifest: loaded_hash(row.manifest_hash)?,
            quality_bps: loaded_bps(row.quality_bps)?,
        })
    };
    Ok(rows.into_iter().map(finished).collect::<Result<_, _>>()?)
}
