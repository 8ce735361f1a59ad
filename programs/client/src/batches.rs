use pixr::{
    entries::{Entry, WriteError, Writer},
    math::earnings::{SCALE, accrue_floor},
};

/// What one batch may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of packed entries.
    pub bytes: usize,
    /// Entries.
    pub credits: usize,
    /// What all entries together are worth at most, in base units.
    pub value: u64,
    /// Base units per 1,000 views: what the value is reckoned with.
    pub base_rate: u64,
}

impl Bounds {
    /// Bounded by nothing but `bytes` of packed entries.
    pub const fn bytes(bytes: usize) -> Self {
        Self { bytes, credits: usize::MAX, value: u64::MAX, base_rate: 0 }
    }
}

/// Entries of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Packed.
    pub entries: Vec<u8>,
    /// How many.
    pub credits: usize,
}

/// The most that an entry can credit, in base units: at full quality and with the largest remainder
/// that its content can have. Also what a reversal of it is worth at most.
pub fn value_ceil(entry: &Entry, base_rate: u64) -> u64 {
    const REMAINDER_MAX: i64 = (SCALE - 1).cast_signed();
    accrue_floor(entry.views.saturating_mul(entry.relevance), base_rate, REMAINDER_MAX).0
}

/// Packs as many of the first `entries` as `bounds` hold; the very first one in any case, so that
/// whoever packs a list batch by batch comes to its end.
pub fn fill(entries: &[Entry], bounds: &Bounds) -> Result<Filled, WriteError> {
    let mut writer = Writer::default();
    let mut credits = 0;
    let mut value = 0_u64;
    for entry in entries {
        let bytes = writer.bytes().len().saturating_add(writer.cost(*entry)?);
        value = value.saturating_add(value_ceil(entry, bounds.base_rate));
        let fits = bytes <= bounds.bytes && credits < bounds.credits && value <= bounds.value;
        if !fits && credits > 0 {
            break;
        }
        writer.push(*entry)?;
        credits += 1;
    }
    Ok(Filled { entries: writer.finish(), credits })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;

    fn entries() -> Vec<Entry> {
        (0..100).map(|content| Entry { content, views: 10, relevance: 10_000 }).collect()
    }

    #[test]
    fn stops_at_each_bound() {
        let all = entries();
        let bounds = Bounds::bytes(1_000);
        assert_eq!(fill(&all, &bounds).unwrap().credits, 100);
        assert_eq!(fill(&all, &Bounds { bytes: 21, ..bounds }).unwrap().credits, 10);
        assert_eq!(fill(&all, &Bounds { credits: 7, ..bounds }).unwrap().credits, 7);
        // Each is worth 10,000 base units.
        let bounds = Bounds { value: 30_000, base_rate: RATE, ..bounds };
        assert_eq!(fill(&all, &bounds).unwrap().credits, 3);
        assert_eq!(fill(&all, &Bounds { value: 29_999, ..bounds }).unwrap().credits, 2);
    }

    #[test]
    fn values_round_up() {
        let entry = |views, relevance| Entry { content: 0, views, relevance };
        assert_eq!(value_ceil(&entry(1, 1), 1), 1);
        assert_eq!(value_ceil(&entry(1_000, 10_000), 7), 7);
        assert_eq!(value_ceil(&entry(1_001, 10_000), 7), 8);
    }

    #[test]
    fn takes_the_first_entry_in_any_case() {
        let none = Bounds { bytes: 0, credits: 0, value: 0, base_rate: RATE };
        assert_eq!(fill(&entries(), &none).unwrap().credits, 1);
        assert_eq!(fill(&[], &none).unwrap().credits, 0);
    }

    #[test]
    fn refuses_what_cannot_be_written() {
        let entry = Entry { content: 0, views: 0, relevance: 1 };
        assert_eq!(fill(&[entry], &Bounds::bytes(100)), Err(WriteError::Views));
    }
}
