//! Until when the loop sleeps, and the end of connections that have waited too long.

use std::time::{Duration, Instant};

use super::event_loop::{Entry, EventLoop, Inline};
use crate::connection::Connection;
use crate::limits::Limits;
use crate::worker::acceptor::Acceptor;

impl EventLoop {
    /// Until when to wait for events; without an end if it is `None`.
    pub(super) fn sleeps_until(&self, now: Instant) -> Option<Instant> {
        let can_accept = self.may_accept();
        if !self.runnable.is_empty()
            || self.threads.has_postponed()
            || (can_accept && self.acceptors.iter().any(|acceptor| acceptor.is_ready(now)))
        {
            return Some(now);
        }
        let pauses = self.acceptors.iter().filter_map(Acceptor::paused_until);
        let limits = &self.resources.limits;
        // The main thread has to look around now and then.
        let looks = (!self.threads.is_empty()).then(|| now + limits.heartbeat_time);
        // Another worker's thread may have come free.
        let looks_for_others = self.passing.is_some() && !self.threads.can_take();
        let passes = looks_for_others.then(|| now + PASS_TIME);
        let threads = self.threads.next_deadline(limits).into_iter().chain(looks).chain(passes);
        pauses
            .chain(self.resources.trims_at)
            .chain(self.next_deadline)
            .chain(self.resources.stopping)
            .chain(threads)
            .min()
    }

    /// Ends what has waited too long. All connections are looked at, but at most once in
    /// [`DEADLINE_GRAIN`]: 10,000 of them take some tens of microseconds. If that ever shows, a heap or a wheel
    /// of timers is the next step.
    pub(super) fn expire(&mut self, now: Instant, inline: &mut Inline<'_>) {
        if self.next_deadline.is_none_or(|next| now < next) {
            return;
        }
        let late: Vec<usize> = (self.connections.iter())
            .filter(|(_, entry)| entry.connection.deadline().is_some_and(|deadline| deadline <= now))
            .map(|(key, _)| key)
            .collect();
        for key in late {
            self.turn(key, inline, Connection::expire);
        }
        let deadlines = self.connections.iter().filter_map(|(_, entry)| entry.connection.deadline());
        self.next_deadline = deadlines.min().map(|next| next.max(now + DEADLINE_GRAIN));
    }
}

impl Entry {
    /// A connection that is kept after its response, or whose peer does not close, must not keep a server that stops.
    pub(super) fn hurry(&mut self, limits: &Limits) {
        let time = if self.connection.is_idle() {
            limits.grace_idle_time_max
        } else if self.connection.is_draining() {
            limits.grace_drain_time_max
        } else {
            return;
        };
        self.connection.shorten_deadline(Instant::now() + time);
    }
}

/// How soon a request that waits is passed on once a thread of another worker is idle.
const PASS_TIME: Duration = Duration::from_millis(5);
/// Deadlines are kept to within this.
const DEADLINE_GRAIN: Duration = Duration::from_millis(50);
