//! The hot path of settlement: every instruction in the loop is a compute unit per credit.
//!
//! Sums wrap without a check here. `math::earnings` proves that a batch's sum fits 64 bits, and
//! `Shard::book_credits` fails the whole batch when the shard's own counters, which bound those of
//! every slot, would overflow.

use std::ops::Range;

use anchor_lang::prelude::*;

use crate::{
    constants::BPS_MAX,
    entries::{Form, Medium, Packed, Peeked, Place, Short, Step, Steps},
    errors::PixrError,
    math::earnings::{accrue_floor, accrue_small_floor, rate_floor},
    state::{
        ContentSlot, CreatorSlot, Lane,
        shard::{Slots, Totals},
    },
};

/// A batch under way. Loops copy what they need into locals, so that it stays in registers.
struct Batch<'a> {
    steps: Steps<'a>,
    base_rate: u64,
    /// The clock.
    unix_seconds: u64,
    /// The first creator slot. A content's creator is always one of the slots in use: registration
    /// checks it, no instruction changes it, and slots are never given back.
    creators: *mut CreatorSlot,
    contents: Range<*mut ContentSlot>,
    /// One before the first lane, as lanes are numbered from 1. A content's list names lanes of its
    /// own only, and ends: delivery and retirement keep it so, and nothing else changes it.
    lanes: *mut Lane,
    /// The content of the last entry; may lie beyond the last slot until it is looked at.
    place: *mut ContentSlot,
    totals: Totals,
}

/// Credits every entry to its content: what lanes take to their rounds, the rest to the creator.
pub fn credit(packed: &Packed, base_rate: u64, unix_seconds: u64, slots: Slots) -> Result<Totals> {
    let contents = slots.contents.as_mut_ptr_range();
    let place = contents.start;
    let creators = slots.creators.as_mut_ptr();
    let lanes = slots.lanes.as_mut_ptr().wrapping_sub(1);
    let steps = packed.steps();
    let totals = Totals::default();
    let mut batch =
        Batch { steps, base_rate, unix_seconds, creators, contents, lanes, place, totals };
    // Runs as long as one gets on; the entry at which it stops is credited with a closer look.
    loop {
        let run = if batch.steps.peek::<Short>().is_some() {
            Some(batch.credit_run::<Short>())
        } else if batch.steps.peek::<Medium>().is_some() {
            Some(batch.credit_run::<Medium>())
        } else {
            None
        };
        if run == Some(Stop::Form) {
            continue;
        }
        match batch.steps.next() {
            Some(step) => batch.credit_step(step?, run.is_some())?,
            None => return Ok(batch.totals),
        }
    }
}

/// Why a run is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The next entry has another form, or there is none.
    Form,
    /// The next entry needs a closer look; its content is at the batch's place already.
    Content,
}

impl Batch<'_> {
    /// Credits entries of one form up to the first that is of another, or that needs a closer look:
    /// it names no content, or a content in debt.
    ///
    /// Sums start at zero and are added at the end: the compiler keeps them in registers then. Each
    /// content becomes the batch's place before it is looked at, since keeping the one before would
    /// take a register and an instruction more.
    #[inline(never)]
    fn credit_run<F: Form>(&mut self) -> Stop {
        let Self { base_rate, creators, contents: Range { end, .. }, .. } = *self;
        let Self { mut steps, mut place, .. } = *self;
        let mut totals = Totals::default();
        let mut stop = Stop::Form;
        while let Some(peeked) = steps.peek::<F>() {
            let Peeked { gap, views, relevance } = peeked;
            place = slot_after(place, gap);
            if place >= end {
                stop = Stop::Content;
                break;
            }
            // SAFETY: `place` is a whole number of slots after the first and before the end.
            let content = unsafe { &mut *place };
            let weight = views.wrapping_mul(relevance);
            let quality = content.quality_and_flag;
            let earned = if quality > BPS_MAX {
                let Some(earned) = self.credit_lanes(content, weight) else {
                    stop = Stop::Content;
                    break;
                };
                content.views = content.views.wrapping_add(views);
                earned
            } else {
                let rate = rate_floor(base_rate, quality);
                let accrued = accrue_small_floor(weight, rate, content.remainder);
                let Some((earned, remainder)) = accrued else {
                    stop = Stop::Content;
                    break;
                };
                content.remainder = remainder;
                content.views = content.views.wrapping_add(views);
                content.earned = content.earned.wrapping_add(earned);
                // SAFETY: see `Batch::creators`.
                let creator = unsafe { &mut *creators.add(index(content.creator)) };
                creator.balance = creator.balance.wrapping_add(earned);
                earned
            };
            totals.views = totals.views.wrapping_add(views);
            totals.earned = totals.earned.wrapping_add(earned);
            steps.pass::<F>(peeked);
        }
        self.steps = steps;
        self.place = place;
        self.totals.views = self.totals.views.wrapping_add(totals.views);
        self.totals.earned = self.totals.earned.wrapping_add(totals.earned);
        stop
    }

    /// Credits a content with lanes for an entry that earns less than 1,000 full views would. Returns
    /// what it earned, or `None` and changes nothing where a debt outweighs it.
    #[inline(always)]
    fn credit_lanes(&mut self, content: &mut ContentSlot, weight: u64) -> Option<u64> {
        let rate = rate_floor(self.base_rate, content.quality());
        let (earned, remainder) = accrue_small_floor(weight, rate, content.remainder)?;
        content.remainder = remainder;
        content.earned = content.earned.wrapping_add(earned);
        self.pay(content, earned);
        Some(earned)
    }

    /// Credits an entry of any form, at the batch's place if it is `placed`.
    fn credit_step(&mut self, step: Step, placed: bool) -> Result<()> {
        let Step { place, views, relevance } = step;
        self.place = match place {
            _ if placed => self.place,
            Place::After(gap) => slot_after(self.place, gap),
            Place::At(index) => slot_after(self.contents.start, index),
        };
        require!(self.place < self.contents.end, PixrError::UnknownContent);
        // SAFETY: `place` is a whole number of slots after the first and before the end.
        let content = unsafe { &mut *self.place };
        content.views = content.views.wrapping_add(views);
        self.totals.views = self.totals.views.wrapping_add(views);
        let weight = views.wrapping_mul(relevance);
        let rate = rate_floor(self.base_rate, content.quality());
        let (earned, remainder) = accrue_floor(weight, rate, content.remainder);
        content.remainder = remainder;
        self.totals.earned = self.totals.earned.wrapping_add(earned);
        content.earned = content.earned.wrapping_add(earned);
        self.pay(content, earned);
        Ok(())
    }

    /// Pays what a content has just earned: its lanes take what came due, in the order of delivery,
    /// and the creator gets the rest.
    #[inline(always)]
    fn pay(&mut self, content: &ContentSlot, earned: u64) {
        let Self { unix_seconds, lanes, creators, .. } = *self;
        let mut left = earned;
        let mut number = content.first_lane;
        while number > 0 {
            // SAFETY: see `Batch::lanes`.
            let lane = unsafe { &mut *lanes.wrapping_add(index(number)) };
            left = left.wrapping_sub(lane.take(unix_seconds, content.earned, left));
            number = lane.next;
        }
        self.totals.owed = self.totals.owed.wrapping_add(earned.wrapping_sub(left));
        // SAFETY: see `Batch::creators`.
        let creator = unsafe { &mut *creators.add(index(content.creator)) };
        creator.balance = creator.balance.wrapping_add(left);
    }
}

/// The slot `count` after `slot`, which may lie beyond the last one. A batch's counts stay below
/// 2^25 in sum, so no address wraps.
#[inline(always)]
fn slot_after(slot: *mut ContentSlot, count: u64) -> *mut ContentSlot {
    slot.wrapping_add(index_of(count))
}

#[inline(always)]
fn index_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[inline(always)]
fn index(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
