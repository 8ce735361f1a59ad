//! The quality score that delivery sets on the chain.
//!
//! ```text
//! credit(r)  = max(likeness of the renditions on rung r,
//!                  floor(best likeness of the rungs above r × 8,000 / 10,000))
//! quality    = floor(Σ over rungs: weight(r) × credit(r) / 10,000)             basis points
//! ```
//!
//! A rung that is missing still counts for most of what it could where a larger rendition can be
//! shown in its place; the rest is lost, since viewers on slow lines have nothing that fits. The
//! weights say how much more viewers see with each rung and add up to 10,000. Renditions larger
//! than their source add nothing. The score depends on the renditions alone, so anybody can
//! recompute it from a manifest, and it is monotone: another rendition or a better likeness never
//! lowers it, since sums and maxima do not.

use crate::{
    check::Metric,
    package::{Manifest, VideoRendition},
    plan::LADDER,
};

/// Weight of each rung of the ladder, basis points.
pub const WEIGHTS: [u16; 7] = [2_500, 1_500, 1_200, 1_800, 1_500, 800, 700];
/// What a larger rendition counts for in the place of a missing one, basis points.
pub const SUBSTITUTE: u16 = 8_000;
/// Basis points of the whole.
const WHOLE: u32 = 10_000;
/// Likeness that counts nothing, by metric: what is below is not fit to be watched.
const SSIM_ZERO: u32 = 5_000;

const _: () = {
    let (mut sum, mut at) = (0, 0);
    while at < WEIGHTS.len() {
        sum += WEIGHTS[at] as u32;
        at += 1;
    }
    assert!(sum == WHOLE && WEIGHTS.len() == LADDER.len());
};

/// What counts of a rendition: its rung, and its likeness in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rated {
    /// Name of the rung.
    pub lines: u16,
    /// Likeness, 0 to 10,000; see [`likeness`].
    pub likeness: u16,
}

/// Brings scores of both metrics to one scale, 0 to 10,000. VMAF is taken as it is; SSIM uses only
/// the upper half of its range, which is stretched to the whole.
pub fn likeness(metric: Metric, score: u16) -> u16 {
    let score = u32::from(score).min(WHOLE);
    let value = match metric {
        Metric::Vmaf => score,
        Metric::Ssim => score.saturating_sub(SSIM_ZERO) * WHOLE / (WHOLE - SSIM_ZERO),
    };
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// The quality of a set of renditions, 0 to 10,000 basis points.
pub fn quality(renditions: impl IntoIterator<Item = Rated>) -> u16 {
    let mut best = [0_u32; LADDER.len()];
    for rated in renditions {
        let rung = LADDER.iter().position(|rung| rung.lines == rated.lines);
        if let Some(place) = rung.and_then(|rung| best.get_mut(rung)) {
            *place = (*place).max(u32::from(rated.likeness).min(WHOLE));
        }
    }
    let (mut sum, mut above) = (0, 0);
    for (best, weight) in best.into_iter().zip(WEIGHTS).rev() {
        let credit = best.max(above * u32::from(SUBSTITUTE) / WHOLE);
        sum += u32::from(weight) * credit;
        above = above.max(best);
    }
    u16::try_from(sum / WHOLE).unwrap_or(u16::MAX)
}

/// What counts of the renditions of a manifest.
pub fn rated(renditions: &[VideoRendition]) -> impl Iterator<Item = Rated> {
    renditions.iter().filter(|rendition| !rendition.spec.upscaled).map(|rendition| Rated {
        lines: rendition.spec.lines,
        likeness: likeness(rendition.checked.metric, rendition.checked.score),
    })
}

/// The quality of a manifest, recomputed.
pub fn of(manifest: &Manifest) -> u16 {
    quality(rated(&manifest.video))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn any_rated() -> impl Strategy<Value = Rated> {
        (0..LADDER.len(), 0..=10_000_u16)
            .prop_map(|(rung, likeness)| Rated { lines: LADDER[rung].lines, likeness })
    }

    #[test]
    fn ends_of_the_scale() {
        assert_eq!(quality([]), 0);
        let all = LADDER.map(|rung| Rated { lines: rung.lines, likeness: 10_000 });
        assert_eq!(quality(all), 10_000);
        let one = |lines| quality([Rated { lines, likeness: 10_000 }]);
        assert_eq!((one(240), one(720), one(2_160)), (2_500, 5_960, 8_140));
    }

    proptest! {
        #[test]
        fn another_rendition_never_lowers_it(
            mut renditions in vec(any_rated(), 0..10), more in any_rated(),
        ) {
            let before = quality(renditions.clone());
            renditions.push(more);
            prop_assert!(quality(renditions) >= before);
        }

        #[test]
        fn a_better_likeness_never_lowers_it(
            mut renditions in vec(any_rated(), 1..10), which: prop::sample::Index, by in 0..10_000_u16,
        ) {
            let before = quality(renditions.clone());
            let rated = which.get_mut(&mut renditions);
            rated.likeness = (rated.likeness + by).min(10_000);
            prop_assert!(quality(renditions) >= before);
        }

        #[test]
        fn a_better_score_never_lowers_likeness(score in 0..10_000_u16) {
            for metric in [Metric::Ssim, Metric::Vmaf] {
                prop_assert!(likeness(metric, score + 1) >= likeness(metric, score));
                prop_assert!(likeness(metric, score) <= 10_000);
            }
        }

        #[test]
        fn the_order_does_not_matter(mut renditions in vec(any_rated(), 0..10)) {
            let before = quality(renditions.clone());
            renditions.reverse();
            prop_assert_eq!(quality(renditions), before);
        }
    }
}
