use anchor_lang::{Discriminator, prelude::*};

use super::{
    ContentSlot, CreatorSlot, Lane, Shard,
    content_index::free_place,
    layout::{Capacities, HEADER_BYTES},
};
use crate::errors::PixrError;

/// A shard's account data, read in place.
#[derive(Debug)]
pub struct ShardRef<'a> {
    /// Header.
    pub header: &'a Shard,
    /// Creator slots in use.
    pub creators: &'a [CreatorSlot],
    /// Content slots in use.
    pub contents: &'a [ContentSlot],
    /// Lanes that are or were in use.
    pub lanes: &'a [Lane],
}

/// A shard's account data, changed in place. The slices have every slot, in use or not.
pub struct ShardMut<'a> {
    /// Header.
    pub header: &'a mut Shard,
    /// Creator slots.
    pub creators: &'a mut [CreatorSlot],
    /// Content slots.
    pub contents: &'a mut [ContentSlot],
    /// Lanes.
    pub lanes: &'a mut [Lane],
    index: &'a mut [u32],
}

/// The slots in use.
pub struct Slots<'a> {
    /// Creator slots.
    pub creators: &'a mut [CreatorSlot],
    /// Content slots.
    pub contents: &'a mut [ContentSlot],
    /// Lanes, free ones among them.
    pub lanes: &'a mut [Lane],
}

fn corrupt<E>(_: E) -> Error {
    PixrError::ShardCorrupt.into()
}

/// A shard's header, copied from the first [`HEADER_BYTES`] bytes of its account, wherever they lie.
/// Fails when they are not those of a shard of this program's version.
pub fn read_header(data: &[u8]) -> Result<Shard> {
    let header = data.get(Shard::DISCRIMINATOR.len()..HEADER_BYTES);
    let header = header.ok_or(PixrError::ShardCorrupt)?;
    require!(data.starts_with(Shard::DISCRIMINATOR), PixrError::ShardCorrupt);
    let header: Shard = bytemuck::try_pod_read_unaligned(header).map_err(corrupt)?;
    require!(header.version == Shard::VERSION, PixrError::ShardCorrupt);
    Ok(header)
}

/// Where the arrays lie, after a check that tag, version and capacities fit the data.
fn sections(data: &[u8]) -> Result<[usize; 4]> {
    require!(data.starts_with(Shard::DISCRIMINATOR), PixrError::ShardCorrupt);
    let header = data.get(8..HEADER_BYTES).ok_or(PixrError::ShardCorrupt)?;
    let header: &Shard = bytemuck::try_from_bytes(header).map_err(corrupt)?;
    let capacities = Capacities {
        creators: header.creator_capacity,
        contents: header.content_capacity,
        lanes: header.lane_capacity,
    };
    let length = u64::try_from(data.len()).map_err(corrupt)?;
    let whole = header.version == Shard::VERSION
        && capacities.account_bytes() == Some(length)
        && header.creator_count <= header.creator_capacity
        && header.content_count <= header.content_capacity
        && header.lane_count <= header.lane_capacity;
    require!(whole, PixrError::ShardCorrupt);
    let [a, b, c, d] = capacities.section_bytes().map(usize::try_from);
    Ok([a.map_err(corrupt)?, b.map_err(corrupt)?, c.map_err(corrupt)?, d.map_err(corrupt)?])
}

pub(super) fn count(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl<'a> ShardRef<'a> {
    /// Reads account data. Fails when it is not a whole shard of this program's version.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        let [creators, contents, lanes, _] = sections(data)?;
        let (header, rest) = data.split_at(HEADER_BYTES);
        let (creators, rest) = rest.split_at(creators);
        let (contents, rest) = rest.split_at(contents);
        let (lanes, _) = rest.split_at(lanes);
        let header: &Shard = bytemuck::try_from_bytes(&header[8..]).map_err(corrupt)?;
        let creators: &[CreatorSlot] = bytemuck::try_cast_slice(creators).map_err(corrupt)?;
        let contents: &[ContentSlot] = bytemuck::try_cast_slice(contents).map_err(corrupt)?;
        let lanes: &[Lane] = bytemuck::try_cast_slice(lanes).map_err(corrupt)?;
        Ok(Self {
            header,
            creators: &creators[..count(header.creator_count)],
            contents: &contents[..count(header.content_count)],
            lanes: &lanes[..count(header.lane_count)],
        })
    }

    /// The creator slot with this index.
    pub fn creator(&self, index: u32) -> Result<&CreatorSlot> {
        let slot = self.creators.get(count(index));
        Ok(slot.ok_or(PixrError::UnknownCreator)?)
    }

    /// The content slot with this index.
    pub fn content(&self, index: u32) -> Result<&ContentSlot> {
        let slot = self.contents.get(count(index));
        Ok(slot.ok_or(PixrError::UnknownContent)?)
    }
}

impl<'a> ShardMut<'a> {
    /// Opens account data for changes. Fails when it is not a whole shard of this program's version.
    pub fn parse(data: &'a mut [u8]) -> Result<Self> {
        let [creators, contents, lanes, _] = sections(data)?;
        let (header, rest) = data.split_at_mut(HEADER_BYTES);
        let (creators, rest) = rest.split_at_mut(creators);
        let (contents, rest) = rest.split_at_mut(contents);
        let (lanes, index) = rest.split_at_mut(lanes);
        Ok(Self {
            header: bytemuck::try_from_bytes_mut(&mut header[8..]).map_err(corrupt)?,
            creators: bytemuck::try_cast_slice_mut(creators).map_err(corrupt)?,
            contents: bytemuck::try_cast_slice_mut(contents).map_err(corrupt)?,
            lanes: bytemuck::try_cast_slice_mut(lanes).map_err(corrupt)?,
            index: bytemuck::try_cast_slice_mut(index).map_err(corrupt)?,
        })
    }

    /// The header and the slots in use: what settlement needs.
    pub fn split(&mut self) -> (&mut Shard, Slots<'_>) {
        let creators = count(self.header.creator_count);
        let contents = count(self.header.content_count);
        let lanes = count(self.header.lane_count);
        let slots = Slots {
            creators: &mut self.creators[..creators],
            contents: &mut self.contents[..contents],
            lanes: &mut self.lanes[..lanes],
        };
        (self.header, slots)
    }

    /// The creator slot with this index.
    pub fn creator(&mut self, index: u32) -> Result<&mut CreatorSlot> {
        require_gt!(self.header.creator_count, index, PixrError::UnknownCreator);
        Ok(&mut self.creators[count(index)])
    }

    /// The content slot with this index.
    pub fn content(&mut self, index: u32) -> Result<&mut ContentSlot> {
        require_gt!(self.header.content_count, index, PixrError::UnknownContent);
        Ok(&mut self.contents[count(index)])
    }

    /// Fills the next creator slot and returns its index.
    pub fn add_creator(&mut self, slot: CreatorSlot) -> Result<u32> {
        let index = self.header.creator_count;
        let free = self.creators.get_mut(count(index));
        *free.ok_or(PixrError::ShardFullOfCreators)? = slot;
        self.header.creator_count = index.saturating_add(1);
        Ok(index)
    }

    /// Fills the next content slot, enters it in the index and returns its number.
    pub fn add_content(&mut self, slot: ContentSlot) -> Result<u32> {
        let at = self.header.content_count;
        require_gt!(self.header.content_capacity, at, PixrError::ShardFullOfContents);
        let place = free_place(self.index, self.contents, &slot.id)?;
        self.contents[count(at)] = slot;
        self.header.content_count = at.saturating_add(1);
        self.index[place] = self.header.content_count;
        Ok(at)
    }
}
