//! How the loop sleeps: until there is something to do, and with a sign of life each second where a master looks for it.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::event_loop::EventLoop;
use super::resources::Resources;
use crate::telemetry::observer::Note;
use crate::telemetry::scoreboard::Recorder;
use crate::worker::acceptor::Acceptor;

impl EventLoop {
    /// Waits for events, and notes when that was over.
    pub(super) fn sleep(&mut self) -> io::Result<()> {
        let now = Instant::now();
        self.resources.trim(now);
        let until = self.sleeps_until(now);
        let threads = self.threads.counts();
        let bodies = self.resources.bodies.now();
        self.resources.note(Note::Waits { now, connections: self.connections.len(), threads, bodies });
        let Resources { recorder, limits, .. } = &mut self.resources;
        let mut sleep = Sleep {
            poll: &mut self.poll,
            acceptors: &mut self.acceptors,
            heartbeat: self.link.as_ref().map(|_| limits.heartbeat_time),
            recorder: recorder.as_mut(),
        };
        let (slept, woke) = sleep.until(until, now, &mut self.turn.events);
        self.turn.now = woke;
        self.turn.has_found = woke.saturating_duration_since(now) < SLEEP_TIME_MIN;
        slept
    }
}

/// What sleeping takes.
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
            // Also where a deadline ended the wait: a worker with threads of its own always has one.
            let has_slept = timeout.is_none_or(|timeout| !timeout.is_zero());
            let finds = events.is_empty() && has_slept && self.finds_waiting();
            if polled.is_err() || is_over || finds || !events.is_empty() {
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

/// What takes less was no sleep: the kernel had something to tell. To be woken takes longer.
const SLEEP_TIME_MIN: Duration = Duration::from_micros(4);
