//! Where contents are, by their ids.

use std::fmt;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use super::{Pool, StoreError, loaded_index, schema::contents, stored_index};
use crate::views::ContentId;

/// The slot of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Slot {
    pub shard: u32,
    pub content: u32,
}

impl Slot {
    /// As it is stored: the shard's number and the content's.
    pub fn stored(self) -> Result<(i32, i32), StoreError> {
        Ok((stored_index(self.shard)?, stored_index(self.content)?))
    }

    /// As [`Slot::stored`] had it.
    pub fn loaded((shard, content): (i32, i32)) -> Result<Self, StoreError> {
        Ok(Self { shard: loaded_index(shard)?, content: loaded_index(content)? })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.shard, self.content)
    }
}

/// The slot of the content `id`: in the first shard that has it, where its views count.
pub async fn find(pool: &Pool, id: ContentId) -> Result<Option<Slot>, StoreError> {
    let row: Option<(i32, i32)> = contents::table
        .filter(contents::id.eq(id.0.as_slice()))
        .select((contents::shard, contents::content))
        .order(contents::shard)
        .first(&mut pool.get().await?)
        .await
        .optional()?;
    row.map(Slot::loaded).transpose()
}

/// The id of the content in `slot`.
pub async fn id(pool: &Pool, slot: Slot) -> Result<ContentId, StoreError> {
    let id: Vec<u8> = contents::table
        .find(slot.stored()?)
        .select(contents::id)
        .first(&mut pool.get().await?)
        .await?;
    let id = id.try_into().map_err(|_| StoreError::Corrupt(format!("the id of content {slot}")))?;
    Ok(ContentId(id))
}
