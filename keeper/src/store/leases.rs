//! Leases: work that one keeper does at a time.
//!
//! Time is the database's, so keepers whose clocks differ agree on who has a lease. A lease that
//! expired while nobody else took it is still its owner's: what protects the work is [`check`], in
//! the transaction that stores it.

use std::time::Duration;

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{Pool, StoreError, schema::leases};

/// A lease that this process holds, until it expires or another owner takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    pub owner: String,
    /// Higher for every new owner.
    pub epoch: i64,
}

#[derive(QueryableByName)]
struct Epoch {
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

/// Takes the lease `name` for `owner` if it is free, expired, or `owner`'s already (then it is
/// extended and keeps its epoch). `None` while another owner has it.
pub async fn acquire(
    pool: &Pool,
    name: &str,
    owner: &str,
    lasts: Duration,
) -> Result<Option<Lease>, StoreError> {
    const ACQUIRE: &str = "
        INSERT INTO leases AS held (name, owner, epoch, expires_at)
        VALUES ($1, $2, 1, clock_timestamp() + $3 * INTERVAL '1 millisecond')
        ON CONFLICT (name) DO UPDATE
        SET owner = excluded.owner,
            epoch = held.epoch + (held.owner <> excluded.owner)::INTEGER,
            expires_at = excluded.expires_at
        WHERE held.owner = excluded.owner OR held.expires_at <= clock_timestamp()
        RETURNING epoch";

    let millis = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
    let epoch: Option<Epoch> = sql_query(ACQUIRE)
        .bind::<Text, _>(name)
        .bind::<Text, _>(owner)
        .bind::<BigInt, _>(millis)
        .get_result(&mut pool.get().await?)
        .await
        .optional()?;
    Ok(epoch.map(|Epoch { epoch }| Lease { name: name.into(), owner: owner.into(), epoch }))
}

/// Extends the lease three times in each period that it lasts; returns once another owner has it.
///
/// While the database does not answer this keeps trying: only [`check`] decides.
pub async fn keep(pool: &Pool, lease: &Lease, lasts: Duration) {
    loop {
        tokio::time::sleep(lasts / 3).await;
        match acquire(pool, &lease.name, &lease.owner, lasts).await {
            Ok(Some(held)) if held.epoch == lease.epoch => {}
            Ok(_) => return,
            Err(error) => tracing::warn!(lease = lease.name, %error, "cannot extend a lease"),
        }
    }
}

/// Makes sure, inside the transaction of `connection`, that the lease is still this owner's:
/// locks its row until the transaction ends. [`StoreError::LeaseLost`] otherwise.
pub async fn check(connection: &mut AsyncPgConnection, lease: &Lease) -> Result<(), StoreError> {
    let held: Option<i64> = leases::table
        .filter(leases::name.eq(&lease.name))
        .filter(leases::owner.eq(&lease.owner))
        .filter(leases::epoch.eq(lease.epoch))
        .select(leases::epoch)
        .for_update()
        .first(connection)
        .await
        .optional()?;
    held.map(|_| ()).ok_or_else(|| StoreError::LeaseLost(lease.name.clone()))
}

/// Gives the lease up, so that another owner need not wait for its end.
pub async fn release(pool: &Pool, lease: &Lease) -> Result<(), StoreError> {
    sql_query(
        "UPDATE leases SET expires_at = clock_timestamp()
         WHERE name = $1 AND owner = $2 AND epoch = $3",
    )
    .bind::<Text, _>(&lease.name)
    .bind::<Text, _>(&lease.owner)
    .bind::<BigInt, _>(lease.epoch)
    .execute(&mut pool.get().await?)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel_async::AsyncConnection;

    use super::*;
    use crate::testing::TestPostgres;

    const LONG: Duration = Duration::from_secs(60);

    async fn checked(pool: &Pool, lease: &Lease) -> Result<(), StoreError> {
        let mut connection = pool.get().await.unwrap();
        connection.transaction(async |connection| check(connection, lease).await).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_owner_at_a_time() {
        let TestPostgres { pool, .. } = TestPostgres::start().await;
        let first = acquire(&pool, "count/0", "a", LONG).await.unwrap().unwrap();
        assert_eq!(first.epoch, 1);
        assert_eq!(acquire(&pool, "count/0", "b", LONG).await.unwrap(), None);
        assert_eq!(acquire(&pool, "count/0", "a", LONG).await.unwrap().unwrap(), first);
        assert!(acquire(&pool, "count/1", "b", LONG).await.unwrap().is_some());
        checked(&pool, &first).await.unwrap();

        release(&pool, &first).await.unwrap();
        let second = acquire(&pool, "count/0", "b", LONG).await.unwrap().unwrap();
        assert_eq!(second.epoch, 2);
        assert!(matches!(checked(&pool, &first).await, Err(StoreError::LeaseLost(_))));
        // Whoever has lost a lease cannot give it up for its new owner.
        release(&pool, &first).await.unwrap();
        assert_eq!(acquire(&pool, "count/0", "a", LONG).await.unwrap(), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_expired_lease_is_taken_and_a_kept_one_is_not() {
        let TestPostgres { pool, .. } = TestPostgres::start().await;
        let short = Duration::from_millis(300);
        let kept = acquire(&pool, "kept", "a", short).await.unwrap().unwrap();
        let left = acquire(&pool, "left", "a", short).await.unwrap().unwrap();
        let lost = tokio::select! {
            () = keep(&pool, &kept, short) => true,
            () = tokio::time::sleep(short * 3) => false,
        };
        assert!(!lost);
        assert_eq!(acquire(&pool, "kept", "b", short).await.unwrap(), None);
        // Expired, but nobody took it.
        checked(&pool, &left).await.unwrap();
        assert_eq!(acquire(&pool, "left", "b", LONG).await.unwrap().unwrap().epoch, 2);
        assert!(matches!(checked(&pool, &left).await, Err(StoreError::LeaseLost(_))));
        keep(&pool, &left, short).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_takes_a_lease_within_a_checked_transaction() {
        let TestPostgres { pool, .. } = TestPostgres::start().await;
        let lease = acquire(&pool, "work", "a", Duration::ZERO).await.unwrap().unwrap();
        let mut connection = pool.get().await.unwrap();
        let taken = connection
            .transaction(async |connection| {
                check(connection, &lease).await?;
                let pool = pool.clone();
                let taken = tokio::spawn(async move { acquire(&pool, "work", "b", LONG).await });
                tokio::time::sleep(Duration::from_millis(200)).await;
                assert!(!taken.is_finished());
                Ok::<_, StoreError>(taken)
            })
            .await
            .unwrap();
        assert_eq!(taken.await.unwrap().unwrap().unwrap().epoch, 2);
    }
}
