//! Stores what was counted: one transaction, so that a crash neither loses nor repeats a view.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, Insertable, OptionalExtension, QueryDsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::tally::{CountedBatch, ShardViews, Tally};
use crate::{
    crash_point,
    log::{Partition, Position},
    store::{
        Pool, StoreError,
        leases::{self, Lease},
        schema::{counted_batches, log_positions, windows},
    },
    views::Verdict,
};

/// Rows of one statement: PostgreSQL takes 65,535 values.
const ROWS_MAX: usize = 2_000;

/// What one commit stores.
pub struct Commit {
    pub partition: Partition,
    pub previous: Position,
    pub through: Position,
    pub batches: Vec<CountedBatch>,
    pub windows: Vec<(ShardViews, DateTime<Utc>)>,
}

impl Commit {
    /// Packs a tally.
    pub fn new(partition: Partition, mut tally: Tally) -> Result<Self, StoreError> {
        let unwritable = |error| StoreError::Corrupt(format!("views that cannot be: {error:?}"));
        let windows = tally.windows().map_err(unwritable)?;
        let Tally { previous, through, batches, .. } = tally;
        Ok(Self { partition, previous, through, batches, windows })
    }

    /// Stores it, if this process still has the lease. It can be called again after any error: what
    /// was stored is not stored twice.
    pub async fn store(&self, pool: &Pool, lease: &Lease) -> Result<(), StoreError> {
        let mut connection = pool.get().await?;
        connection
            .transaction(async |connection| {
                leases::check(connection, lease).await?;
                if self.advance(connection).await? {
                    self.insert_batches(connection).await?;
                    self.insert_windows(connection).await?;
                }
                crash_point!("judged");
                Ok(())
            })
            .await
    }

    /// Moves the position; `false` when an earlier attempt did, though its answer was lost.
    async fn advance(&self, connection: &mut AsyncPgConnection) -> Result<bool, StoreError> {
        let found = position(connection, self.partition).await?;
        if found == self.through {
            return Ok(false);
        }
        if found != self.previous {
            return Err(StoreError::Corrupt(format!(
                "{:?} is counted up to {}, expected {}",
                self.partition, found.0, self.previous.0
            )));
        }
        diesel::update(log_positions::table.find(self.partition.0))
            .set((
                log_positions::position.eq(self.through.0),
                log_positions::counted_at.eq(Utc::now()),
            ))
            .execute(connection)
            .await?;
        Ok(true)
    }

    async fn insert_batches(&self, connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
        let counted_at = Utc::now();
        for batches in self.batches.chunks(ROWS_MAX) {
            let rows: Result<Vec<_>, _> =
                batches.iter().map(|batch| self.batch_row(batch, counted_at)).collect();
            diesel::insert_into(counted_batches::table).values(rows?).execute(connection).await?;
        }
        Ok(())
    }

    fn batch_row<'a>(
        &self,
        batch: &'a CountedBatch,
        counted_at: DateTime<Utc>,
    ) -> Result<BatchRow<'a>, StoreError> {
        let too_many = || StoreError::Corrupt("a batch with more than 2^31 events".into());
        let count = |verdict| i32::try_from(batch.counts[verdict as usize]).map_err(|_| too_many());
        let events = batch.counts.iter().try_fold(0_u32, |sum, count| sum.checked_add(*count));
        Ok(BatchRow {
            partition: self.partition.0,
            position: batch.position.0,
            source: &batch.source,
            received_at: batch.received_at,
            counted_at,
            events: events.and_then(|events| events.try_into().ok()).ok_or_else(too_many)?,
            counted: count(Verdict::Counted)?,
            duplicate_id: count(Verdict::DuplicateId)?,
            duplicate_view: count(Verdict::DuplicateView)?,
            unknown_content: count(Verdict::UnknownContent)?,
            future: count(Verdict::Future)?,
            stale: count(Verdict::Stale)?,
            too_short: count(Verdict::TooShort)?,
            impossible_rate: count(Verdict::ImpossibleRate)?,
            verdicts: &batch.verdicts,
        })
    }

    async fn insert_windows(&self, connection: &mut AsyncPgConnection) -> Result<(), StoreError> {
        for windows in self.windows.chunks(ROWS_MAX) {
            let rows: Result<Vec<_>, _> = windows
                .iter()
                .map(|(views, oldest_at)| {
                    WindowRow::new("views", self.partition, self.through.0, views, *oldest_at)
                })
                .collect();
            diesel::insert_into(windows::table).values(rows?).execute(connection).await?;
        }
        Ok(())
    }
}

/// How far a partition is counted.
pub async fn position(
    connection: &mut AsyncPgConnection,
    partition: Partition,
) -> Result<Position, StoreError> {
    let position: Option<i64> = log_positions::table
        .find(partition.0)
        .select(log_positions::position)
        .first(connection)
        .await
        .optional()?;
    Ok(position.map_or(Position::START, Position))
}

/// Makes the row that [`position`] reads, where there is none.
pub async fn start(
    connection: &mut AsyncPgConnection,
    partition: Partition,
) -> Result<Position, StoreError> {
    diesel::insert_into(log_positions::table)
        .values((
            log_positions::partition.eq(partition.0),
            log_positions::position.eq(Position::START.0),
            log_positions::counted_at.eq(Utc::now()),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    position(connection, partition).await
}

#[derive(Insertable)]
#[diesel(table_name = counted_batches)]
struct BatchRow<'a> {
    partition: i16,
    position: i64,
    source: &'a str,
    received_at: DateTime<Utc>,
    counted_at: DateTime<Utc>,
    events: i32,
    counted: i32,
    duplicate_id: i32,
    duplicate_view: i32,
    unknown_content: i32,
    future: i32,
    stale: i32,
    too_short: i32,
    impossible_rate: i32,
    verdicts: &'a [u8],
}

/// A window to be stored.
#[derive(Insertable)]
#[diesel(table_name = windows)]
pub struct WindowRow<'a> {
    shard: i32,
    kind: &'static str,
    partition: i16,
    through: i64,
    views: i64,
    entries: &'a [u8],
    oldest_at: DateTime<Utc>,
}

impl<'a> WindowRow<'a> {
    /// See the table `windows`.
    pub fn new(
        kind: &'static str,
        partition: Partition,
        through: i64,
        views: &'a ShardViews,
        oldest_at: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let large = |_| StoreError::Corrupt(format!("a window of {} views", views.views));
        Ok(Self {
            shard: i32::try_from(views.shard).map_err(large)?,
            kind,
            partition: partition.0,
            through,
            views: i64::try_from(views.views).map_err(large)?,
            entries: &views.entries,
            oldest_at,
        })
    }
}
