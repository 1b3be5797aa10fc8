//! How it ends: what waits is taken or left to others, what runs is finished, and what takes too long is dropped.

use std::time::Instant;

use log::{debug, error, info, warn};

use super::event_loop::{EventLoop, Inline};
use crate::telemetry::counted::counted;
use crate::worker::acceptor::Acceptor;
use crate::worker::master_link::MasterLink;
use crate::worker::stop::Stop;

impl EventLoop {
    /// Does what the master, a signal or another thread has ordered.
    pub(super) fn obey(&mut self, now: Instant, inline: &mut Inline<'_>) {
        let told = self.link.as_mut().and_then(MasterLink::obey);
        self.resources.draining = self.link.as_ref().is_some_and(MasterLink::drains);
        match self.orders.take().max(told) {
            None => {}
            Some(Stop::Now) => {
                self.close_listeners(Stop::Now);
                self.abandon_all(inline);
                self.resources.stopping = Some(now);
            }
            Some(stop) if self.resources.stopping.is_none() => {
                let limits = &self.resources.limits;
                let kept_time = limits.grace_kept_time_max.min(limits.grace_time_max / 2);
                self.resources.stopping = Some(now + limits.grace_time_max);
                self.resources.closes_kept_from = Some(now + kept_time);
                if stop == Stop::Gracefully {
                    // What waits in the backlog was accepted by the kernel in our name; closing would reset it.
                    self.last_accepted = self.accepted + LAST_ACCEPTS_COUNT;
                    self.acceptors.iter_mut().for_each(Acceptor::set_ready);
                } else {
                    self.leave_listeners(now, inline);
                }
                for (_, entry) in &mut self.connections {
                    entry.hurry(&self.resources.limits);
                }
                self.next_deadline = Some(now);
            }
            Some(_) => {}
        }
    }

    /// Leaves what comes to the other workers. A connection of which this one alone was told is still taken: of each
    /// listener there is one at most, as a worker that is told takes at least one.
    fn leave_listeners(&mut self, now: Instant, inline: &mut Inline<'_>) {
        self.deregister_listeners();
        for at in 0..self.acceptors.len() {
            self.acceptors[at].set_ready();
            if self.can_accept() && self.acceptors[at].is_ready(now) {
                self.accept_one(at, now, inline);
            }
        }
        self.close_listeners(Stop::Retire);
    }

    /// Accepts no connection any more.
    fn close_listeners(&mut self, stop: Stop) {
        self.deregister_listeners();
        self.acceptors.clear();
        let open = self.connections.len();
        let told = counted(open, "connection is", "connections are");
        // Of workers that have nothing to finish the master says enough; so does a program that ends its own one at once.
        if open == 0 && (self.link.is_some() || stop == Stop::Now) {
            debug!("stopping: {told} open");
        } else {
            info!("stopping: {told} open");
        }
    }

    /// Has the kernel tell the other workers, and not this one, of connections.
    fn deregister_listeners(&mut self) {
        for acceptor in &mut self.acceptors {
            if let Err(error) = acceptor.deregister(&self.registry) {
                error!("{}: cannot be taken out of the poller: {error}", acceptor.listener().address());
            }
        }
    }

    /// Drops every connection, so that its peer sees what is missing.
    fn abandon_all(&mut self, inline: &mut Inline<'_>) {
        self.spare_count = 0;
        for (_, mut entry) in std::mem::take(&mut self.connections) {
            self.deregister(&mut entry);
            let runner = self.threads.runner(inline, entry.token);
            self.resources.lend(runner, |cx| entry.connection.abandon(cx));
            self.forget(entry.token);
            entry.connection.end(self.threads.runner(inline, entry.token));
        }
    }

    /// Once a stop was ordered, gives up what there is no need or no time for; returns whether that was all.
    pub(super) fn is_over(&mut self, now: Instant, inline: &mut Inline<'_>) -> bool {
        let Some(until) = self.resources.stopping else { return false };
        // One that is to be replaced takes nothing new, and its successor takes what waits.
        let may_wait =
            !self.is_to_be_replaced() && self.acceptors.iter().any(|acceptor| acceptor.is_ready(now));
        if !self.acceptors.is_empty() && (!may_wait || self.accepted >= self.last_accepted || now >= until) {
            self.close_listeners(Stop::Gracefully);
        }
        if !self.connections.is_empty() && now >= until {
            warn!(
                "stopped with {} open: the time (Limits::grace_time_max) is over",
                counted(self.connections.len(), "connection", "connections")
            );
            self.abandon_all(inline);
        }
        let threads_are_done = now >= until || self.threads.are_done();
        self.connections.is_empty() && self.acceptors.is_empty() && threads_are_done
    }
}

/// Connections that are still taken after the order, a count: a whole backlog, Linux's somaxconn. A client that comes
/// after it may be among them, so without a bound they might be endless.
const LAST_ACCEPTS_COUNT: u64 = 4_096;
