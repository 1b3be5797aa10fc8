//! A listener in the loop: whether it still has connections waiting, and what keeps it from taking them.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use log::{error, warn};
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::limits::Limits;
use crate::net::listener::Listener;
use crate::net::stream::{Peer, Socket};
use crate::process::fork_watch;
use crate::protocol::Protocol;
use crate::telemetry::log_throttle::Throttle;

/// A listener, and what is known of its backlog.
pub(crate) struct Acceptor {
    listener: Listener,
    token: Token,
    /// Other processes accept on the same socket, and the kernel is to wake one of them, not all.
    shared: bool,
    /// The poller tells of connections. One that is shared is taken out of it while nothing could be accepted:
    /// the kernel would else wake this worker for a connection, and let another sleep that could take it.
    registered: bool,
    /// Connections may be waiting. Readiness is edge-triggered: a loop that stops early must remember it.
    ready: bool,
    /// When to try again after the process had no descriptor left.
    paused_until: Option<Instant>,
    refused: Throttle,
    failed: Throttle,
}

/// What an attempt to accept came to.
pub(crate) enum Accepted {
    /// A peer that may connect.
    Connection(Socket, Peer),
    /// A peer that may not connect, or is gone already.
    Refused,
    /// The backlog is empty, or cannot be taken from for now.
    NoMore,
}

impl Acceptor {
    /// Registers the listener, which is `shared` if other processes accept on the same socket.
    pub(crate) fn new(
        listener: Listener,
        shared: bool,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut acceptor = Acceptor {
            listener,
            token,
            shared,
            registered: false,
            ready: true,
            paused_until: None,
            refused: Throttle::default(),
            failed: Throttle::default(),
        };
        acceptor.register(registry)?;
        fork_watch::close_in_children(acceptor.listener.as_fd().as_raw_fd());
        Ok(acceptor)
    }

    /// Has the poller tell of connections, or no longer, where others share them: whether they `can` be taken.
    pub(crate) fn watch(&mut self, registry: &Registry, can: bool) -> io::Result<()> {
        let can = can && self.paused_until.is_none();
        match (self.shared && can != self.registered, can) {
            (false, _) => Ok(()),
            (true, true) => self.register(registry),
            (true, false) => self.deregister(registry),
        }
    }

    /// Takes the listener out of the poller, also before it is closed. Its close would not: the master and the other
    /// workers have it too, and the kernel would go on to wake this worker, and no other, for their connections.
    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match (std::mem::take(&mut self.registered), self.shared) {
            (false, _) => Ok(()),
            (true, true) => Ok(epoll::delete(registry, &self.listener)?),
            (true, false) => registry.deregister(&mut self.listener),
        }
    }

    fn register(&mut self, registry: &Registry) -> io::Result<()> {
        self.registered = true;
        if !self.shared {
            return registry.register(&mut self.listener, self.token, Interest::READABLE);
        }
        // mio has no word for EPOLLEXCLUSIVE; else its own registration is this very call.
        let flags = EventFlags::IN | EventFlags::ET | EventFlags::EXCLUSIVE;
        let token = EventData::new_u64(self.token.0 as u64);
        Ok(epoll::add(registry, &self.listener, token, flags)?)
    }

    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Whether the poller tells of connections that others may take too.
    pub(crate) fn is_watched(&self) -> bool {
        self.shared && self.registered
    }

    /// Whether a connection waits. Where none does, an event will tell of the next.
    pub(crate) fn has_waiting(&mut self) -> bool {
        let mut descriptors = [PollFd::new(&self.listener, PollFlags::IN)];
        self.ready = !matches!(poll(&mut descriptors, Some(&Timespec::default())), Ok(0));
        self.ready
    }

    /// An event came.
    pub(crate) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Whether there may be something to accept at `now`.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.ready && self.paused_until.is_none_or(|until| now >= until)
    }

    /// When to look again though no event will come.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until.filter(|_| self.ready)
    }

    /// What a connection of `peer` speaks.
    pub(crate) fn protocol(&self, peer: &Peer) -> Protocol {
        Protocol::new(self.listener.protocol(), || self.listener.endpoints(peer))
    }

    /// Accepts one connection. Whatever goes wrong stays here: it never ends the worker.
    pub(crate) fn accept(&mut self, now: Instant, limits: &Limits) -> Accepted {
        self.paused_until = None;
        match self.listener.accept() {
            Ok((socket, peer)) if self.listener.allows(&peer) => Accepted::Connection(socket, peer),
            Ok((_, peer)) => {
                if let Some(more) = self.refused.pass(now) {
                    warn!("{peer}: refused: not among the addresses of ListenOptions::allow_from{more}");
                }
                Accepted::Refused
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.ready = false;
                Accepted::NoMore
            }
            Err(error) if is_out_of_resources(&error) => {
                self.paused_until = Some(now + limits.accept_pause);
                if let Some(more) = self.failed.pass(now) {
                    let address = self.listener.address();
                    error!(
                        "{address}: cannot accept: {error}; waiting connections stay in the backlog{more}"
                    );
                }
                Accepted::NoMore
            }
            // The peer has gone, or a signal came: accept(2) says to go on.
            Err(_) => Accepted::Refused,
        }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        fork_watch::keep_in_children(self.listener.as_fd().as_raw_fd());
    }
}

/// Errors of the process or the machine, which another attempt at once would only meet again.
fn is_out_of_resources(error: &io::Error) -> bool {
    [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::EPERM]
        .iter()
        .any(|errno| error.raw_os_error() == Some(*errno as i32))
}
