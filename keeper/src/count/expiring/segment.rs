//! Cells in the order of their first 64 bits.
//!
//! A segment has so many places, and these bits say which is a cell's: the first of them for the
//! least bits, the last for the highest. A cell lies in its place or, where that is taken, as close
//! after it as the order allows. So a search ends where higher bits begin, after two or three cells
//! of mostly one cache line; a hash table with a control byte for each cell has a second line to wait
//! for. And moving to another number of places is a single pass over both.
//!
//! Between 9/16 and 3/4 of the places are taken: 21 to 29 bytes a cell. Since moving is cheap, a
//! segment that is full takes an eighth to a third more places instead of twice as many. How much
//! more differs from segment to segment, so that not all of them grow at once.

/// A cell; its first 64 bits are its low ones.
pub type Cell = u128;

/// What is in a place without a cell.
pub const EMPTY: Cell = 0;

/// Places of a segment without cells.
const PLACES_MIN: usize = 4;
/// Cells after the last place, for those that do not fit before.
const OVERFLOW_CELLS: usize = 8;
/// Cells of a cache line.
const LINE_CELLS: usize = 4;

/// See the module.
pub struct Segment {
    /// Places, and what overflows the last of them.
    cells: Vec<Cell>,
    places: usize,
    taken: usize,
    /// Which segment it is, of how many.
    number: usize,
    segments: usize,
}

impl Segment {
    /// Without cells: the segment with this number of so many, a power of two.
    pub fn new(number: usize, segments: usize) -> Self {
        Self { cells: Vec::new(), places: 0, taken: 0, number, segments }
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.taken
    }

    /// Memory that cells take, in bytes.
    pub fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
    }

    /// The cell of a key.
    #[inline]
    pub fn find(&self, key: u128) -> Option<Cell> {
        self.search(key).ok().map(|at| self.cells[at])
    }

    /// The cell of a key, or an empty one that becomes its. Whoever gets an empty one must fill it.
    #[inline]
    pub fn enter(&mut self, key: u128, lives: impl Fn(Cell) -> bool) -> &mut Cell {
        if self.taken >= self.places - self.places / 4 {
            self.make_room(lives);
        }
        let at = match self.search(key) {
            Ok(at) => at,
            Err(at) => {
                self.open(at);
                at
            }
        };
        &mut self.cells[at]
    }

    /// Drops cells that do not live; takes fewer places where that leaves too many.
    pub fn sweep(&mut self, lives: impl Fn(Cell) -> bool) {
        let live = self.live(&lives);
        let places = if live == 0 { 0 } else { self.places_for(live) };
        if live < self.places / 16 * 9 && places < self.places {
            self.rebuild(places, lives);
        } else if live < self.taken {
            self.rebuild(self.places, lives);
        }
    }

    /// Asks for the cache lines of a key, without waiting for them.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        if let Some(cells) = self.cells.get(self.place(key)..) {
            prefetch(cells.as_ptr());
            prefetch(cells.as_ptr().wrapping_add(LINE_CELLS));
        }
    }

    /// The place of a cell or a key, in the order of the bits that follow the segment's.
    #[inline]
    fn place(&self, key: u128) -> usize {
        let bits = (key as u64).wrapping_mul(self.segments as u64);
        ((u128::from(bits) * self.places as u128) >> u64::BITS) as usize
    }

    /// Where a key is, or else where it would be.
    #[inline]
    fn search(&self, key: u128) -> Result<usize, usize> {
        let bits = key as u64;
        for (at, cell) in self.cells.iter().enumerate().skip(self.place(key)) {
            if *cell == EMPTY || *cell as u64 > bits {
                return Err(at);
            }
            if cell & super::KEY_MASK == key {
                return Ok(at);
            }
        }
        Err(self.cells.len())
    }

    /// Empties `at`, by moving the cells from there to the next empty one.
    #[inline]
    fn open(&mut self, at: usize) {
        let distance = self.cells.iter().skip(at).position(|cell| *cell == EMPTY);
        let empty = distance.map_or(self.cells.len(), |distance| at + distance);
        if empty == self.cells.len() {
            add_cells(&mut self.cells, OVERFLOW_CELLS);
        }
        self.cells.copy_within(at..empty, at + 1);
        self.cells[at] = EMPTY;
        self.taken += 1;
    }

    fn live(&self, lives: &impl Fn(Cell) -> bool) -> usize {
        self.cells.iter().filter(|cell| **cell != EMPTY && lives(**cell)).count()
    }

    /// Drops cells that do not live; takes more places if that is not enough.
    #[cold]
    fn make_room(&mut self, lives: impl Fn(Cell) -> bool) {
        let live = self.live(&lives);
        let is_enough = live < self.places / 8 * 5;
        self.rebuild(if is_enough { self.places } else { self.places_for(live) }, lives);
    }

    /// Places for so many cells: half as many more, to three quarters.
    fn places_for(&self, live: usize) -> usize {
        live + live / 2 + live * self.number / (4 * self.segments) + PLACES_MIN
    }

    fn rebuild(&mut self, places: usize, lives: impl Fn(Cell) -> bool) {
        let mut new = Self { places, ..Self::new(self.number, self.segments) };
        if places > 0 {
            add_cells(&mut new.cells, places + OVERFLOW_CELLS);
        }
        let mut next = 0;
        for cell in self.cells.iter().filter(|cell| **cell != EMPTY && lives(**cell)) {
            let at = new.place(*cell).max(next);
            if at == new.cells.len() {
                add_cells(&mut new.cells, OVERFLOW_CELLS);
            }
            new.cells[at] = *cell;
            new.taken += 1;
            next = at + 1;
        }
        *self = new;
    }
}

/// Empty cells, and no memory for more.
fn add_cells(cells: &mut Vec<Cell>, count: usize) {
    cells.reserve_exact(count);
    cells.resize(cells.len() + count, EMPTY);
}

/// Asks for a cache line.
#[inline]
fn prefetch(cell: *const Cell) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of whatever address has no effect but on caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(cell.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(cell);
}

#[cfg(test)]
mod tests;
