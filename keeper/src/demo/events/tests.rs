use std::collections::{HashMap, HashSet};

use super::*;

const END_MS: i64 = 1_790_000_000_000;
const COUNT: u64 = 200_000;

fn events(seed: u64) -> Vec<Event> {
    let catalogue = Arc::new(Catalogue::new(seed, 200, 2_000));
    Events::new(seed, COUNT, catalogue, END_MS).collect()
}

#[test]
fn are_the_same_for_the_same_seed_alone() {
    assert!(events(1) == events(1));
    assert!(events(1) != events(2));
}

#[test]
fn every_kind_has_its_share() {
    let events = events(3);
    assert_eq!(events.len() as u64, COUNT);
    let mut shares: HashMap<Kind, u64> = HashMap::new();
    for event in &events {
        *shares.entry(event.kind).or_default() += 1;
    }
    for (kind, share) in [
        (Kind::Duplicate, DUPLICATES),
        (Kind::Bot, BOTS),
        (Kind::Unknown, UNKNOWN),
        (Kind::Future, FUTURE),
        (Kind::Stale, STALE),
    ] {
        let expected = COUNT * share / WHOLE;
        let made = shares[&kind];
        assert!(made * 4 > expected * 3 && made * 4 < expected * 5, "{kind:?}: {made}");
    }
}

#[test]
fn a_duplicate_is_an_earlier_event_again_and_some_come_late() {
    let mut first: HashMap<u64, (usize, Event)> = HashMap::new();
    let mut late = 0;
    for (place, event) in events(4).into_iter().enumerate() {
        if event.kind != Kind::Duplicate {
            assert!(first.insert(event.id, (place, event)).is_none(), "an id twice");
            continue;
        }
        let (before, original) = first[&event.id];
        assert_eq!(Event { kind: original.kind, ..event }, original);
        late += u64::from(place - before > 2 * MEMORY);
    }
    assert!(late > COUNT * DUPLICATES / WHOLE / 5, "{late} late duplicates");
}

#[test]
fn clocks_are_right_but_for_those_that_are_wrong() {
    let day = END_MS - 24 * HOUR_MS..END_MS;
    for event in events(5) {
        match event.kind {
            Kind::Future => assert!(event.at_ms > END_MS + HOUR_MS),
            Kind::Stale => assert!(event.at_ms < END_MS - 24 * HOUR_MS),
            _ => assert!(day.contains(&event.at_ms), "{event:?}"),
        }
    }
}

#[test]
fn popularity_and_relevance_are_plausible() {
    let mut views: HashMap<ContentId, u64> = HashMap::new();
    let mut short = 0;
    let mut viewers = HashSet::new();
    for event in events(6).into_iter().filter(|event| event.kind == Kind::Person) {
        *views.entry(event.content).or_default() += 1;
        short += u64::from(event.watched_ms < 3_000);
        viewers.insert(event.viewer);
        assert!((5_000..=10_000).contains(&event.relevance) && event.relevance % 500 == 0);
    }
    let mut views: Vec<u64> = views.into_values().collect();
    views.sort_unstable_by(|a, b| b.cmp(a));
    let all: u64 = views.iter().sum();
    assert!(views[0] * 20 > all && views[0] * 5 < all, "the first has {} of {all}", views[0]);
    assert!(views.len() > 1_900, "{} contents are watched", views.len());
    assert!(short * 100 > all * 5 && short * 100 < all * 7, "{short} short views");
    assert!(viewers.len() > 40_000, "{} viewers", viewers.len());
}

#[test]
fn bots_hammer_few_contents_in_bursts() {
    let bots: Vec<Event> = events(7).into_iter().filter(|event| event.kind == Kind::Bot).collect();
    let viewers: HashSet<u64> = bots.iter().map(|event| event.viewer).collect();
    assert!(viewers.len() as u64 <= BOT_VIEWERS);
    let close = bots.windows(2).filter(|pair| {
        pair[0].viewer == pair[1].viewer && (0..200).contains(&(pair[1].at_ms - pair[0].at_ms))
    });
    assert!(close.count() * 10 > bots.len() * 9);
}
