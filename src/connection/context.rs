//! What a connection is given for one turn: the application, the bounds, the clock, and the observers.

use std::time::Instant;

use crate::limits::Limits;
use crate::telemetry::observer::{Event, Observer};
use crate::telemetry::scoreboard::Recorder;

/// What a connection needs of its worker for one turn.
pub struct Context<'a, A> {
    /// What answers.
    pub application: &'a mut A,
    /// Where bytes are read into; its content means nothing between two reads.
    pub scratch: &'a mut [u8],
    /// The bounds.
    pub limits: &'a Limits,
    /// Now, as RFC 9110 section 5.6.7 writes it.
    pub date: &'a [u8],
    /// The worker's clock. It is asked only when a connection begins to wait.
    pub clock: &'a dyn Fn() -> Instant,
    /// Who is told what happens.
    pub observer: Option<&'a mut dyn Observer>,
    /// The worker takes no more requests than those that it has: each is its connection's last.
    pub stopping: bool,
    /// The worker's row on the scoreboard, for the command's workers.
    #[doc(hidden)] // Only the command has one; who drives connections otherwise gives `None`.
    pub recorder: Option<&'a mut Recorder>,
}

impl<A> Context<'_, A> {
    /// Tells of what has just happened on a connection.
    // Each call has one event: what it does not concern is left out of it.
    #[inline(always)]
    pub(super) fn tell(&mut self, connection: u64, event: Event<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.observe(connection, event);
        }
        if let Some(observer) = &mut self.observer {
            observer.observe(connection, event);
        }
    }
}
