//! What is sent: the demo's events, as bodies that are ready before any clock starts.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use pixr_keeper::{
    demo::{
        catalogue::Catalogue,
        encode::Body,
        events::{Event, Events, Kind},
        sender::Request,
    },
    views::Form,
};

/// Seed of everything that is random.
pub const SEED: u64 = 7;
/// Creators and contents that are registered.
pub const CREATORS: u32 = 2_000;
pub const CONTENTS: u32 = 20_000;
/// Events in a request, in all ways that are compared.
pub const EVENTS_PER_REQUEST: usize = 20_000;
/// Requests that are on their way at a time, in all ways that are compared.
pub const CONNECTIONS: usize = 4;

/// Creators and contents of all measurements.
pub fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::new(SEED, CREATORS, CONTENTS))
}

/// Unix milliseconds.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Events of the last day. Another seed gives other ids.
pub fn events(seed: u64, count: u64) -> Vec<Event> {
    Events::new(seed, count, catalogue(), now_ms()).collect()
}

/// The requests that carry these events.
pub fn requests(events: &[Event], form: Form) -> Vec<Request> {
    events.chunks(EVENTS_PER_REQUEST).map(|events| request(events, form)).collect()
}

/// The request that carries these events.
pub fn request(events: &[Event], form: Form) -> Request {
    let mut body = Body::new(form);
    events.iter().for_each(|event| body.push(event));
    Request { body: Bytes::from(body.finish()), events: events.len() as u64 }
}

/// Events that all count: each has an id and a viewer of its own. Contents and grades of relevance
/// are equally frequent, so that few views share a line of a batch.
pub fn distinct(catalogue: &Catalogue, numbers: std::ops::Range<u64>) -> Vec<Event> {
    const LOWEST_BPS: u16 = 5_000;
    const STEP_BPS: u16 = 500;
    const GRADES: u64 = 11;

    let at_ms = now_ms();
    let contents = catalogue.contents.len() as u64;
    numbers
        .map(|number| {
            // A whole round of all contents in one grade, then the next grade.
            let grade = u16::try_from(number / contents % GRADES).expect("below the grades");
            let place = usize::try_from(number % contents).expect("an index");
            Event {
                id: number,
                content: catalogue.contents[place].id,
                viewer: number,
                at_ms,
                watched_ms: 30_000,
                relevance: LOWEST_BPS + STEP_BPS * grade,
                kind: Kind::Person,
            }
        })
        .collect()
}
