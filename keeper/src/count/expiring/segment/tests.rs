use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::testing::cases;

const SEGMENTS: usize = 64;
const COUNT: u128 = 1 << super::super::KEY_BITS;

/// Every cell where a search finds it: in order, no earlier than its place, with no gap before it.
fn check(segment: &Segment) {
    let mut taken = 0;
    let mut last = 0;
    for (at, cell) in segment.cells.iter().enumerate().filter(|(_, cell)| **cell != EMPTY) {
        let place = segment.place(*cell);
        assert!(place <= at && last <= *cell as u64, "{at}");
        assert!(!segment.cells[place..at].contains(&EMPTY), "{at}");
        last = *cell as u64;
        taken += 1;
    }
    assert_eq!(taken, segment.taken);
    assert!(segment.taken <= segment.places);
}

proptest! {
    #![proptest_config(cases(100))]

    /// Many cells with the same first bits, in a segment that fills and is swept.
    #[test]
    fn cells_stay_in_order(
        number in 0..SEGMENTS,
        steps in vec((0..40_u64, 0..6_u8, 0..30_u8), 0..600),
    ) {
        let mut segment = Segment::new(number, SEGMENTS);
        let mut model = BTreeMap::new();
        for (bits, rest, action) in steps {
            let first = (number as u64) << 58 | bits.pow(3) << 40;
            let key = u128::from(rest) << 64 | u128::from(first);
            if action == 0 {
                let lives = |cell: Cell| cell as u64 >> 40 & 1 == 0;
                segment.sweep(lives);
                model.retain(|key, _| lives(*key));
            } else {
                let cell = segment.enter(key, |_| true);
                let count = model.entry(key).or_insert(0);
                prop_assert_eq!(*cell == EMPTY, *count == 0);
                *count += 1;
                *cell = key | (COUNT * *count);
            }
            check(&segment);
            prop_assert_eq!(segment.len(), model.len());
        }
        for (key, count) in model {
            prop_assert_eq!(segment.find(key), Some(key | (COUNT * count)));
        }
    }
}
