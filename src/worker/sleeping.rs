//! How the loop sleeps: until there is something to do, and no longer than a second where a master looks for signs of life.
//!
//! What a thread needs for it is a thing of its own, so that another may have the loop meanwhile.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Registry};

use super::event_loop::{EventLoop, Ready};
use super::token;
use crate::telemetry::observer::Note;

/// What is slept with.
pub(super) struct Sleeper {
    poll: Poll,
    events: Events,
}

/// From when and until when to sleep; without an end if it is `None`.
#[derive(Clone, Copy)]
pub(super) struct Sleep {
    from: Instant,
    until: Option<Instant>,
}

/// How a sleep was.
pub(super) struct Slept {
    polled: io::Result<()>,
    woke: Instant,
}

impl Sleeper {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Sleeper { poll: Poll::new()?, events: Events::with_capacity(EVENTS_COUNT) })
    }

    /// Where to register what ends a sleep, also while it lasts.
    pub(super) fn registry(&self) -> io::Result<Registry> {
        self.poll.registry().try_clone()
    }

    /// Sleeps until something comes, but no longer than until then.
    pub(super) fn sleep(&mut self, sleep: Sleep) -> Slept {
        let timeout = sleep.until.map(|until| until.saturating_duration_since(sleep.from));
        let polled = self.poll.poll(&mut self.events, timeout);
        Slept { polled, woke: Instant::now() }
    }
}

impl Sleep {
    /// One that is over.
    pub(super) fn over() -> Self {
        let now = Instant::now();
        Sleep { from: now, until: Some(now) }
    }

    /// Whether there is something to do already, and the system is only asked for what there is beside.
    pub(super) fn is_over(self) -> bool {
        self.until.is_some_and(|until| until <= self.from)
    }

    /// Whether it ends before another one.
    fn is_shorter_than(self, other: Sleep) -> bool {
        self.until.is_some_and(|until| other.until.is_none_or(|other| until < other))
    }
}

impl EventLoop {
    /// Sleeps on the thread that drives the loop.
    pub(super) fn sleep(&mut self) -> io::Result<()> {
        let mut sleeper = self.take_sleeper();
        let slept = sleeper.sleep(self.turn.sleep);
        self.wake_up(sleeper, slept)
    }

    /// What to sleep with; it comes back with [`EventLoop::wake_up`].
    pub(super) fn take_sleeper(&mut self) -> Sleeper {
        self.sleeper.take().expect("the driver alone takes it, and puts it back")
    }

    /// Gets ready to sleep: has the poller tell of what can be taken, and notes that it waits.
    pub(super) fn lie_down(&mut self) -> io::Result<Sleep> {
        self.watch_listeners()?;
        self.watch_relay()?;
        let now = Instant::now();
        self.resources.trim(now);
        let beats = self.link.as_ref().map(|_| now + self.resources.limits.heartbeat_time);
        let until = self.sleeps_until(now).into_iter().chain(beats).min();
        let threads = self.threads.counts();
        let bodies = self.resources.bodies.now();
        self.resources.note(Note::Waits { now, connections: self.connections.len(), threads, bodies });
        Ok(Sleep { from: now, until })
    }

    /// Whether the driver, which sleeps, has to go on: there is something to do that could not be done without it.
    pub(super) fn wants_driver(&mut self) -> bool {
        // Where the poller cannot be told what to tell of, the driver finds that out too.
        self.resources.stopping.is_some()
            || self.lie_down().map_or(true, |sleep| sleep.is_over() || sleep.is_shorter_than(self.turn.sleep))
    }

    /// Notes that it goes on.
    pub(super) fn go_on(&mut self, now: Instant) {
        // A worker that has to wait for a lock of the application's from here on is seen to be busy, and stuck if it never
        // gets it.
        self.resources.note(Note::Wakes(now));
        self.resources.date.refresh();
        self.turn.now = now;
    }

    /// Notes what the sleep has brought, and begins a turn.
    pub(super) fn wake_up(&mut self, mut sleeper: Sleeper, slept: Slept) -> io::Result<()> {
        let sleep = self.turn.sleep;
        self.go_on(slept.woke);
        self.turn.has_found = slept.woke.saturating_duration_since(sleep.from) < SLEEP_TIME_MIN;
        match slept.polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                sleeper.events.clear();
                self.turn.is_interrupted = true;
            }
            polled => polled?,
        }
        // Also where a deadline ended the sleep: a worker with threads of its own always has one.
        if sleeper.events.is_empty() && !sleep.is_over() {
            self.look_for_waiting();
        }
        self.take_in(&sleeper.events);
        self.sleeper = Some(sleeper);
        self.begin_turn();
        Ok(())
    }

    fn take_in(&mut self, events: &Events) {
        let Self { turn, acceptors, passing, .. } = self;
        let mut event_count = 0;
        for event in events {
            event_count += 1;
            match event.token() {
                token::ORDERS | token::LINK => turn.ordered = true,
                token::THREADS => {}
                token::RELAY => {
                    if let Some(passing) = passing {
                        passing.set_ready();
                    }
                }
                token => match token::listener(token, acceptors.len()) {
                    Some(at) => acceptors[at].set_ready(),
                    None => turn.ready.push_back(Ready {
                        token,
                        is_readable: event.is_readable(),
                        is_read_closed: event.is_read_closed(),
                    }),
                },
            }
        }
        turn.is_full = event_count == EVENTS_COUNT;
    }

    /// Whether a connection waits on a shared listener though this worker was not told: the kernel tells one of the
    /// workers, and that one may have been stopped, or have had no room.
    fn look_for_waiting(&mut self) {
        let watched = self.acceptors.iter_mut().filter(|acceptor| acceptor.is_watched());
        watched.for_each(|acceptor| {
            acceptor.has_waiting();
        });
    }
}

/// Events taken from the poller at once, a count.
const EVENTS_COUNT: usize = 1_024;

/// What takes less was no sleep: the kernel had something to tell. To be woken takes longer.
const SLEEP_TIME_MIN: Duration = Duration::from_micros(4);
