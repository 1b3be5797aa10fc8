//! What a connection is given for one turn: the application, the bounds, the clock, and the observers.

use std::time::Instant;

use super::runner::Runner;
use crate::application::body_memory::BodyMemory;
use crate::limits::Limits;
use crate::protocol::Intake;
use crate::static_files::StaticFiles;
use crate::telemetry::observer::Observers;

/// What a connection needs of its worker for one turn.
pub struct Context<'a> {
    /// What runs the application.
    pub runner: &'a mut dyn Runner,
    /// Files that go before the application.
    pub files: Option<&'a StaticFiles>,
    /// Fields that each response has behind its own: names and values that [`ResponseHead::new`] takes.
    ///
    /// [`ResponseHead::new`]: crate::ResponseHead::new
    pub fields: &'a [(String, String)],
    /// Where bytes are read into; its content means nothing between two reads.
    pub scratch: &'a mut [u8],
    /// The bounds.
    pub limits: &'a Limits,
    /// A message in which bounds are named as those who set them know them, for a peer.
    pub in_their_words: fn(&str) -> String,
    /// The memory for the bodies of requests.
    pub bodies: &'a BodyMemory,
    /// Now, as RFC 9110 section 5.6.7 writes it.
    pub date: &'a [u8],
    /// The worker's clock. It is asked only when a connection begins to wait.
    pub clock: &'a dyn Fn() -> Instant,
    /// What is told of what happens.
    pub observers: Observers<'a>,
    /// The worker stops, or will soon: each request is its connection's last, where its peer can be told.
    pub stopping: bool,
    /// It has stopped for so long that a connection whose peer cannot be told is closed behind its response.
    pub closes_kept: bool,
}

impl<'a> Context<'a> {
    /// What requests are received with.
    pub(super) fn intake(&self) -> Intake<'a> {
        Intake { limits: self.limits, bodies: self.bodies }
    }
}
