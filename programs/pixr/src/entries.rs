//! Packed entries: which content, how many new views, at which relevance.
//!
//! A batch is a list of entries in ascending order of content. Each entry states only what the ones
//! before it leave open, in one of three forms. Bits are counted from the lowest of the first byte,
//! but for relevance, whose six high bits come first:
//!
//! | form | bytes | first byte | fields |
//! | --- | --- | --- | --- |
//! | short | 2 | 0 to 126 | views - 1 (8 bits), gap (8) |
//! | medium | 4 | 128 to 191 | relevance (6, then 8), views - 1 (7), gap (9) |
//! | long | 8 | 192 to 255 | relevance (6, then 8), views - 1 (24), content (24) |
//!
//! *gap* is added to the content of the entry before (0 before the first), *relevance* is in basis
//! points and holds until an entry states another (10,000 before the first). An entry has at least
//! one view. A long entry may name any content, so any list can be written, in any order.
//!
//! **How it was chosen.** A transaction costs the same for one credit or two thousand, so bytes are
//! fees. In a busy window nearly all contents of a shard have a few views: sorted by content, the
//! distance to the next one and the views fit two bytes together, and relevance, which a platform
//! grades in steps, is shared by a run of entries. Where every entry has a relevance of its own, four
//! bytes hold it; the few contents with over 128 views, and those far apart, take eight. Against fixed
//! entries of four bytes this halves the fees of a busy shard, costs no more where relevance is
//! arbitrary, and limits no field: the fixed form had to give up either range or precision. One
//! comparison of one byte tells a short entry from anything else, the end of the list included: what
//! ends it would start an entry of impossible relevance.

use std::marker::PhantomData;

use crate::{
    constants::{BPS_DENOMINATOR, CONTENTS_MAX},
    math::earnings::VIEWS_MAX,
};

/// Largest first byte of a short entry. Not 127: the compiler turns a test of the highest bit into
/// four instructions, and any other bound into one.
const SHORT_MAX: u64 = 126;
const SHORT_VIEWS_MAX: u64 = SHORT_MAX + 1;
const SHORT_GAP_MAX: u64 = (1 << 8) - 1;
const MEDIUM: u64 = 0b10 << 6;
const MEDIUM_VIEWS_BITS: u64 = 7;
const MEDIUM_VIEWS_MAX: u64 = 1 << MEDIUM_VIEWS_BITS;
const MEDIUM_GAP_MAX: u64 = (1 << 9) - 1;
const LONG: u64 = 0b11 << 6;
const LONG_VIEWS_BITS: u64 = 24;
const RELEVANCE_HIGH_MASK: u64 = (1 << 6) - 1;
const CONTENT_MAX: u64 = (1 << 24) - 1;

const _: () = assert!(CONTENTS_MAX == 1 << 24 && CONTENT_MAX == (1 << 24) - 1);
const _: () = assert!(VIEWS_MAX == 1 << LONG_VIEWS_BITS);
const _: () = assert!(BPS_DENOMINATOR < RELEVANCE_HIGH_MASK << 8);

/// One measurement: views of a content at one relevance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index of the content slot in its shard, below 2^24.
    pub content: u64,
    /// New views, from 1 to 2^24.
    pub views: u64,
    /// Relevance of these views, in basis points up to 10,000.
    pub relevance: u64,
}

/// Why bytes are not a list of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The last entry is cut off.
    Truncated,
    /// Relevance is above 10,000 basis points.
    Relevance,
}

/// Why an entry cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// Views are zero or above 2^24.
    Views,
    /// Relevance is above 10,000 basis points.
    Relevance,
    /// The content index is 2^24 or more.
    Content,
}

/// A list of packed entries with the word that ends it, ready to be read.
pub struct Packed {
    bytes: Vec<u8>,
}

impl Packed {
    /// Reads as a long entry with a relevance of 16,383.
    const END: [u8; 2] = [0xff; 2];

    /// Takes a list. Fails when its length is odd: every entry takes an even number of bytes.
    pub fn new(mut bytes: Vec<u8>) -> Result<Self, ReadError> {
        if !bytes.len().is_multiple_of(2) {
            return Err(ReadError::Truncated);
        }
        bytes.extend_from_slice(&Self::END);
        Ok(Self { bytes })
    }

    /// The list, without the word that ends it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().saturating_sub(Self::END.len())]
    }

    /// Reads the entries one by one, each where it lies.
    pub fn steps(&self) -> Steps<'_> {
        let words = self.bytes.as_ptr_range();
        Steps {
            next: words.start.cast(),
            // The last word is the one that ends the list.
            end: words.end.wrapping_sub(Self::END.len()).cast(),
            relevance: BPS_DENOMINATOR,
            list: PhantomData,
        }
    }

    /// Reads the entries one by one, with absolute content indices.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, ReadError>> {
        let mut steps = self.steps();
        let mut content = 0_u64;
        std::iter::from_fn(move || {
            let step = match steps.next()? {
                Ok(step) => step,
                Err(error) => return Some(Err(error)),
            };
            content = match step.place {
                // At most 2,048 gaps of at most 511.
                Place::After(gap) => content.saturating_add(gap),
                Place::At(content) => content,
            };
            let Step { views, relevance, .. } = step;
            Some(Ok(Entry { content, views, relevance }))
        })
    }
}

/// Which content an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// So many slots after the content of the entry before; after slot 0 for the first entry.
    After(u64),
    /// The slot with this index.
    At(u64),
}

/// One entry as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The content.
    pub place: Place,
    /// New views, from 1 to 2^24.
    pub views: u64,
    /// Relevance of these views, in basis points up to 10,000.
    pub relevance: u64,
}

/// Reads packed entries.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    next: *const [u8; 2],
    end: *const [u8; 2],
    relevance: u64,
    list: PhantomData<&'a [u8]>,
}

impl Steps<'_> {
    /// The next entry if it has the form `F` and nothing is wrong with it; nothing is read.
    #[inline(always)]
    pub fn peek<F: Form>(&self) -> Option<Peeked> {
        F::peek(self)
    }

    /// Moves beyond the entry of the form `F` that [`Self::peek`] found.
    #[inline(always)]
    pub fn pass<F: Form>(&mut self, peeked: Peeked) {
        self.next = self.next.wrapping_add(F::BYTES / 2);
        if F::STATES_RELEVANCE {
            self.relevance = peeked.relevance;
        }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.end.addr().saturating_sub(self.next.addr())
    }

    /// The byte at `offset` of the next four.
    ///
    /// # Safety
    /// `offset` is 0 or 1, or 2 or 3 when `next` is before `end`: two bytes end the list there.
    #[inline(always)]
    unsafe fn byte(&self, offset: usize) -> u64 {
        let first: *const u8 = self.next.cast();
        // SAFETY: the caller's promise, and `next` is at most at `end`.
        u64::from(unsafe { first.add(offset).read() })
    }

    /// The next two bytes.
    fn two(&mut self) -> Result<[u64; 2], ReadError> {
        if self.next >= self.end {
            return Err(ReadError::Truncated);
        }
        // SAFETY: `next` is before `end`.
        let two = unsafe { self.next.read() };
        self.next = self.next.wrapping_add(1);
        Ok(two.map(u64::from))
    }

    /// The entry of the medium or long form that comes next.
    fn wide(&mut self) -> Result<Step, ReadError> {
        let [first, low] = self.two()?;
        let relevance = (first & RELEVANCE_HIGH_MASK) << 8 | low;
        if first < MEDIUM || relevance > BPS_DENOMINATOR {
            return Err(ReadError::Relevance);
        }
        let [a, b] = self.two()?;
        let (place, views) = if first < LONG {
            let rest = a | b << 8;
            (Place::After(rest >> MEDIUM_VIEWS_BITS), rest & (MEDIUM_VIEWS_MAX - 1))
        } else {
            let ([c, d], [e, f]) = (self.two()?, self.two()?);
            (Place::At(d | e << 8 | f << 16), a | b << 8 | c << 16)
        };
        self.relevance = relevance;
        Ok(Step { place, views: views.wrapping_add(1), relevance })
    }
}

impl Iterator for Steps<'_> {
    type Item = Result<Step, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        let Some(short) = self.peek::<Short>() else { return Some(self.wide()) };
        self.pass::<Short>(short);
        let Peeked { gap, views, relevance } = short;
        Some(Ok(Step { place: Place::After(gap), views, relevance }))
    }
}

/// A form that settlement has a loop for.
pub trait Form {
    /// Bytes of an entry.
    const BYTES: usize;
    /// Whether an entry states its relevance, or has that of the one before.
    const STATES_RELEVANCE: bool;

    /// The next entry if it has this form and nothing is wrong with it.
    fn peek(steps: &Steps) -> Option<Peeked>;
}

/// An entry that names its content by the distance from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// See [`Place::After`].
    pub gap: u64,
    /// See [`Step::views`].
    pub views: u64,
    /// See [`Step::relevance`].
    pub relevance: u64,
}

/// The form of two bytes.
pub enum Short {}

impl Form for Short {
    const BYTES: usize = 2;
    const STATES_RELEVANCE: bool = false;

    /// What ends the list does not start a short entry, so no comparison with the end is needed.
    #[inline(always)]
    fn peek(steps: &Steps) -> Option<Peeked> {
        // SAFETY: the first two bytes are always there.
        let views = unsafe { steps.byte(0) };
        if views > SHORT_MAX {
            return None;
        }
        // SAFETY: as above.
        let gap = unsafe { steps.byte(1) };
        Some(Peeked { gap, views: views.wrapping_add(1), relevance: steps.relevance })
    }
}

/// The form of four bytes.
pub enum Medium {}

impl Form for Medium {
    const BYTES: usize = 4;
    const STATES_RELEVANCE: bool = true;

    /// Where the list ends within the entry, its second half reads as what ends the list. That is a
    /// possible half too, so [`Steps::next`] has to tell.
    #[inline(always)]
    fn peek(steps: &Steps) -> Option<Peeked> {
        // SAFETY: the first two bytes are always there.
        let relevance =
            unsafe { steps.byte(0) }.wrapping_sub(MEDIUM) << 8 | unsafe { steps.byte(1) };
        if relevance > BPS_DENOMINATOR {
            return None;
        }
        // SAFETY: what ends the list does not start a medium entry, so `next` is before `end`.
        let (low, high) = unsafe { (steps.byte(2), steps.byte(3)) };
        let rest = low | high << 8;
        if rest == u64::from(u16::from_le_bytes(Packed::END)) {
            return None;
        }
        let views = (rest & (MEDIUM_VIEWS_MAX - 1)).wrapping_add(1);
        Some(Peeked { gap: rest >> MEDIUM_VIEWS_BITS, views, relevance })
    }
}

/// Packs entries, each in the shortest form that holds it.
///
/// Entries may come in any order; those of one relevance in ascending order of content pack best.
pub struct Writer {
    bytes: Vec<u8>,
    content: u64,
    relevance: u64,
}

impl Default for Writer {
    fn default() -> Self {
        Self { bytes: Vec::new(), content: 0, relevance: BPS_DENOMINATOR }
    }
}

impl Writer {
    /// Adds an entry. On an error nothing was added.
    pub fn push(&mut self, entry: Entry) -> Result<(), WriteError> {
        let (bytes, length) = self.pack(entry)?;
        self.bytes.extend_from_slice(&bytes[..length]);
        self.content = entry.content;
        self.relevance = entry.relevance;
        Ok(())
    }

    /// The bytes that [`Self::push`] would add.
    pub fn cost(&self, entry: Entry) -> Result<usize, WriteError> {
        self.pack(entry).map(|(_, length)| length)
    }

    /// The bytes written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The packed list.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn pack(&self, entry: Entry) -> Result<([u8; 8], usize), WriteError> {
        let Entry { content, views, relevance } = entry;
        let more_views = views.checked_sub(1).ok_or(WriteError::Views)?;
        if views > VIEWS_MAX {
            return Err(WriteError::Views);
        }
        if relevance > BPS_DENOMINATOR {
            return Err(WriteError::Relevance);
        }
        if content > CONTENT_MAX {
            return Err(WriteError::Content);
        }
        let gap = content.checked_sub(self.content);
        let relevance_bytes = relevance >> 8 | (relevance & 0xff) << 8;
        let (value, length) = match gap {
            Some(gap)
                if relevance == self.relevance
                    && gap <= SHORT_GAP_MAX
                    && views <= SHORT_VIEWS_MAX =>
            {
                (more_views | gap << 8, 2)
            }
            Some(gap) if gap <= MEDIUM_GAP_MAX && views <= MEDIUM_VIEWS_MAX => {
                let rest = more_views | gap << MEDIUM_VIEWS_BITS;
                (MEDIUM | relevance_bytes | rest << 16, 4)
            }
            _ => {
                let rest = more_views | content << LONG_VIEWS_BITS;
                (LONG | relevance_bytes | rest << 16, 8)
            }
        };
        Ok((value.to_le_bytes(), length))
    }
}

#[cfg(test)]
mod tests;
