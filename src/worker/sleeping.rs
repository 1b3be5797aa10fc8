//! How the loop sleeps: until there is something to do, and with a sign of life each second where a master looks for it.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::Worker;
use super::resources::Resources;
use crate::application::Application;
use crate::process::fork_watch;
use crate::telemetry::observer::Note;
use crate::telemetry::scoreboard::Recorder;
use crate::worker::acceptor::Acceptor;

/// Runs what it is given, in which the worker's thread sleeps until there is something to do. A host that holds a lock
/// while applications run, as Python's GIL, lets go of it meanwhile.
pub type Waiting = Box<dyn Fn(&mut (dyn FnMut() + Send))>;

impl<A: Application> Worker<A> {
    /// Waits for events from `now` on; returns what came of it, and when it was over.
    pub(super) fn sleep(&mut self, events: &mut Events, now: Instant) -> (io::Result<()>, Instant) {
        let until = self.sleeps_until(now);
        self.resources.note(Note::Waits(now, self.connections.len()));
        let Resources { waiting, recorder, limits, .. } = &mut self.resources;
        let mut sleep = Sleep {
            poll: &mut self.poll,
            acceptors: &mut self.acceptors,
            heartbeat: self.link.as_ref().map(|_| limits.heartbeat_time),
            recorder: recorder.as_mut(),
        };
        let (mut slept, mut woke) = (Ok(()), now);
        waiting(&mut || (slept, woke) = sleep.until(until, now, events));
        // What runs when the wait is over, as handlers of signals do in Python, may have forked.
        fork_watch::end_child(0);
        (slept, woke)
    }
}

/// What sleeping takes. It must not take a lock of the application's: the loop may wait long for that, with something to
/// do or not.
struct Sleep<'a> {
    poll: &'a mut Poll,
    acceptors: &'a mut [Acceptor],
    /// Time between two signs of life; `None` without a master, which looks for them.
    heartbeat: Option<Duration>,
    recorder: Option<&'a mut Recorder>,
}

impl Sleep<'_> {
    /// Waits until an event comes, or a connection is found to wait, but no longer than until then.
    fn until(
        &mut self,
        until: Option<Instant>,
        mut now: Instant,
        events: &mut Events,
    ) -> (io::Result<()>, Instant) {
        loop {
            let left = until.map(|until| until.saturating_duration_since(now));
            let timeout = left.into_iter().chain(self.heartbeat).min();
            let polled = self.poll.poll(events, timeout);
            now = Instant::now();
            let is_over = until.is_some_and(|until| now >= until);
            if polled.is_err() || is_over || !events.is_empty() || self.finds_waiting() {
                // A worker that has to wait for a lock of the application's from here on is seen to be busy, and stuck if
                // it never gets it.
                if let Some(recorder) = &mut self.recorder {
                    recorder.note(Note::Wakes(now));
                }
                return (polled, now);
            }
            if let Some(recorder) = &mut self.recorder {
                recorder.note(Note::Lives);
            }
        }
    }

    /// Whether a connection waits on a shared listener though this worker was not told: the kernel tells one of the
    /// workers, and that one may have been stopped, or have had no room.
    fn finds_waiting(&mut self) -> bool {
        let watched = self.acceptors.iter_mut().filter(|acceptor| acceptor.is_watched());
        // Each is asked: what one finds says nothing of the others.
        watched.map(Acceptor::has_waiting).filter(|waits| *waits).count() > 0
    }
}
