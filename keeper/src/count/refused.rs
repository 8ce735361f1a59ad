//! What did not count, for whoever asks right after counting.

use std::collections::BTreeMap;

use diesel::{
    QueryDsl, QueryableByName, sql_query,
    sql_types::{Array, BigInt, SmallInt},
};
use diesel_async::RunQueryDsl;

use crate::{
    store::{Pool, StoreError, schema::log_positions},
    views::Verdict,
};

/// How far the log is counted at some moment.
pub struct Mark {
    partitions: Vec<i16>,
    positions: Vec<i64>,
}

impl Mark {
    /// Now, in the partitions of a log.
    pub async fn now(pool: &Pool, partitions: i16) -> Result<Self, StoreError> {
        let rows: BTreeMap<i16, i64> = log_positions::table
            .select((log_positions::partition, log_positions::position))
            .load(&mut pool.get().await?)
            .await?
            .into_iter()
            .collect();
        let position = |partition| rows.get(&partition).copied().unwrap_or(i64::MIN);
        let positions = (0..partitions).map(position).collect();
        Ok(Self { partitions: (0..partitions).collect(), positions })
    }

    /// How many events of the batches that were counted since got each verdict but
    /// [`Verdict::Counted`]; verdicts that none got are missing.
    pub async fn refused_since(&self, pool: &Pool) -> Result<Vec<(Verdict, u64)>, StoreError> {
        let sums: Sums = sql_query(
            "SELECT COALESCE(sum(duplicate_id), 0)::BIGINT AS duplicate_id,
                    COALESCE(sum(duplicate_view), 0)::BIGINT AS duplicate_view,
                    COALESCE(sum(unknown_content), 0)::BIGINT AS unknown_content,
                    COALESCE(sum(future), 0)::BIGINT AS future,
                    COALESCE(sum(stale), 0)::BIGINT AS stale,
                    COALESCE(sum(too_short), 0)::BIGINT AS too_short,
                    COALESCE(sum(impossible_rate), 0)::BIGINT AS impossible_rate
             FROM unnest($1, $2) AS mark (partition, position)
             JOIN counted_batches batch
                 ON batch.partition = mark.partition AND batch.position > mark.position",
        )
        .bind::<Array<SmallInt>, _>(&self.partitions)
        .bind::<Array<BigInt>, _>(&self.positions)
        .get_result(&mut pool.get().await?)
        .await?;
        let refused = [
            (Verdict::DuplicateId, sums.duplicate_id),
            (Verdict::DuplicateView, sums.duplicate_view),
            (Verdict::UnknownContent, sums.unknown_content),
            (Verdict::Future, sums.future),
            (Verdict::Stale, sums.stale),
            (Verdict::TooShort, sums.too_short),
            (Verdict::ImpossibleRate, sums.impossible_rate),
        ];
        let refused = refused.into_iter().filter(|(_, events)| *events > 0);
        Ok(refused.map(|(verdict, events)| (verdict, events.cast_unsigned())).collect())
    }
}

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = BigInt)]
    duplicate_id: i64,
    #[diesel(sql_type = BigInt)]
    duplicate_view: i64,
    #[diesel(sql_type = BigInt)]
    unknown_content: i64,
    #[diesel(sql_type = BigInt)]
    future: i64,
    #[diesel(sql_type = BigInt)]
    stale: i64,
    #[diesel(sql_type = BigInt)]
    too_short: i64,
    #[diesel(sql_type = BigInt)]
    impossible_rate: i64,
}
