//! Accepting: one connection after the other, each served before the next is taken.

use std::io;
use std::time::Instant;

use log::warn;

use mio::Token;

use super::event_loop::{Entry, EventLoop, Inline};
use super::token;
use crate::connection::{Connection, Turn};
use crate::limits::Limits;
use crate::net::stream::{Peer, Socket};
use crate::telemetry::observer::Note;
use crate::worker::acceptor::Accepted;
use crate::worker::master_link::MasterLink;

/// How far accepting has come in this turn of the loop.
#[derive(Clone, Copy, Default)]
pub(super) struct Accepting {
    /// The listener's place.
    at: usize,
    /// Taken from it, a count.
    taken: usize,
    /// When it came to this listener.
    began: Option<Instant>,
}

impl EventLoop {
    /// Whether there is room for another connection.
    pub(super) fn can_accept(&self) -> bool {
        self.connections.len() < self.resources.limits.connections_count_max
    }

    /// The same, or room can be made for it; and a thread of the application can be had for its request.
    pub(super) fn may_accept(&self) -> bool {
        (self.can_accept() || self.spare_count > 0) && self.has_thread()
    }

    /// Another worker takes the requests for which this one has no thread, if it has one that is idle. Where none has, they
    /// wait here, where their time is counted.
    pub(super) fn has_thread(&self) -> bool {
        !self.is_to_be_replaced() && (self.threads.can_take() || self.is_alone)
    }

    pub(super) fn watch_listeners(&mut self) -> io::Result<()> {
        let shares = self.link.as_ref().is_some_and(MasterLink::shares);
        self.is_alone = !shares || !self.threads.can_take() && self.idle_elsewhere() == 0;
        let can = self.may_accept();
        self.acceptors.iter_mut().try_for_each(|acceptor| acceptor.watch(&self.registry, can))
    }

    /// Accepts one connection; returns how far it has come then, and `None` when that was all.
    pub(super) fn accept(&mut self, mut accepting: Accepting, inline: &mut Inline<'_>) -> Option<Accepting> {
        let (now, at) = (self.turn.now, accepting.at);
        let acceptor = self.acceptors.get_mut(at)?;
        let next = Some(Accepting { at: at + 1, ..Accepting::default() });
        if accepting.taken >= self.resources.limits.accepts_per_turn_max || !acceptor.is_ready(now) {
            return next;
        }
        if !self.has_thread() {
            return None;
        }
        let began = *accepting.began.get_or_insert_with(Instant::now);
        if !self.can_accept() {
            // No connection is closed for a newcomer that is not there.
            if !self.acceptors[at].has_waiting() {
                return next;
            }
            if !self.make_room(inline) {
                if let Some(more) = self.full.pass(now) {
                    warn!(
                        "{} connections are open, the most allowed; the rest wait{more}",
                        self.connections.len()
                    );
                }
                return None;
            }
        }
        if !self.accept_one(at, now, inline) {
            return next;
        }
        // The clock is asked only where a connection or a listener may wait for its turn.
        if (!self.connections.is_empty() || self.acceptors.len() > 1)
            && began.elapsed() > self.resources.limits.accept_turn_time_max
        {
            return next;
        }
        accepting.taken += 1;
        Some(accepting)
    }

    /// Accepts one connection on the listener at this place; returns whether there may be more.
    pub(super) fn accept_one(&mut self, at: usize, now: Instant, inline: &mut Inline<'_>) -> bool {
        match self.acceptors[at].accept(now, &self.resources.limits) {
            Accepted::Connection(socket, peer) => self.open(at, socket, peer, inline),
            Accepted::Refused => {}
            Accepted::NoMore => return false,
        }
        true
    }

    /// Serves a fresh connection as far as it goes. A request that needs no waiting ends here, and neither the
    /// slab nor the poller hears of it.
    fn open(&mut self, acceptor: usize, socket: Socket, peer: Peer, inline: &mut Inline<'_>) {
        self.accepted += 1;
        let protocol = self.acceptors[acceptor].protocol(&peer);
        let mut connection = Connection::new(self.accepted, socket, peer, protocol);
        self.resources.note(Note::Accepted(acceptor));
        let key = self.connections.vacant_key();
        let token = token::of_connection(key, self.accepted);
        let runner = self.threads.runner(inline, token);
        let mut turn = self.resources.lend(runner, |cx| connection.advance(cx));
        // Where the application has threads of its own, what waits for one is passed on.
        if turn == Turn::Blocked
            && self.threads.is_empty()
            && connection.is_fresh()
            && self.link.as_ref().is_some_and(MasterLink::shares)
        {
            turn = self.await_request(&mut connection, token, inline);
        }
        if turn == Turn::Closed {
            connection.end(self.threads.runner(inline, token));
            return;
        }
        self.connections.insert(Entry::new(connection, token, acceptor));
        self.resources.note(Note::Keeps(acceptor));
        self.rest(key, turn);
    }

    /// Waits for the rest of a fresh connection's request, which follows at once, and for nothing else. The kernel
    /// wakes no worker that does not wait for events, and so another one for another connection. Were this one to go on,
    /// and come to a slow call, the request would wait behind it though that other could answer it.
    ///
    /// After a peer that was slow, no other is waited for, for a while: strangers who connect and say nothing, or a byte
    /// now and then, shall not hold up a worker.
    fn await_request(
        &mut self,
        connection: &mut Connection<Socket>,
        token: Token,
        inline: &mut Inline<'_>,
    ) -> Turn {
        let began = Instant::now();
        if self.hasty_until.is_some_and(|until| began < until) {
            return Turn::Blocked;
        }
        let Limits { first_byte_time_max, first_request_time_max, first_request_pause, .. } =
            self.resources.limits;
        let (mut turn, mut received) = (Turn::Blocked, 0);
        let waited = loop {
            let is_there = self.resources.wait_for(connection);
            let waited = began.elapsed();
            if !is_there {
                break waited;
            }
            let runner = self.threads.runner(inline, token);
            turn = self.resources.lend(runner, |cx| connection.readable(cx));
            if turn != Turn::Blocked || !connection.is_fresh() || waited >= first_request_time_max {
                break waited;
            }
            received = connection.body_received();
        };
        // A body of some MiB may take as long as it needs; a head is one packet.
        let is_slow = waited >= first_request_time_max
            || waited >= first_byte_time_max && received < QUICK_BODY_BYTES_MIN;
        if is_slow {
            self.hasty_until = Some(Instant::now() + first_request_pause);
        }
        turn
    }
}

/// What a peer sends of a body within `Limits::first_byte_time_max` at the least, if it is not slow, bytes: a read's
/// worth, which a unix socket and loopback hand over in some 20 µs.
const QUICK_BODY_BYTES_MIN: u64 = 64 << 10;
