//! What a plan is expected to do for the quality of a content, before anybody pays.

use std::collections::HashMap;

use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, Bytea, Integer},
};
use diesel_async::RunQueryDsl;
use pixr_media::{
    Hash,
    package::Manifest,
    plan::Plan,
    score::{self, Rated},
};

use super::{loaded_bps, loaded_hash};
use crate::store::{Pool, StoreError, contents::Slot};

/// Likeness that a rendition is expected to have, in basis points, before it is measured.
const LIKENESS_EXPECTED: u16 = 9_000;

/// The quality that a content with `existing` is expected to have when `plan` is carried out, in basis
/// points.
pub(super) fn quality(plan: &Plan, existing: Option<&Manifest>) -> u16 {
    let existing = existing.map_or(&[][..], |manifest| &manifest.video);
    let planned = plan.video.iter().filter(|step| !step.spec.upscaled);
    let planned = planned.map(|step| Rated { lines: step.spec.lines, likeness: LIKENESS_EXPECTED });
    score::quality(score::rated(existing).chain(planned))
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Integer)]
    content: i32,
    #[diesel(sql_type = Bytea)]
    hash: Vec<u8>,
    #[diesel(sql_type = Integer)]
    quality_bps: i32,
}

/// The qualities that are expected of these plans, each of the content in a slot. Plans that this keeper
/// does not have are missing.
///
/// # Errors
/// The database fails, or a row is damaged.
pub async fn expected(
    pool: &Pool,
    plans: &[(Slot, Hash)],
) -> Result<HashMap<(Slot, Hash), u16>, StoreError> {
    let slots = plans.iter().map(|(slot, _)| slot.stored()).collect::<Result<Vec<_>, _>>()?;
    let (shards, contents): (Vec<_>, Vec<_>) = slots.into_iter().unzip();
    let hashes: Vec<_> = plans.iter().map(|(_, hash)| hash.to_bytes().to_vec()).collect();
    let rows: Vec<Row> = sql_query(
        "SELECT shard, content, hash, quality_bps FROM media_plans
         WHERE quality_bps IS NOT NULL
             AND (shard, content, hash) IN (SELECT * FROM unnest($1, $2, $3))",
    )
    .bind::<Array<Integer>, _>(shards)
    .bind::<Array<Integer>, _>(contents)
    .bind::<Array<Bytea>, _>(hashes)
    .load(&mut pool.get().await?)
    .await?;
    rows.into_iter()
        .map(|Row { shard, content, hash, quality_bps }| {
            let slot = Slot::loaded((shard, content))?;
            Ok(((slot, loaded_hash(hash)?), loaded_bps(quality_bps)?))
        })
        .collect()
}
