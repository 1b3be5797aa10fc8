//! What the worker has and lends to a connection for its turn: the application, the bounds, the clock, the observers.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::application::Application;
use crate::connection::{Connection, Context, Turn};
use crate::limits::Limits;
use crate::net::stream::Socket;
use crate::process::fork_watch;
use crate::telemetry::observer::{Note, Observer, Observers};
use crate::telemetry::scoreboard::Recorder;
use crate::worker::http_date::Date;
use crate::worker::sleeping::Waiting;

/// What a turn of a connection borrows as its [`Context`].
pub(super) struct Resources<A> {
    pub(super) application: A,
    pub(super) waiting: Waiting,
    pub(super) limits: Limits,
    pub(super) scratch: Vec<u8>,
    pub(super) date: Date,
    pub(super) observer: Option<Box<dyn Observer>>,
    pub(super) recorder: Option<Recorder>,
    /// When everything must be over, once a stop was ordered.
    pub(super) stopping: Option<Instant>,
}

impl<A: Application> Resources<A> {
    /// Waits until bytes come, and returns whether they have.
    pub(super) fn wait_for(&mut self, connection: &mut Connection<Socket>) -> bool {
        let timeout = Timespec::try_from(self.limits.first_byte_time_max).ok();
        let mut descriptors = [PollFd::new(connection.stream(), PollFlags::IN)];
        let mut polled = Ok(0);
        (self.waiting)(&mut || polled = poll(&mut descriptors, timeout.as_ref()));
        fork_watch::end_child(0);
        polled.is_ok_and(|ready| ready > 0)
    }

    /// Has the recorder write this down, if there is one.
    pub(super) fn note(&mut self, note: Note) {
        if let Some(recorder) = &mut self.recorder {
            recorder.note(note);
        }
    }

    pub(super) fn lend(&mut self, turn: impl FnOnce(&mut Context<'_, A>) -> Turn) -> Turn {
        turn(&mut Context {
            application: &mut self.application,
            scratch: &mut self.scratch,
            limits: &self.limits,
            date: self.date.text(),
            clock: &Instant::now,
            observers: Observers::new(match &mut self.observer {
                Some(observer) => Some(observer.as_mut()),
                None => None,
            })
            .with_recorder(self.recorder.as_mut()),
            stopping: self.stopping.is_some(),
        })
    }
}
