use std::collections::{HashMap, HashSet};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{config::Seconds, testing::cases, views::ContentId};

const NOW: i64 = 1_763_726_400_000;
const HOUR: i64 = 3_600_000;

fn event(id: u8, viewer: u8, content: u8, at_ms: i64) -> ViewEvent {
    ViewEvent {
        id: [id; 16],
        viewer: [viewer; 16],
        content: ContentId([content; 16]),
        at_ms,
        watched_ms: 3_000,
        relevance: 10_000,
    }
}

fn judged(judge: &mut Judge, received_ms: i64, events: &[ViewEvent]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    judge.judge(events, |index| events[index].content.0[0] != 0, received_ms, &mut verdicts);
    verdicts
}

#[test]
fn each_verdict_has_its_bound() {
    use Verdict::{Counted, DuplicateId, DuplicateView, Future, Stale, TooShort, UnknownContent};

    let mut judge = Judge::new(&CountingConfig::default());
    let short = ViewEvent { watched_ms: 2_999, ..event(20, 20, 1, NOW) };
    let cases = [
        (event(1, 1, 1, NOW + 300_000), Counted),
        (event(2, 2, 1, NOW + 300_001), Future),
        (event(3, 3, 1, NOW - 24 * HOUR), Counted),
        (event(4, 4, 1, NOW - 24 * HOUR - 1), Stale),
        (short, TooShort),
        (event(5, 5, 0, NOW), UnknownContent),
        (event(1, 6, 1, NOW), DuplicateId),
        (event(6, 1, 1, NOW), DuplicateView),
        (event(6, 1, 2, NOW), Counted),
        // What did not count is not remembered.
        (event(2, 2, 1, NOW), Counted),
        (ViewEvent { watched_ms: 3_000, ..short }, Counted),
        (event(5, 5, 1, NOW), Counted),
        // The order of the checks.
        (event(1, 1, 1, i64::MAX), Future),
        (ViewEvent { watched_ms: 0, ..event(1, 1, 0, i64::MIN) }, Stale),
        (ViewEvent { watched_ms: 0, ..event(1, 1, 0, NOW) }, TooShort),
        (event(1, 1, 0, NOW), UnknownContent),
        (event(1, 1, 1, NOW), DuplicateId),
    ];
    let events: Vec<_> = cases.iter().map(|(event, _)| *event).collect();
    let expected: Vec<_> = cases.iter().map(|(_, verdict)| *verdict).collect();
    assert_eq!(judged(&mut judge, NOW, &events), expected);
    assert_eq!(judge.live_ids(), expected.iter().filter(|verdict| **verdict == Counted).count());
}

#[test]
fn windows_are_of_the_time_of_the_view() {
    use Verdict::{Counted, DuplicateView};

    // The start of an hour.
    let hour = NOW - NOW % HOUR;
    let mut judge = Judge::new(&CountingConfig::default());
    let events = [
        event(1, 1, 1, hour - 1),
        event(2, 1, 1, hour),
        event(3, 1, 1, hour + HOUR - 1),
        event(4, 1, 1, hour + HOUR),
        event(5, 1, 1, hour - HOUR),
    ];
    let expected = [Counted, Counted, DuplicateView, Counted, DuplicateView];
    assert_eq!(judged(&mut judge, hour + HOUR, &events), expected);
    // Remembered as long as a view of that window may come.
    let late = event(6, 1, 1, hour + 30_000);
    assert_eq!(judged(&mut judge, hour + 24 * HOUR, &[late]), [DuplicateView]);
}

#[test]
fn ids_are_remembered_for_their_time() {
    use Verdict::{Counted, DuplicateId};

    let config = CountingConfig { id_seconds: Seconds(7_200), ..CountingConfig::default() };
    let mut judge = Judge::new(&config);
    assert_eq!(judged(&mut judge, NOW, &[event(1, 1, 1, NOW)]), [Counted]);
    let again = |at| [event(1, 2, 2, at)];
    assert_eq!(judged(&mut judge, NOW + 2 * HOUR, &again(NOW + 2 * HOUR)), [DuplicateId]);
    // A hundredth of the longest time later at most.
    let later = NOW + 2 * HOUR + 2 * HOUR / 50;
    assert_eq!(judged(&mut judge, later, &again(later)), [Counted]);
}

#[test]
fn a_viewer_watches_so_much_in_so_much_time() {
    use Verdict::{Counted, ImpossibleRate};

    let config = CountingConfig { viewer_views_max: 3, ..CountingConfig::default() };
    let start = NOW - NOW % 600_000;
    let mut judge = Judge::new(&config);
    let events: Vec<_> = (1..=5).map(|n| event(n, 1, n, start + i64::from(n))).collect();
    let expected = [Counted, Counted, Counted, ImpossibleRate, ImpossibleRate];
    assert_eq!(judged(&mut judge, NOW, &events), expected);
    let others =
        [event(6, 2, 1, start), event(7, 1, 6, start + 600_000 - 1), event(8, 1, 6, start - 1)];
    let later = NOW + 600_000;
    assert_eq!(judged(&mut judge, later, &others), [Counted, ImpossibleRate, Counted]);
}

/// What the module says, with sets that forget nothing.
#[derive(Default)]
struct Model {
    ids: HashSet<[u8; 16]>,
    views: HashSet<([u8; 16], ContentId, i64)>,
    rates: HashMap<([u8; 16], i64), u16>,
}

impl Model {
    fn verdict(&mut self, config: &CountingConfig, event: &ViewEvent, now: i64) -> Verdict {
        let view_window = event.at_ms.div_euclid(config.view_window_seconds.millis());
        let rate_window = event.at_ms.div_euclid(config.viewer_window_seconds.millis());
        let view = (event.viewer, event.content, view_window);
        let rate = self.rates.entry((event.viewer, rate_window)).or_default();
        if event.at_ms > now + config.ahead_max_seconds.millis() {
            return Verdict::Future;
        }
        if event.at_ms < now - config.age_max_seconds.millis() {
            return Verdict::Stale;
        }
        if event.watched_ms < config.watched_ms_min {
            return Verdict::TooShort;
        }
        if event.content.0[0] == 0 {
            return Verdict::UnknownContent;
        }
        if self.ids.contains(&event.id) {
            return Verdict::DuplicateId;
        }
        if self.views.contains(&view) {
            return Verdict::DuplicateView;
        }
        if *rate >= config.viewer_views_max {
            return Verdict::ImpossibleRate;
        }
        *rate += 1;
        self.ids.insert(event.id);
        self.views.insert(view);
        Verdict::Counted
    }
}

fn any_event() -> impl Strategy<Value = ViewEvent> {
    let fields = (0..200_u8, 0..6_u8, 0..6_u8, -26 * HOUR..HOUR, 2_990..3_010_u32);
    fields.prop_map(|(id, viewer, content, at, watched_ms)| ViewEvent {
        watched_ms,
        ..event(id, viewer, content, at)
    })
}

proptest! {
    #![proptest_config(cases(150))]

    /// Within the time that ids are remembered; a restart in the middle changes nothing.
    #[test]
    fn verdicts_are_those_of_the_model(
        batches in vec((vec(any_event(), 0..80), 0..20_000_i64), 1..20),
        restart in 0..20_usize,
    ) {
        let config = CountingConfig { viewer_views_max: 4, ..CountingConfig::default() };
        let (mut judge, mut model) = (Judge::new(&config), Model::default());
        let mut now = NOW;
        let mut counted = Vec::new();
        for (number, (mut events, step)) in batches.into_iter().enumerate() {
            now += step;
            events.iter_mut().for_each(|event| event.at_ms += now);
            let expected: Vec<_> =
                events.iter().map(|event| model.verdict(&config, event, now)).collect();
            if number == restart {
                judge = Judge::new(&config);
                for (now, events) in &counted {
                    let events: &Vec<ViewEvent> = events;
                    judge.remember(events.iter(), *now);
                }
            }
            let verdicts = judged(&mut judge, now, &events);
            prop_assert_eq!(&verdicts, &expected);
            let these = events.iter().zip(verdicts).filter(|(_, verdict)| *verdict == Verdict::Counted);
            counted.push((now, these.map(|(event, _)| *event).collect()));
        }
    }
}
