//! Plans: made from what a content has, and kept so that they can be paid for and carried out later.

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use pixr_media::{
    Hash, MediaError, analysis,
    plan::{self, Plan, Target},
    progress,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Media, UpgradeError, loaded_bps, outlook};
use crate::store::{Pool, StoreError, contents::Slot, schema::media_plans, stored};

/// A plan that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    pub slot: Slot,
    /// What names it, on the chain too.
    pub hash: Hash,
    pub plan: Plan,
    pub target: Target,
    /// Expected of the content when it is carried out, in basis points; none for plans of before that
    /// was kept.
    pub quality: Option<u16>,
    pub created_at: DateTime<Utc>,
}

impl StoredPlan {
    /// What it costs, base units.
    pub fn price(&self) -> u64 {
        self.plan.cost.price
    }
}

impl Media {
    /// Plans the work from what the content in `slot` has to `target`, and keeps the plan. Equal
    /// circumstances give equal plans.
    ///
    /// # Errors
    /// The content has no source, or the target cannot be reached from it.
    pub async fn plan(&self, slot: Slot, target: &Target) -> Result<StoredPlan, UpgradeError> {
        let media = self.of(slot).await?;
        let library = &self.library;
        let missing = || MediaError::Plan(format!("the record of source {} is gone", media.source));
        let source = library.source(media.source).await?.ok_or_else(missing)?;
        let never = CancellationToken::new();
        let analysis = analysis::ensure(library, &source, &progress::silent(), &never).await?;
        let existing = match media.manifest {
            Some(hash) => Some(self.manifest(media.source, hash).await?),
            None => None,
        };
        let prices = &self.config.prices;
        let plan = plan::plan(&source, &analysis, existing.as_ref(), target, prices)?;
        let (hash, target) = (plan.hash().map_err(MediaError::from)?, target.clone());
        let quality = Some(outlook::quality(&plan, existing.as_ref()));
        let plan = StoredPlan { slot, hash, plan, target, quality, created_at: Utc::now() };
        keep(&self.pool, &plan).await?;
        Ok(plan)
    }

    /// What is to be done for `plan` now: other work may have changed what the content has since it
    /// was made, and then the target is planned anew from that.
    ///
    /// # Errors
    /// The content has another source now.
    pub(super) async fn current(&self, plan: &StoredPlan) -> Result<Plan, UpgradeError> {
        let media = self.of(plan.slot).await?;
        let planned = plan.plan.source;
        if media.source != planned {
            return Err(UpgradeError::OtherSource { slot: plan.slot, planned });
        }
        if media.manifest == plan.plan.previous {
            return Ok(plan.plan.clone());
        }
        Ok(self.plan(plan.slot, &plan.target).await?.plan)
    }
}

async fn keep(pool: &Pool, plan: &StoredPlan) -> Result<(), UpgradeError> {
    let (shard, content) = plan.slot.stored()?;
    let hash = plan.hash.to_bytes();
    let quality = media_plans::quality_bps.eq(plan.quality.map(i32::from));
    let json = |value: Result<Value, serde_json::Error>| value.map_err(MediaError::from);
    diesel::insert_into(media_plans::table)
        .values((
            media_plans::shard.eq(shard),
            media_plans::content.eq(content),
            media_plans::hash.eq(hash.as_slice()),
            media_plans::plan.eq(json(serde_json::to_value(&plan.plan))?),
            media_plans::target.eq(json(serde_json::to_value(&plan.target))?),
            media_plans::price.eq(stored(plan.price())?),
            media_plans::created_at.eq(plan.created_at),
            quality,
        ))
        .on_conflict((media_plans::shard, media_plans::content, media_plans::hash))
        .do_update()
        .set(quality)
        .execute(&mut pool.get().await.map_err(StoreError::from)?)
        .await?;
    Ok(())
}

/// A plan that was made for the content in `slot`.
///
/// # Errors
/// There is no such plan, or the row is damaged.
pub async fn find(pool: &Pool, slot: Slot, hash: Hash) -> Result<StoredPlan, UpgradeError> {
    let (shard, content) = slot.stored()?;
    let row: Option<(Value, Value, Option<i32>, DateTime<Utc>)> = media_plans::table
        .find((shard, content, hash.to_bytes().as_slice()))
        .select((
            media_plans::plan,
            media_plans::target,
            media_plans::quality_bps,
            media_plans::created_at,
        ))
        .first(&mut pool.get().await.map_err(StoreError::from)?)
        .await
        .optional()?;
    let (plan, target, quality, created_at) =
        row.ok_or(UpgradeError::NoPlan { slot, plan: hash })?;
    let corrupt = |error: serde_json::Error| StoreError::Corrupt(format!("plan {hash}: {error}"));
    let plan: Plan = serde_json::from_value(plan).map_err(corrupt)?;
    let target = serde_json::from_value(target).map_err(corrupt)?;
    if plan.hash().map_err(corrupt)? != hash {
        return Err(StoreError::Corrupt(format!("plan {hash} has another hash")).into());
    }
    let quality = quality.map(loaded_bps).transpose()?;
    Ok(StoredPlan { slot, hash, plan, target, quality, created_at })
}
