//! Requests with events, made or read as fast as they are sent.

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    encode::{Body, id_text},
    events::{Event, Events, Kind},
    file::{Chunk, EventFile},
    sender::Request,
};
use crate::views::Form;

/// Events in a request.
const EVENTS_PER_REQUEST: usize = 20_000;
/// Requests that wait to be sent.
const REQUESTS_MAX: usize = 4;
/// Views of people that are kept to be explained.
const PEOPLE_MAX: usize = 20;

/// Where requests come from, and what is known of their events when all are there.
pub struct Feed {
    pub form: Form,
    pub requests: mpsc::Receiver<Request>,
    pub kept: JoinHandle<anyhow::Result<Kept>>,
}

/// Events that something is shown with later.
#[derive(Default)]
pub struct Kept {
    /// Those of the first bot.
    pub bots: Vec<Event>,
    /// Ids of some views of people.
    pub people: Vec<String>,
}

impl Kept {
    fn see(&mut self, event: &Event) {
        match event.kind {
            Kind::Person if self.people.len() < PEOPLE_MAX => self.people.push(id_text(event.id)),
            Kind::Bot if self.bots.first().is_none_or(|bot| bot.viewer == event.viewer) => {
                self.bots.push(*event);
            }
            _ => {}
        }
    }
}

impl Feed {
    /// Makes events, in a thread of its own.
    pub fn generated(mut events: Events) -> Self {
        Self::new(Form::Binary, move |into| {
            let mut kept = Kept::default();
            loop {
                let mut body = Body::new(Form::Binary);
                let mut count = 0;
                for event in events.by_ref().take(EVENTS_PER_REQUEST) {
                    body.push(&event);
                    kept.see(&event);
                    count += 1;
                }
                let request = Request { body: Bytes::from(body.finish()), events: count };
                // Nobody listens any more: the run has ended.
                if count == 0 || into.blocking_send(request).is_err() {
                    return Ok(kept);
                }
            }
        })
    }

    /// Reads events, in a thread of its own.
    pub fn of_file(mut file: EventFile) -> Self {
        Self::new(file.form(), move |into| {
            while let Some(Chunk { body, events }) = file.next_chunk(EVENTS_PER_REQUEST)? {
                if into.blocking_send(Request { body: Bytes::from(body), events }).is_err() {
                    break;
                }
            }
            Ok(Kept::default())
        })
    }

    fn new(
        form: Form,
        work: impl FnOnce(mpsc::Sender<Request>) -> anyhow::Result<Kept> + Send + 'static,
    ) -> Self {
        let (into, requests) = mpsc::channel(REQUESTS_MAX);
        Self { form, requests, kept: tokio::task::spawn_blocking(move || work(into)) }
    }
}
