//! Sources that are sent in parts, over as many connections as it takes.
//!
//! The length of the file says how far an upload is, so a crash loses nothing that was acknowledged.
//! What is complete is taken in by a task, which goes on after a restart.

use std::{path::PathBuf, sync::Arc};

use diesel::{
    OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper, prelude::*, sql_query,
    sql_types,
};
use diesel_async::RunQueryDsl;
use metrics::counter;
use pixr_media::{MediaError, library};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Media, UpgradeError, loaded_hash, metrics as figures};
use crate::store::{StoreError, contents::Slot, loaded, schema::media_uploads, stored};

pub const RECEIVING: &str = "receiving";
pub const RECEIVED: &str = "received";
pub const IMPORTED: &str = "imported";
pub const REFUSED: &str = "refused";

/// An upload.
#[derive(Clone, Debug)]
pub struct Upload {
    pub id: Uuid,
    pub slot: Slot,
    pub announced: library::Upload,
    /// Whether it may take the place of another source.
    pub replace: bool,
    pub state: String,
    /// Why the file was refused.
    pub error: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = media_uploads)]
struct Row {
    id: Uuid,
    shard: i32,
    content: i32,
    hash: Vec<u8>,
    bytes: i64,
    replace: bool,
    state: String,
    error: Option<String>,
}

impl TryFrom<Row> for Upload {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let announced = library::Upload { hash: loaded_hash(row.hash)?, bytes: loaded(row.bytes)? };
        let slot = Slot::loaded((row.shard, row.content))?;
        let Row { id, replace, state, error, .. } = row;
        Ok(Self { id, slot, announced, replace, state, error })
    }
}

/// Why an upload is not begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// Uploads that are under way need the room.
    #[error("no room for {0} bytes more: see media.folder_bytes_max")]
    NoRoom(u64),
}

/// The uploads of a keeper, which has their files.
#[derive(Clone)]
pub struct Uploads {
    media: Media,
    keeper: String,
    /// Told when an upload is complete.
    pub(super) wake: Arc<Notify>,
}

impl Uploads {
    pub fn new(media: Media, keeper: String) -> Self {
        Self { media, keeper, wake: Arc::default() }
    }

    pub fn media(&self) -> &Media {
        &self.media
    }

    fn folder(&self, id: Uuid) -> PathBuf {
        self.media.folder.join("uploads").join(id.to_string())
    }

    /// The file of an upload: in a folder of its own, so that nobody else can write to it.
    pub(super) fn files(&self, id: Uuid) -> Result<library::Uploads, MediaError> {
        library::Uploads::open(self.folder(id), self.media.library.limits())
    }

    /// Begins an upload of `source`.
    ///
    /// # Errors
    /// The announced size is not taken, or there is no room for it now.
    pub async fn begin(
        &self,
        source: &str,
        slot: Slot,
        announced: library::Upload,
        replace: bool,
    ) -> Result<Upload, BeginError> {
        const BEGIN: &str = "
            INSERT INTO media_uploads (id, source, keeper, shard, content, hash, bytes, replace)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8
            WHERE $7 + coalesce((
                SELECT sum(bytes)::BIGINT FROM media_uploads
                WHERE keeper = $3 AND state IN ('receiving', 'received')
            ), 0) <= $9";

        let id = Uuid::new_v4();
        // Nothing is written before the size is known to be taken.
        self.offset_of(id, announced).await?;
        let (shard, content) = slot.stored().map_err(UpgradeError::from)?;
        let bytes = stored(announced.bytes).map_err(UpgradeError::from)?;
        let room = i64::try_from(self.media.config.folder_bytes_max).unwrap_or(i64::MAX);
        let begun = sql_query(BEGIN)
            .bind::<sql_types::Uuid, _>(id)
            .bind::<sql_types::Text, _>(source)
            .bind::<sql_types::Text, _>(&self.keeper)
            .bind::<sql_types::Integer, _>(shard)
            .bind::<sql_types::Integer, _>(content)
            .bind::<sql_types::Binary, _>(announced.hash.to_bytes().as_slice())
            .bind::<sql_types::BigInt, _>(bytes)
            .bind::<sql_types::Bool, _>(replace)
            .bind::<sql_types::BigInt, _>(room)
            .execute(
                &mut self
                    .media
                    .pool
                    .get()
                    .await
                    .map_err(|error| UpgradeError::from(StoreError::from(error)))?,
            )
            .await
            .map_err(UpgradeError::from)?;
        if begun == 0 {
            self.remove_files(id).await?;
            return Err(BeginError::NoRoom(announced.bytes));
        }
        let state = RECEIVING.to_owned();
        Ok(Upload { id, slot, announced, replace, state, error: None })
    }

    /// The upload `id` of `source`, if this keeper has it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn get(&self, source: &str, id: Uuid) -> Result<Option<Upload>, UpgradeError> {
        let row: Option<Row> = media_uploads::table
            .find(id)
            .filter(media_uploads::source.eq(source))
            .filter(media_uploads::keeper.eq(&self.keeper))
            .select(Row::as_select())
            .first(&mut self.media.pool.get().await.map_err(StoreError::from)?)
            .await
            .optional()?;
        Ok(row.map(Upload::try_from).transpose()?)
    }

    /// Bytes of an upload that are here.
    ///
    /// # Errors
    /// The announced size is not taken, or the folder cannot be read.
    pub async fn offset(&self, upload: &Upload) -> Result<u64, UpgradeError> {
        if upload.state != RECEIVING {
            return Ok(upload.announced.bytes);
        }
        self.offset_of(upload.id, upload.announced).await
    }

    async fn offset_of(&self, id: Uuid, announced: library::Upload) -> Result<u64, UpgradeError> {
        let files = self.files(id)?;
        Ok(blocking(move || files.offset(&announced)).await?)
    }

    /// Appends `data`, which starts at `offset`, durably. Returns where to go on.
    ///
    /// # Errors
    /// Another offset is next, or the file would be longer than announced.
    pub async fn append(
        &self,
        upload: &Upload,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<u64, UpgradeError> {
        let (files, announced) = (self.files(upload.id)?, upload.announced);
        counter!(figures::UPLOAD_BYTES).increment(u64::try_from(data.len()).unwrap_or(u64::MAX));
        Ok(blocking(move || files.append(&announced, offset, &data)).await?)
    }

    /// Notes that more has come, and has the file taken in once it is complete.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn progressed(&self, upload: &Upload, offset: u64) -> Result<(), UpgradeError> {
        let state = if offset == upload.announced.bytes { RECEIVED } else { RECEIVING };
        self.set(upload.id, RECEIVING, state, None).await?;
        if state == RECEIVED {
            self.wake.notify_one();
        }
        Ok(())
    }

    pub(super) async fn set(
        &self,
        id: Uuid,
        from: &str,
        to: &str,
        error: Option<&str>,
    ) -> Result<(), UpgradeError> {
        diesel::update(media_uploads::table.find(id).filter(media_uploads::state.eq(from)))
            .set((
                media_uploads::state.eq(to),
                media_uploads::error.eq(error),
                media_uploads::updated_at.eq(chrono::Utc::now()),
            ))
            .execute(&mut self.media.pool.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(())
    }

    /// Forgets an upload, with what is here of it.
    ///
    /// # Errors
    /// The folder cannot be removed, or the database does not answer.
    pub async fn discard(&self, id: Uuid) -> Result<(), UpgradeError> {
        self.remove_files(id).await?;
        diesel::delete(media_uploads::table.find(id))
            .execute(&mut self.media.pool.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(())
    }

    /// This keeper's uploads in `state` that nothing has happened with since `before`.
    pub(super) async fn load(
        &self,
        state: &str,
        before: chrono::DateTime<chrono::Utc>,
    ) -> Result<Vec<Upload>, UpgradeError> {
        let rows: Vec<Row> = media_uploads::table
            .filter(media_uploads::keeper.eq(&self.keeper))
            .filter(media_uploads::state.eq(state))
            .filter(media_uploads::updated_at.le(before))
            .order(media_uploads::updated_at)
            .select(Row::as_select())
            .load(&mut self.media.pool.get().await.map_err(StoreError::from)?)
            .await?;
        Ok(rows.into_iter().map(Upload::try_from).collect::<Result<_, _>>()?)
    }

    pub(super) async fn remove_files(&self, id: Uuid) -> Result<(), UpgradeError> {
        let folder = self.folder(id);
        match tokio::fs::remove_dir_all(&folder).await {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(MediaError::Io { what: folder.display().to_string(), source }.into())
            }
            _ => Ok(()),
        }
    }
}

/// Runs blocking work on the runtime's threads for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| MediaError::Internal(error.to_string()))?
}
