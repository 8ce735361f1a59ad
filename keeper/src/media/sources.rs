//! What contents have: their sources, and what was made from them.

use std::path::Path;

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryDsl, QueryableByName, sql_query,
    sql_types::{Binary, Bool, Integer},
};
use diesel_async::RunQueryDsl;
use pixr_media::{
    Hash,
    analysis::{self, Analysis},
    library::Source,
    progress::OnProgress,
};
use tokio_util::sync::CancellationToken;

use super::{Media, UpgradeError, loaded_hash};
use crate::store::{StoreError, contents::Slot, schema::media_sources};

/// What a content has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentMedia {
    pub slot: Slot,
    pub source: Hash,
    /// Of all that was made; none before the first upgrade.
    pub manifest: Option<Hash>,
    pub updated_at: DateTime<Utc>,
}

type Row = (i32, i32, Vec<u8>, Option<Vec<u8>>, DateTime<Utc>);

fn loaded((shard, content, source, manifest, updated_at): Row) -> Result<ContentMedia, StoreError> {
    Ok(ContentMedia {
        slot: Slot::loaded((shard, content))?,
        source: loaded_hash(source)?,
        manifest: manifest.map(loaded_hash).transpose()?,
        updated_at,
    })
}

#[derive(QueryableByName)]
struct Set {
    #[diesel(sql_type = Binary)]
    source_hash: Vec<u8>,
}

impl Media {
    /// What the content in `slot` has.
    ///
    /// # Errors
    /// [`UpgradeError::NoSource`] where it has nothing.
    pub async fn of(&self, slot: Slot) -> Result<ContentMedia, UpgradeError> {
        let row: Option<Row> = media_sources::table
            .find(slot.stored()?)
            .first(&mut self.pool.get().await.map_err(StoreError::from)?)
            .await
            .optional()?;
        let row = row.ok_or(UpgradeError::NoSource(slot))?;
        Ok(loaded(row)?)
    }

    /// All contents that have a source.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn all(&self) -> Result<Vec<ContentMedia>, UpgradeError> {
        let rows: Vec<Row> = media_sources::table
            .order((media_sources::shard, media_sources::content))
            .load(&mut self.pool.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(rows.into_iter().map(loaded).collect::<Result<_, _>>()?)
    }

    /// Takes in `file` as the source of a content, and analyses it.
    ///
    /// # Errors
    /// The file is refused, or the content has another source and `replace` is not set.
    pub async fn import(
        &self,
        slot: Slot,
        file: &Path,
        replace: bool,
        (progress, cancel): (&OnProgress, &CancellationToken),
    ) -> Result<(Source, Analysis), UpgradeError> {
        let source = self.library.import(file, cancel).await?;
        let analysis = analysis::ensure(&self.library, &source, progress, cancel).await?;
        self.set_source(slot, source.hash, replace).await?;
        Ok((source, analysis))
    }

    /// Enters the source of a content. What was made from another one is no longer offered.
    async fn set_source(
        &self,
        slot: Slot,
        source: Hash,
        replace: bool,
    ) -> Result<(), UpgradeError> {
        const SET: &str = "
            INSERT INTO media_sources AS known (shard, content, source_hash)
            VALUES ($1, $2, $3)
            ON CONFLICT (shard, content) DO UPDATE SET
                source_hash = excluded.source_hash,
                manifest_hash = CASE WHEN known.source_hash = excluded.source_hash
                                     THEN known.manifest_hash END,
                updated_at = clock_timestamp()
            WHERE known.source_hash = excluded.source_hash OR $4
            RETURNING source_hash";

        let (shard, content) = slot.stored()?;
        let set: Option<Set> = sql_query(SET)
            .bind::<Integer, _>(shard)
            .bind::<Integer, _>(content)
            .bind::<Binary, _>(source.to_bytes().as_slice())
            .bind::<Bool, _>(replace)
            .get_result(&mut self.pool.get().await.map_err(StoreError::from)?)
            .await
            .optional()?;
        match set {
            Some(Set { source_hash }) if source_hash == source.to_bytes() => Ok(()),
            _ => Err(UpgradeError::HasSource { slot, known: self.of(slot).await?.source }),
        }
    }
}
