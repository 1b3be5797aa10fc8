//! Where the statistics are read: the listeners of `--stats`, and the readers that are there.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use log::warn;
use nix::poll::PollFlags;

use super::connection::Connection;
use crate::net::listener::Listener;
use crate::telemetry::log_throttle::Throttle;
use crate::telemetry::stats::{Form, Told};

/// The listeners, and the readers in the order in which they came.
pub(in crate::master) struct Server {
    pub(in crate::master) listeners: Vec<Listener>,
    connections: VecDeque<Connection>,
    /// When to accept again after the process had no descriptor left.
    paused_until: Option<Instant>,
    failed: Throttle,
}

impl Server {
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        Server { listeners, connections: VecDeque::new(), paused_until: None, failed: Throttle::default() }
    }

    /// What is waited for.
    pub(in crate::master) fn waits_for(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let accepts = self.paused_until.is_none();
        let listeners = self.listeners.iter().filter(move |_| accepts);
        let listeners = listeners.map(|listener| (listener.as_fd(), PollFlags::POLLIN));
        listeners.chain(self.connections.iter().map(Connection::waits_for))
    }

    /// When to look again though nothing happens.
    pub(in crate::master) fn until(&self) -> Option<Instant> {
        self.connections.iter().map(|connection| connection.until).chain(self.paused_until).min()
    }

    /// Lets new readers in, and goes on with those that are there. So many descriptors are left to the
    /// master as are its `reserve`.
    pub(super) fn turn(&mut self, now: Instant, reserve: usize, values: &mut dyn FnMut(Form) -> Told) {
        if self.paused_until.is_some_and(|until| now >= until) {
            self.paused_until = None;
        }
        if self.paused_until.is_none() {
            self.accept(now, reserve);
        }
        self.connections.retain_mut(|connection| connection.go_on(now, values));
    }

    fn accept(&mut self, now: Instant, reserve: usize) {
        let mut failed = |what: std::fmt::Arguments<'_>| {
            if let Some(more) = self.failed.pass(now) {
                warn!("--stats: {what}{more}");
            }
        };
        for listener in &self.listeners {
            for _ in 0..READERS_COUNT_MAX {
                match listener.accept() {
                    Ok((socket, peer)) if listener.allows(&peer) => {
                        // The first one has had the most time: else readers that say nothing could keep all others out.
                        if self.connections.len() >= READERS_COUNT_MAX {
                            self.connections.pop_front();
                        }
                        let mut has_room = can_have(reserve, &socket);
                        while !has_room && self.connections.pop_front().is_some() {
                            has_room = can_have(reserve, &socket);
                        }
                        if has_room {
                            self.connections.push_back(Connection::new(socket, now));
                        } else {
                            failed(format_args!(
                                "{peer}: not answered: the master needs the {reserve} descriptors that the process \
                                 may still open"
                            ));
                        }
                    }
                    Ok((_, peer)) => {
                        failed(format_args!("{peer}: refused: not among the addresses of --allow-from"));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        failed(format_args!("{}: cannot accept: {error}", listener.address()));
                        self.paused_until = Some(now + ACCEPT_PAUSE);
                        break;
                    }
                }
            }
        }
    }
}

/// Whether so many descriptors could be opened at this moment. What else the process has open, and what bounds it, need
/// not be known for that: it tries.
fn can_have(count: usize, any: &impl AsFd) -> bool {
    let taken: Result<Vec<_>, _> = (0..count).map(|_| any.as_fd().try_clone_to_owned()).collect();
    taken.is_ok()
}

/// Readers at once, a count: monitors are a handful, and each may hold an answer of some hundred KiB.
const READERS_COUNT_MAX: usize = 64;
/// Time until the next try when none can be accepted, as with the workers' listeners.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
