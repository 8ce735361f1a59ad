use pixr::entries::Writer;

use super::*;

fn window(id: i64, kind: Kind, content: u64, seconds: i64) -> Window {
    let mut writer = Writer::default();
    writer.push(Entry { content, views: 1, relevance: 10_000 }).expect("an entry");
    let oldest_at = DateTime::from_timestamp(seconds, 0).expect("a time");
    Window { id, kind, entries: writer.finish(), oldest_at }
}

fn ids(windows: Vec<Window>) -> Vec<(Kind, Vec<i64>)> {
    let candidates = candidates(windows).expect("windows that add up");
    candidates.into_iter().map(|candidate| (candidate.kind, candidate.windows)).collect()
}

#[test]
fn reversals_wait_for_the_views_before_them() {
    use Kind::{Reversal, Views};
    let of = |kinds: &[Kind]| {
        let windows = (1..).zip(kinds).map(|(id, kind)| window(id, *kind, 1, 0)).collect();
        ids(windows)
    };
    assert_eq!(of(&[]), []);
    assert_eq!(of(&[Views, Views]), [(Views, vec![1, 2])]);
    assert_eq!(of(&[Reversal, Reversal]), [(Reversal, vec![1, 2])]);
    assert_eq!(of(&[Views, Reversal, Views]), [(Views, vec![1, 3])]);
    assert_eq!(of(&[Reversal, Views, Reversal]), [(Reversal, vec![1]), (Views, vec![2])]);
}

#[test]
fn a_candidate_is_as_old_as_its_oldest_window() {
    let windows = vec![
        window(1, Kind::Views, 3, 50),
        window(2, Kind::Views, 3, 40),
        window(3, Kind::Views, 1, 60),
    ];
    let candidate = candidates(windows).expect("windows").remove(0);
    let now = DateTime::from_timestamp(100, 0).expect("a time");
    let waiting = candidate.waiting(1_000_000, now);
    assert_eq!(waiting.credits, 2);
    assert_eq!(waiting.amount, 3_000);
    assert_eq!(waiting.age, Duration::from_secs(60));
    // The clock was set back.
    let before = DateTime::from_timestamp(0, 0).expect("a time");
    assert_eq!(candidate.waiting(1_000_000, before).age, Duration::ZERO);
}

#[test]
fn numbers_and_hashes_follow_from_the_start() {
    let packed = |byte| PackedBatch { entries: vec![byte, 0], credits: 1, views: 2 };
    let of = PlanOf { plan: 9, kind: Kind::Reversal, oldest_at: DateTime::UNIX_EPOCH };
    let start = Link { sequence: 41, hash: [1; 32] };
    let batches = chain(of, start, vec![packed(1), packed(2)]).expect("batches");
    assert_eq!(batches.iter().map(|batch| batch.sequence).collect::<Vec<_>>(), [42, 43]);
    let first = Kind::Reversal.chain(&[1; 32], &[1, 0]);
    assert_eq!(batches[0].hash, first);
    assert_eq!(batches[1].hash, Kind::Reversal.chain(&first, &[2, 0]));
}
