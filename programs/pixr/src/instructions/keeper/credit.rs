//! The hot path of settlement: every instruction in the loop is a compute unit per credit.
//!
//! Sums wrap without a check here. `math::earnings` proves that a batch's sum fits 64 bits, and
//! `Shard::book_credits` fails the whole batch when the shard's own counters, which bound those of
//! every slot, would overflow.

use std::ops::Range;

use anchor_lang::prelude::*;

use crate::{
    entries::{Form, Medium, Packed, Peeked, Place, Short, Step, Steps},
    errors::PixrError,
    math::earnings::{accrue_floor, accrue_small_floor, rate_floor},
    state::{ContentSlot, CreatorSlot},
};

/// What a batch adds up to.
#[derive(Clone, Copy, Default)]
pub struct Totals {
    /// Views.
    pub views: u64,
    /// Base units.
    pub earned: u64,
}

/// A batch under way. Loops copy what they need into locals, so that it stays in registers.
struct Batch<'a> {
    steps: Steps<'a>,
    base_rate: u64,
    /// The first creator slot. A content's creator is always one of the slots in use: registration
    /// checks it, no instruction changes it, and slots are never given back.
    creators: *mut CreatorSlot,
    contents: Range<*mut ContentSlot>,
    /// The content of the last entry; may lie beyond the last slot until it is looked at.
    place: *mut ContentSlot,
    totals: Totals,
}

/// Credits every entry to its content and its content's creator.
pub fn credit(
    packed: &Packed,
    base_rate: u64,
    creators: &mut [CreatorSlot],
    contents: &mut [ContentSlot],
) -> Result<Totals> {
    let contents = contents.as_mut_ptr_range();
    let place = contents.start;
    let creators = creators.as_mut_ptr();
    let steps = packed.steps();
    let mut batch =
        Batch { steps, base_rate, creators, contents, place, totals: Totals::default() };
    // Runs as long as one gets on; the entry at which none does is credited with a closer look.
    loop {
        let left = batch.steps.left();
        if batch.steps.peek::<Short>().is_some() {
            batch.credit_run::<Short>();
        }
        if batch.steps.peek::<Medium>().is_some() {
            batch.credit_run::<Medium>();
        }
        if batch.steps.left() < left {
            continue;
        }
        match batch.steps.next() {
            Some(step) => batch.credit_step(step?)?,
            None => return Ok(batch.totals),
        }
    }
}

impl Batch<'_> {
    /// Credits entries of one form up to the first that is of another, or that needs a closer look:
    /// it names no content, or a content in debt.
    ///
    /// Sums start at zero and are added at the end: the compiler keeps them in registers then.
    #[inline(never)]
    fn credit_run<F: Form>(&mut self) {
        let Self { base_rate, creators, contents: Range { end, .. }, .. } = *self;
        let Self { mut steps, mut place, .. } = *self;
        let mut totals = Totals::default();
        while let Some(peeked) = steps.peek::<F>() {
            let Peeked { gap, views, relevance } = peeked;
            let next = slot_after(place, gap);
            if next >= end {
                break;
            }
            // SAFETY: `next` is a whole number of slots after the first and before the end.
            let content = unsafe { &mut *next };
            let weight = views.wrapping_mul(relevance);
            let rate = rate_floor(base_rate, content.quality);
            let accrued = accrue_small_floor(weight, rate, content.remainder);
            let Some((earned, remainder)) = accrued else { break };
            content.remainder = remainder;
            content.views = content.views.wrapping_add(views);
            content.earned = content.earned.wrapping_add(earned);
            // SAFETY: see `Batch::creators`.
            let creator = unsafe { &mut *creators.add(index(content.creator)) };
            creator.balance = creator.balance.wrapping_add(earned);
            totals.views = totals.views.wrapping_add(views);
            totals.earned = totals.earned.wrapping_add(earned);
            place = next;
            steps.pass::<F>(peeked);
        }
        self.steps = steps;
        self.place = place;
        self.totals.views = self.totals.views.wrapping_add(totals.views);
        self.totals.earned = self.totals.earned.wrapping_add(totals.earned);
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
        let rate = rate_floor(self.base_rate, content.quality);
        let (earned, remainder) = accrue_floor(weight, rate, content.remainder);
        content.remainder = remainder;
        self.totals.earned = self.totals.earned.wrapping_add(earned);
        content.earned = content.earned.wrapping_add(earned);
        // SAFETY: see `Batch::creators`.
        let creator = unsafe { &mut *self.creators.add(index(content.creator)) };
        creator.balance = creator.balance.wrapping_add(earned);
        Ok(())
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
