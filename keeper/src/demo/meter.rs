//! How far a run is: what is counted, settled and credited.

use diesel::{
    ExpressionMethods, QueryDsl,
    dsl::sql,
    sql_types::{BigInt, Double},
};
use diesel_async::RunQueryDsl;

use super::summary::{Settlement, Verdicts, Wait};
use crate::{
    app::{App, Ledger},
    store::{
        StoreError,
        schema::{batches, counted_batches, transactions, windows},
    },
    views::VERDICTS,
};

/// A sum that the database makes of what is never below zero.
fn count(sum: i64) -> anyhow::Result<u64> {
    Ok(u64::try_from(sum).map_err(|_| StoreError::Corrupt(format!("the sum {sum}")))?)
}

/// Sums of a table's columns, as one query.
macro_rules! sums {
    ($app:expr, $rows:expr, $($column:literal),+) => {{
        let mut connection = $app.store.get().await?;
        let columns = ($(sql::<BigInt>(concat!("COALESCE(SUM(", $column, "), 0)::BIGINT")),)+);
        let sums: ($(sums!(@ $column),)+) = $rows.select(columns).first(&mut connection).await?;
        sums
    }};
    (@ $column:literal) => { i64 };
}

/// Events with a verdict, and those of them that count.
pub async fn judged(app: &App) -> anyhow::Result<(u64, u64)> {
    let (events, counted) = sums!(app, counted_batches::table, "events", "counted");
    Ok((count(events)?, count(counted)?))
}

/// How many events got each verdict.
pub async fn verdicts(app: &App) -> anyhow::Result<Vec<Verdicts>> {
    let mut verdicts = Vec::new();
    for verdict in VERDICTS {
        let column = format!("COALESCE(SUM({}), 0)::BIGINT", verdict.name());
        let mut connection = app.store.get().await?;
        let sum = counted_batches::table.select(sql::<BigInt>(&column));
        let events = count(sum.first(&mut connection).await?)?;
        verdicts.push(Verdicts { verdict: verdict.name(), events });
    }
    Ok(verdicts)
}

/// Views whose batch is final.
pub async fn settled(app: &App) -> anyhow::Result<u64> {
    let rows = batches::table
        .filter(batches::finalized_at.is_not_null())
        .filter(batches::kind.eq("views"));
    let (views,) = sums!(app, rows, "views");
    count(views)
}

/// Windows and batches that are not settled yet.
pub async fn unsettled(app: &App) -> anyhow::Result<u64> {
    let open = batches::table.filter(batches::finalized_at.is_null());
    let (batches,) = sums!(app, open, "1");
    let (windows,) = sums!(app, windows::table.filter(windows::plan.is_null()), "1");
    Ok(count(batches)? + count(windows)?)
}

/// Base units that settlement has credited in all shards.
pub async fn credited(app: &App) -> anyhow::Result<u64> {
    let shards = Ledger::finalized(app).shards().await?;
    Ok(shards.iter().map(|shard| shard.header.credited).sum())
}

/// What settlement took in all.
pub async fn settlement(app: &App) -> anyhow::Result<Settlement> {
    let rows = || {
        batches::table.filter(batches::finalized_at.is_not_null()).filter(batches::kind.eq("views"))
    };
    let (number, views, credits) = sums!(app, rows(), "1", "views", "credits");
    let (fees_lamports, compute_units) = sums!(
        app,
        transactions::table.filter(transactions::sequence.is_not_null()),
        "fee_lamports",
        "compute_units"
    );
    let mut connection = app.store.get().await?;
    let waits: Vec<(f64, i64)> = rows()
        .select((
            sql::<Double>("EXTRACT(EPOCH FROM finalized_at - oldest_at)::DOUBLE PRECISION"),
            batches::views,
        ))
        .load(&mut connection)
        .await?;
    let waits = waits.into_iter().map(|(seconds, views)| {
        Ok(Wait { ms: (seconds.max(0.0) * 1_000.0) as u64, views: count(views)? })
    });
    Ok(Settlement {
        batches: count(number)?,
        views: count(views)?,
        credits: count(credits)?,
        credited: credited(app).await?,
        fees_lamports: count(fees_lamports)?,
        compute_units: count(compute_units)?,
        waits: waits.collect::<anyhow::Result<_>>()?,
    })
}
