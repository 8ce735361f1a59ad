//! The hot path of settlement: every instruction in the loop is a compute unit per credit.
//!
//! Sums wrap without a check here. `math::earnings` proves that a batch's sum fits 64 bits, and
//! `Shard::book_credits` fails the whole batch when the shard's own counters, which bound those of
//! every slot, would overflow.

use std::{hint::cold_path, ops::Range};

use anchor_lang::prelude::*;

use crate::{
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
    /// own only, each made by delivery, and ends: delivery and retirement keep it so, and nothing else
    /// changes it.
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
        if batch.credit_form::<Short>() || batch.credit_form::<Medium>() {
            continue;
        }
        match batch.steps.next() {
            Some(step) => batch.credit_step(step?)?,
            None => return Ok(batch.totals),
        }
    }
}

impl Batch<'_> {
    /// Credits entries of one form, in runs of contents with lanes and of contents without. Returns
    /// whether there were any; the next one, if there is one, needs a closer look.
    #[inline(always)]
    fn credit_form<F: Form>(&mut self) -> bool {
        let before = self.steps.left();
        let mut left = before;
        while let Some(peeked) = self.steps.peek::<F>() {
            let next = slot_after(self.place, peeked.gap);
            if next >= self.contents.end {
                break;
            }
            // SAFETY: `next` is a whole number of slots after the first and before the end.
            if unsafe { &*next }.has_lanes() {
                self.credit_run::<F, true>();
            } else {
                self.credit_run::<F, false>();
            }
            // A run that met an entry which it does not credit has moved to that content.
            if let Some(met) = self.steps.peek::<F>() {
                self.place = slot_before(self.place, met.gap);
            }
            if self.steps.left() == left {
                break;
            }
            left = self.steps.left();
        }
        left < before
    }

    /// Credits entries of one form up to the first that is of another, or that needs a closer look: it
    /// names no content, a content in debt, or one with lanes where `LANES` is false, and the reverse.
    /// In the last cases the batch's place is the content that is not credited.
    ///
    /// Sums start at zero and are added at the end: the compiler keeps them in registers then. A
    /// content becomes the place before it is looked at, since keeping the one before in mind takes a
    /// register and an instruction.
    #[inline(never)]
    fn credit_run<F: Form, const LANES: bool>(&mut self) {
        let Self { base_rate, unix_seconds, creators, lanes, .. } = *self;
        let Self { mut steps, mut place, contents: Range { end, .. }, .. } = *self;
        let mut totals = Totals::default();
        // The creators' part.
        let mut kept = 0_u64;
        while let Some(peeked) = steps.peek::<F>() {
            let Peeked { gap, views, relevance } = peeked;
            place = slot_after(place, gap);
            if place >= end {
                break;
            }
            // SAFETY: `place` is a whole number of slots after the first and before the end.
            let content = unsafe { &mut *place };
            let weight = views.wrapping_mul(relevance);
            if content.has_lanes() != LANES {
                break;
            }
            let rate = rate_floor(base_rate, content.quality());
            let accrued = accrue_small_floor(weight, rate, content.remainder);
            let Some((earned, remainder)) = accrued else { break };
            content.remainder = remainder;
            content.views = content.views.wrapping_add(views);
            content.earned = content.earned.wrapping_add(earned);
            totals.views = totals.views.wrapping_add(views);
            totals.earned = totals.earned.wrapping_add(earned);
            steps.pass::<F>(peeked);
            let mut left = earned;
            if LANES {
                // SAFETY: see `Batch::lanes`; a content whose flag is set has a first lane.
                let lane = unsafe { &mut *lanes.wrapping_byte_add(index(content.first_lane)) };
                // SAFETY: as above, delivery made it.
                left = unsafe { lane.take(unix_seconds, content.earned, earned) };
                if lane.next > 0 {
                    cold_path();
                    left = share_out(lane.next, lanes, unix_seconds, content.earned, left);
                }
                kept = kept.wrapping_add(left);
            }
            // SAFETY: see `Batch::creators`.
            let creator = unsafe { &mut *creators.add(index(content.creator)) };
            creator.balance = creator.balance.wrapping_add(left);
        }
        self.steps = steps;
        self.place = place;
        self.totals.views = self.totals.views.wrapping_add(totals.views);
        self.totals.earned = self.totals.earned.wrapping_add(totals.earned);
        if LANES {
            let owed = totals.earned.wrapping_sub(kept);
            self.totals.owed = self.totals.owed.wrapping_add(owed);
        }
    }

    /// Credits an entry of any form.
    fn credit_step(&mut self, step: Step) -> Result<()> {
        let Step { place, views, relevance } = step;
        self.place = match place {
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
        let mut left = earned;
        if content.has_lanes() {
            left = share_out(
                content.first_lane.into(),
                self.lanes,
                self.unix_seconds,
                content.earned,
                earned,
            );
            self.totals.owed = self.totals.owed.wrapping_add(earned.wrapping_sub(left));
        }
        // SAFETY: see `Batch::creators`.
        let creator = unsafe { &mut *self.creators.add(index(content.creator)) };
        creator.balance = creator.balance.wrapping_add(left);
        Ok(())
    }
}

/// Lets the lanes of a content take what came due with a credit of `left`, from the one behind `link`
/// on, when it has earned `earned` in all. Returns what is left for the creator.
///
/// Not inlined: the loop that calls it keeps its registers for a content with one lane, of which it
/// takes care itself.
#[inline(never)]
fn share_out(link: u64, lanes: *mut Lane, unix_seconds: u64, earned: u64, left: u64) -> u64 {
    let (mut link, mut left) = (link, left);
    loop {
        // SAFETY: see `Batch::lanes`.
        let lane = unsafe { &mut *lanes.wrapping_byte_add(index_of(link)) };
        // SAFETY: as above, delivery made it.
        left = unsafe { lane.take(unix_seconds, earned, left) };
        link = lane.next;
        if link == 0 {
            return left;
        }
    }
}

/// The slot `count` after `slot`, which may lie beyond the last one. A batch's counts stay below
/// 2^25 in sum, so no address wraps.
#[inline(always)]
fn slot_after(slot: *mut ContentSlot, count: u64) -> *mut ContentSlot {
    slot.wrapping_add(index_of(count))
}

/// The slot that is `count` before `slot`: what takes [`slot_after`] back.
#[inline(always)]
fn slot_before(slot: *mut ContentSlot, count: u64) -> *mut ContentSlot {
    slot.wrapping_sub(index_of(count))
}

#[inline(always)]
fn index_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[inline(always)]
fn index(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
