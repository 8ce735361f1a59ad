//! From counted windows to the entries of batches. Pure: no clock, no database, no chain.

use pixr::{
    constants::ENTRIES_BYTES_MAX,
    entries::{Entry, Packed, ReadError, WriteError},
    math::earnings::{VIEWS_MAX, accrue_floor},
};
use pixr_client::{Bounds, Filled, fill, value_ceil};

/// Most entries in one batch: as many as the shortest form allows.
pub const CREDITS_PER_BATCH_MAX: usize = 2_048;
const _: () = assert!(CREDITS_PER_BATCH_MAX as u64 == ENTRIES_BYTES_MAX / 2);

/// Most entries that one plan is cut into; it bounds the memory and the transaction that a plan
/// takes.
pub const CREDITS_PER_PLAN_MAX: usize = 4 << 20;

/// Entries of one batch, and what they add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedBatch {
    /// Packed entries in ascending order of relevance and content.
    pub entries: Vec<u8>,
    /// How many.
    pub credits: usize,
    pub views: u64,
}

/// Why windows cannot become batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    #[error("a window's entries cannot be read: {0:?}")]
    Read(ReadError),
    #[error("an entry cannot be written: {0:?}")]
    Write(WriteError),
    #[error("the windows' views add up to more than 2^64")]
    Overflow,
    /// A plan has too many entries.
    #[error(
        "one content's views have to be cut into more than {CREDITS_PER_PLAN_MAX} entries: \
         batch_cap is too small for the base rate"
    )]
    CapTooSmall,
}

impl From<ReadError> for PackError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<WriteError> for PackError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

/// Adds lists of packed entries up: one entry for each relevance and content, in ascending order of
/// both. Views may exceed what one written entry can hold.
pub fn merge<'a>(lists: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Entry>, PackError> {
    let mut all: Vec<Entry> = Vec::new();
    for list in lists {
        for entry in Packed::new(list.to_vec())?.entries() {
            all.push(entry?);
        }
    }
    // Each list is sorted already, which a stable sort makes use of.
    all.sort_by_key(|entry| (entry.relevance, entry.content));
    let mut merged: Vec<Entry> = Vec::with_capacity(all.len());
    for entry in all {
        match merged.last_mut() {
            Some(last) if (last.relevance, last.content) == (entry.relevance, entry.content) => {
                last.views = last.views.checked_add(entry.views).ok_or(PackError::Overflow)?;
            }
            _ => merged.push(entry),
        }
    }
    Ok(merged)
}

/// What merged entries would credit at full quality, in base units; rounded down for each.
pub fn estimate(entries: &[Entry], base_rate: u64) -> u64 {
    let mut sum = 0_u64;
    for entry in entries {
        for piece in pieces(*entry, VIEWS_MAX) {
            let weight = piece.views.saturating_mul(piece.relevance);
            sum = sum.saturating_add(accrue_floor(weight, base_rate, 0).0);
        }
    }
    sum
}

/// Cuts merged entries into batches that `bounds` hold, in order.
///
/// Nothing is lost or doubled: for each relevance and content the views of all batches are those of
/// `entries`. Views that one entry cannot hold, or that alone are worth more than a batch may be,
/// are cut into several entries. A single view that is worth more than a batch may be gets a batch
/// of its own, which the program then refuses.
pub fn cut(entries: &[Entry], bounds: &Bounds) -> Result<Vec<PackedBatch>, PackError> {
    let mut cut: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        for piece in pieces(*entry, views_in_one(entry, bounds)) {
            if cut.len() == CREDITS_PER_PLAN_MAX {
                return Err(PackError::CapTooSmall);
            }
            cut.push(piece);
        }
    }
    let mut batches = Vec::new();
    let mut rest = cut.as_slice();
    while !rest.is_empty() {
        let Filled { entries, credits } = fill(rest, bounds)?;
        let (batch, later) = rest.split_at(credits);
        // Each is below 2^25, and a batch has at most 2,048.
        let views = batch.iter().map(|entry| entry.views).sum();
        batches.push(PackedBatch { entries, credits, views });
        rest = later;
    }
    Ok(batches)
}

/// Most views of this content that one entry may carry, at least one.
fn views_in_one(entry: &Entry, bounds: &Bounds) -> u64 {
    let fits = |views| value_ceil(&Entry { views, ..*entry }, bounds.base_rate) <= bounds.value;
    if fits(entry.views.min(VIEWS_MAX)) {
        return VIEWS_MAX;
    }
    // What views are worth grows with their number: the last one that fits, by bisection.
    let (mut fit, mut over) = (1, VIEWS_MAX);
    while fit + 1 < over {
        let middle = u64::midpoint(fit, over);
        if fits(middle) {
            fit = middle;
        } else {
            over = middle;
        }
    }
    fit
}

/// An entry as entries of at most `views_max` views.
fn pieces(entry: Entry, views_max: u64) -> impl Iterator<Item = Entry> {
    let mut left = entry.views;
    std::iter::from_fn(move || {
        let views = left.min(views_max);
        left -= views;
        (views > 0).then_some(Entry { views, ..entry })
    })
}

#[cfg(test)]
mod tests;
