//! How an open page finds out that there is new code: it asks once in a while, and neither the application nor the access log
//! hears of that.

use std::collections::HashSet;

use super::page::LOAD_FIELD;
use crate::application::environ::Environ;
use crate::application::{AppError, Body, StartResponse};
use crate::telemetry::observer::{Event, Observer};

/// Whether a page asks.
pub(super) fn is_poll(environ: &Environ) -> bool {
    environ.header(LOAD_FIELD).is_some()
}

/// Says which load of the code serves.
pub(super) fn answer(start_response: &StartResponse, load: &str) -> Result<Body, AppError> {
    start_response.start("204 No Content", [(LOAD_FIELD, load), ("Cache-Control", "no-store")])?;
    Ok(Body::empty())
}

/// An observer that is not told of those questions.
pub(in crate::cli) struct WithoutPolls {
    observer: Box<dyn Observer + Send>,
    /// The connections whose request is one.
    polls: HashSet<u64>,
}

impl WithoutPolls {
    pub(in crate::cli) fn new(observer: Box<dyn Observer + Send>) -> Self {
        WithoutPolls { observer, polls: HashSet::new() }
    }
}

impl Observer for WithoutPolls {
    fn observe(&mut self, connection: u64, event: Event<'_>) {
        match event {
            Event::Request { environ, .. } if is_poll(environ) => {
                self.polls.insert(connection);
            }
            // The next request on it may be another.
            Event::Finished(_) | Event::Closed if self.polls.remove(&connection) => {
                self.observer.observe(connection, Event::Closed);
            }
            _ if self.polls.contains(&connection) => {}
            event => self.observer.observe(connection, event),
        }
    }
}
