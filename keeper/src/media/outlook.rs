//! What a plan is expected to do for the quality of a content, before anybody pays.

use pixr_media::{
    Hash,
    score::{self, Rated},
};

use super::{Media, UpgradeError, plans};
use crate::store::contents::Slot;

/// Likeness that a rendition is expected to have, in basis points, before it is measured.
const LIKENESS_EXPECTED: u16 = 9_000;

impl Media {
    /// The quality that the content in `slot` is expected to have when the plan `hash` is carried out,
    /// in basis points; nothing where this keeper does not have the plan.
    ///
    /// # Errors
    /// What the plan builds on is gone.
    pub async fn quality_planned(
        &self,
        slot: Slot,
        hash: Hash,
    ) -> Result<Option<u16>, UpgradeError> {
        let plan = match plans::find(&self.pool, slot, hash).await {
            Ok(stored) => stored.plan,
            Err(UpgradeError::NoPlan { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let existing = match plan.previous {
            Some(previous) => self.manifest(plan.source, previous).await?.video,
            None => Vec::new(),
        };
        let planned = plan.video.iter().filter(|step| !step.spec.upscaled);
        let planned =
            planned.map(|step| Rated { lines: step.spec.lines, likeness: LIKENESS_EXPECTED });
        Ok(Some(score::quality(score::rated(&existing).chain(planned))))
    }
}
