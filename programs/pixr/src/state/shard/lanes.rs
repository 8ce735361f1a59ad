//! The lanes of a shard: an array of slots in which each content has a list, and so have the free
//! ones. A content's list is in the order of delivery and has at most
//! [`LANES_PER_CONTENT_MAX`] lanes.

use anchor_lang::prelude::*;

use super::{
    Lane, ShardMut,
    lane::{link_of, number_of},
    view::count,
};
use crate::{constants::LANES_PER_CONTENT_MAX, errors::PixrError};

/// What the lanes of a content add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneTotals {
    /// How many there are.
    pub lanes: u8,
    /// Sum of their shares, in basis points.
    pub shares_bps: u16,
    /// Number of the last one, from 1; zero when there is none.
    last: u32,
}

impl LaneTotals {
    /// Refuses one more lane with this share when there are enough of them or of shares.
    pub fn require_room(&self, share_bps: u16, shares_bps_max: u16) -> Result<()> {
        require_gt!(LANES_PER_CONTENT_MAX, self.lanes, PixrError::ContentFullOfLanes);
        let shares = self.shares_bps.saturating_add(share_bps);
        require_gte!(shares_bps_max, shares, PixrError::SharesExceeded);
        Ok(())
    }
}

impl ShardMut<'_> {
    /// The lane with this number, from 1, in use or free.
    pub fn lane(&mut self, number: u32) -> Result<&mut Lane> {
        let place = number.checked_sub(1).filter(|place| *place < self.header.lane_count);
        let lane = place.and_then(|place| self.lanes.get_mut(count(place)));
        Ok(lane.ok_or(PixrError::ShardCorrupt)?)
    }

    /// The lane of a round. Fails when it is another's.
    pub fn lane_of(&mut self, number: u32, content: u32, round: u32) -> Result<&mut Lane> {
        let lane = self.lane(number)?;
        let own = lane.content == content && lane.round == round && lane.share_bps > 0;
        require!(own, PixrError::ShardCorrupt);
        Ok(lane)
    }

    /// What the lanes of a content add up to.
    pub fn lane_totals(&mut self, content: u32) -> Result<LaneTotals> {
        let mut totals = LaneTotals::default();
        let mut number = number_of(self.content(content)?.first_lane.into());
        while number > 0 {
            require_gt!(LANES_PER_CONTENT_MAX, totals.lanes, PixrError::ShardCorrupt);
            let lane = self.lane(number)?;
            totals.lanes = totals.lanes.saturating_add(1);
            totals.shares_bps = totals.shares_bps.saturating_add(lane.share_bps);
            totals.last = number;
            number = number_of(lane.next);
        }
        Ok(totals)
    }

    /// Takes a free lane for `lane` and appends it to its content's list. Returns its number.
    pub fn add_lane(&mut self, lane: Lane) -> Result<u32> {
        let number = self.take_free_lane()?;
        *self.lane(number)? = Lane { next: 0, ..lane };
        let LaneTotals { last, .. } = self.lane_totals(lane.content)?;
        if last > 0 {
            self.lane(last)?.next = link_of(number);
        } else {
            self.content(lane.content)?.set_first_lane(link_of(number))?;
        }
        Ok(number)
    }

    fn take_free_lane(&mut self) -> Result<u32> {
        let number = self.header.free_lane;
        if number > 0 {
            self.header.free_lane = number_of(self.lane(number)?.next);
            self.header.free_lanes = self.header.free_lanes.saturating_sub(1);
            return Ok(number);
        }
        require_gt!(self.header.lane_capacity, self.header.lane_count, PixrError::ShardFullOfLanes);
        self.header.lane_count = self.header.lane_count.saturating_add(1);
        Ok(self.header.lane_count)
    }

    /// Takes a lane out of its content's list and frees it. Returns what it was.
    pub fn free_lane(&mut self, number: u32) -> Result<Lane> {
        let lane = *self.lane(number)?;
        let link = link_of(number);
        let content = self.content(lane.content)?;
        if u64::from(content.first_lane) == link {
            content.set_first_lane(lane.next)?;
        } else {
            let mut before = number_of(content.first_lane.into());
            for _ in 0..LANES_PER_CONTENT_MAX {
                let other = self.lane(before)?;
                if other.next == link {
                    break;
                }
                before = number_of(other.next);
            }
            let other = self.lane(before)?;
            require!(other.next == link, PixrError::ShardCorrupt);
            other.next = lane.next;
        }
        let next = link_of(self.header.free_lane);
        *self.lane(number)? = Lane { next, ..bytemuck::Zeroable::zeroed() };
        self.header.free_lane = number;
        self.header.free_lanes = self.header.free_lanes.saturating_add(1);
        Ok(lane)
    }
}
