//! Copies the slots of shards into the store, from the accounts themselves.
//!
//! Slots are filled from the front and never move, so what is copied once stays right, and only the
//! new ones are read. They are inserted in order: what is missing is always the end.

use anchor_lang::prelude::Pubkey;
use diesel::{
    ExpressionMethods, QueryDsl,
    dsl::max,
    sql_query,
    sql_types::{Array, Bytea, Integer, Text},
};
use diesel_async::RunQueryDsl;
use pixr::state::{
    ContentSlot, CreatorSlot, Shard,
    shard::{HEADER_BYTES, read_header},
};

use super::IndexError;
use crate::{
    chain::{Chain, Commitment},
    store::{
        Pool, StoreError,
        schema::{contents, creators, shards},
    },
};

/// Slots that are read with one request and inserted with one statement.
const SLOTS_AT_ONCE: u32 = 16_384;

/// How many slots were new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub creators: u32,
    pub contents: u32,
}

/// Copies what is new of every known shard.
pub async fn sync_all(
    store: &Pool,
    chain: &dyn Chain,
    platform: &Pubkey,
) -> Result<Copied, IndexError> {
    let mut copied = Copied::default();
    for (_, address) in known_shards(store).await? {
        let new = sync_shard(store, chain, platform, &address).await?;
        copied.creators = copied.creators.saturating_add(new.creators);
        copied.contents = copied.contents.saturating_add(new.contents);
    }
    Ok(copied)
}

/// The shards of the store, by number.
pub async fn known_shards(store: &Pool) -> Result<Vec<(u32, Pubkey)>, StoreError> {
    let rows: Vec<(i32, String)> = shards::table
        .select((shards::number, shards::address))
        .order(shards::number)
        .load(&mut store.get().await?)
        .await?;
    let parse = |(number, address): (i32, String)| {
        Some((u32::try_from(number).ok()?, address.parse().ok()?))
    };
    rows.into_iter()
        .map(|row| parse(row.clone()).ok_or_else(|| StoreError::Corrupt(format!("shard {row:?}"))))
        .collect()
}

/// Enters a shard of `platform` and copies what is new of its slots. Done twice, or by two at once,
/// it is the same.
pub async fn sync_shard(
    store: &Pool,
    chain: &dyn Chain,
    platform: &Pubkey,
    address: &Pubkey,
) -> Result<Copied, IndexError> {
    let header = header(chain, address).await?;
    if header.platform != *platform {
        return Err(IndexError::NotOurs(*address));
    }
    let number = signed(header.number)?;
    enter(store, number, address, &header).await?;
    let mut connection = store.get().await.map_err(StoreError::from)?;
    let creators: Option<i32> = creators::table
        .filter(creators::shard.eq(number))
        .select(max(creators::creator))
        .first(&mut connection)
        .await?;
    let contents: Option<i32> = contents::table
        .filter(contents::shard.eq(number))
        .select(max(contents::content))
        .first(&mut connection)
        .await?;
    drop(connection);
    let copy = Copy { store, chain, address, header: &header, number };
    Ok(Copied {
        creators: copy.creators(after(creators)?).await?,
        contents: copy.contents(after(contents)?).await?,
    })
}

/// The finalized header of a shard.
pub async fn header(chain: &dyn Chain, address: &Pubkey) -> Result<Shard, IndexError> {
    let account = chain.account_part(address, 0, HEADER_BYTES, Commitment::Finalized).await?;
    let data = account.filter(|account| account.owner == pixr::ID).map(|account| account.data);
    data.and_then(|data| read_header(&data).ok()).ok_or(IndexError::NoShard(*address))
}

async fn enter(
    store: &Pool,
    number: i32,
    address: &Pubkey,
    header: &Shard,
) -> Result<(), IndexError> {
    diesel::insert_into(shards::table)
        .values((
            shards::number.eq(number),
            shards::address.eq(address.to_string()),
            shards::vault.eq(header.vault.to_string()),
            shards::rent_receiver.eq(header.rent_receiver.to_string()),
            shards::creator_capacity.eq(signed(header.creator_capacity)?),
            shards::content_capacity.eq(signed(header.content_capacity)?),
            shards::lane_capacity.eq(signed(header.lane_capacity)?),
        ))
        .on_conflict(shards::number)
        .do_nothing()
        .execute(&mut store.get().await.map_err(StoreError::from)?)
        .await?;
    Ok(())
}

/// The number in the store's type.
pub fn signed(number: u32) -> Result<i32, StoreError> {
    i32::try_from(number).map_err(|_| StoreError::Corrupt(format!("{number} is too large")))
}

/// The first slot that is not copied.
fn after(last: Option<i32>) -> Result<u32, StoreError> {
    let next = last.map_or(Some(0), |last| last.checked_add(1));
    next.and_then(|next| u32::try_from(next).ok())
        .ok_or_else(|| StoreError::Corrupt(format!("slot {last:?}")))
}

struct Copy<'a> {
    store: &'a Pool,
    chain: &'a dyn Chain,
    address: &'a Pubkey,
    header: &'a Shard,
    number: i32,
}

impl Copy<'_> {
    async fn creators(&self, from: u32) -> Result<u32, IndexError> {
        const INSERT: &str = "
            INSERT INTO creators (shard, creator, authority)
            SELECT $1, * FROM unnest($2, $3)
            ON CONFLICT DO NOTHING";
        for (first, count) in chunks(from, self.header.creator_count) {
            let slots: Vec<CreatorSlot> = self.slots(HEADER_BYTES, first, count).await?;
            let authorities: Vec<_> = slots.iter().map(|slot| slot.authority.to_string()).collect();
            sql_query(INSERT)
                .bind::<Integer, _>(self.number)
                .bind::<Array<Integer>, _>(indices(first, count)?)
                .bind::<Array<Text>, _>(authorities)
                .execute(&mut self.store.get().await.map_err(StoreError::from)?)
                .await
                .map_err(StoreError::from)?;
        }
        Ok(self.header.creator_count.saturating_sub(from))
    }

    async fn contents(&self, from: u32) -> Result<u32, IndexError> {
        const INSERT: &str = "
            INSERT INTO contents (shard, content, creator, id)
            SELECT $1, * FROM unnest($2, $3, $4)
            ON CONFLICT DO NOTHING";
        let creators = bytes_of::<CreatorSlot>(self.header.creator_capacity)?;
        for (first, count) in chunks(from, self.header.content_count) {
            let start = HEADER_BYTES.saturating_add(creators);
            let slots: Vec<ContentSlot> = self.slots(start, first, count).await?;
            let creators: Vec<_> =
                slots.iter().map(|slot| signed(slot.creator)).collect::<Result<_, _>>()?;
            let ids: Vec<&[u8]> = slots.iter().map(|slot| slot.id.as_slice()).collect();
            sql_query(INSERT)
                .bind::<Integer, _>(self.number)
                .bind::<Array<Integer>, _>(indices(first, count)?)
                .bind::<Array<Integer>, _>(creators)
                .bind::<Array<Bytea>, _>(ids)
                .execute(&mut self.store.get().await.map_err(StoreError::from)?)
                .await
                .map_err(StoreError::from)?;
        }
        Ok(self.header.content_count.saturating_sub(from))
    }

    /// Slots of an array that starts at `start` of the account.
    async fn slots<T: bytemuck::AnyBitPattern>(
        &self,
        start: usize,
        first: u32,
        count: u32,
    ) -> Result<Vec<T>, IndexError> {
        let offset = start.saturating_add(bytes_of::<T>(first)?);
        let length = bytes_of::<T>(count)?;
        let part =
            self.chain.account_part(self.address, offset, length, Commitment::Finalized).await?;
        // An endpoint that lags behind the one that gave the header has zeros where it has slots.
        let data = part.map(|account| account.data).filter(|data| {
            let filled = |slot: &[u8]| slot.iter().any(|byte| *byte != 0);
            data.len() == length && data.chunks_exact(size_of::<T>()).all(filled)
        });
        let data = data.ok_or(IndexError::NoShard(*self.address))?;
        Ok(data.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
    }
}

fn bytes_of<T>(count: u32) -> Result<usize, StoreError> {
    usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(size_of::<T>()))
        .ok_or_else(|| StoreError::Corrupt(format!("{count} slots")))
}

fn indices(first: u32, count: u32) -> Result<Vec<i32>, StoreError> {
    (first..first.saturating_add(count)).map(signed).collect()
}

/// The range `from..to` in pieces: where each starts, and how long it is.
fn chunks(from: u32, to: u32) -> impl Iterator<Item = (u32, u32)> {
    let step = usize::try_from(SLOTS_AT_ONCE).unwrap_or(usize::MAX);
    (from..to).step_by(step).map(move |first| (first, (to - first).min(SLOTS_AT_ONCE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_range() {
        let all: Vec<_> = chunks(5, 5 + 2 * SLOTS_AT_ONCE + 1).collect();
        assert_eq!(
            all,
            [(5, SLOTS_AT_ONCE), (5 + SLOTS_AT_ONCE, SLOTS_AT_ONCE), (5 + 2 * SLOTS_AT_ONCE, 1)]
        );
        assert_eq!(chunks(7, 7).count(), 0);
        assert_eq!(chunks(8, 7).count(), 0);
    }
}
