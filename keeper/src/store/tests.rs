use diesel::sql_query;
use diesel_async::RunQueryDsl;

use super::*;
use crate::testing::TestPostgres;

/// A database without tables.
async fn empty_database() -> Pool {
    let pool = TestPostgres::start().await.pool;
    revert(&pool, usize::MAX).await.unwrap();
    pool
}

fn states(statuses: &[MigrationStatus]) -> Vec<MigrationState> {
    statuses.iter().map(|status| status.state).collect()
}

#[tokio::test]
async fn migrations_run_once_and_have_a_way_back() {
    let pool = empty_database().await;
    let pending = migration_statuses(&pool).await.unwrap();
    assert!(pending.len() >= 5 && states(&pending).iter().all(|s| *s == MigrationState::Pending));
    assert!(matches!(require_current(&pool).await, Err(StoreError::Older(_))));

    let names = migrate(&pool).await.unwrap();
    assert_eq!(names, pending.iter().map(|status| status.name.clone()).collect::<Vec<_>>());
    assert_eq!(migrate(&pool).await.unwrap(), Vec::<String>::new());
    require_current(&pool).await.unwrap();

    let mut back = revert(&pool, 1).await.unwrap();
    assert_eq!(back, names[names.len() - 1..]);
    assert!(matches!(require_current(&pool).await, Err(StoreError::Older(_))));
    back.extend(revert(&pool, usize::MAX).await.unwrap());
    back.reverse();
    assert_eq!(back, names);
    assert_eq!(migrate(&pool).await.unwrap(), names);
}

#[tokio::test]
async fn several_processes_can_start_at_once() {
    let pool = empty_database().await;
    let all = futures::future::join_all((0..4).map(|_| migrate(&pool))).await;
    let ran: Vec<_> =
        all.into_iter().map(|names| names.unwrap().len()).filter(|n| *n > 0).collect();
    assert_eq!(ran.len(), 1);
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let pool = empty_database().await;
    migrate(&pool).await.unwrap();
    let mut connection = pool.get().await.unwrap();
    sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')")
        .execute(&mut connection)
        .await
        .unwrap();
    drop(connection);
    let refused = [
        migrate(&pool).await.err(),
        require_current(&pool).await.err(),
        revert(&pool, 1).await.err(),
    ];
    for error in refused {
        let text = error.unwrap().to_string();
        assert!(
            text.contains("newer than this program") && text.contains("99990101000000"),
            "{text}"
        );
    }
    assert_eq!(
        migration_statuses(&pool).await.unwrap().last().unwrap().state,
        MigrationState::Unknown
    );
}
