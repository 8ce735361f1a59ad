//! What is sent: the demo's events, as bodies that are ready before any clock starts.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use pixr_keeper::{
    demo::{
        catalogue::Catalogue,
        encode::Body,
        events::{Event, Events},
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
    let request = |events: &[Event]| {
        let mut body = Body::new(form);
        events.iter().for_each(|event| body.push(event));
        Request { body: Bytes::from(body.finish()), events: events.len() as u64 }
    };
    events.chunks(EVENTS_PER_REQUEST).map(request).collect()
}
