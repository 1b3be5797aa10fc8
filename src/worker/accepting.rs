//! Accepting: one connection after the other, each served before the next is taken.

use std::io;
use std::time::Instant;

use log::warn;

use super::{Entry, Worker, token};
use crate::application::Application;
use crate::connection::{Connection, Turn};
use crate::limits::Limits;
use crate::net::stream::{Peer, Socket};
use crate::telemetry::observer::Note;
use crate::worker::acceptor::Accepted;
use crate::worker::master_link::MasterLink;

impl<A: Application> Worker<A> {
    /// Whether there is room for another connection.
    pub(super) fn can_accept(&self) -> bool {
        self.connections.len() < self.resources.limits.connections_count_max
    }

    /// The same, or room can be made for it.
    pub(super) fn may_accept(&self) -> bool {
        self.can_accept() || self.spare_count > 0
    }

    pub(super) fn watch_listeners(&mut self) -> io::Result<()> {
        let can = self.may_accept();
        self.acceptors.iter_mut().try_for_each(|acceptor| acceptor.watch(self.poll.registry(), can))
    }

    pub(super) fn accept(&mut self, now: Instant) {
        for at in 0..self.acceptors.len() {
            let began = Instant::now();
            for _ in 0..self.resources.limits.accepts_per_turn_max {
                if !self.acceptors[at].is_ready(now) {
                    break;
                }
                if !self.can_accept() {
                    // No connection is closed for a newcomer that is not there.
                    if !self.acceptors[at].has_waiting() {
                        break;
                    }
                    if !self.make_room() {
                        if let Some(more) = self.full.pass(now) {
                            warn!(
                                "{} connections are open, the most allowed; the rest wait{more}",
                                self.connections.len()
                            );
                        }
                        return;
                    }
                }
                if !self.accept_one(at, now) {
                    break;
                }
                // The clock is asked only where a connection or a listener may wait for its turn.
                if (!self.connections.is_empty() || self.acceptors.len() > 1)
                    && began.elapsed() > self.resources.limits.accept_turn_time_max
                {
                    break;
                }
            }
        }
    }

    /// Accepts one connection on the listener at this place; returns whether there may be more.
    pub(super) fn accept_one(&mut self, at: usize, now: Instant) -> bool {
        match self.acceptors[at].accept(now, &self.resources.limits) {
            Accepted::Connection(socket, peer) => self.open(at, socket, peer),
            Accepted::Refused => {}
            Accepted::NoMore => return false,
        }
        true
    }

    /// Serves a fresh connection as far as it goes. A request that needs no waiting ends here, and neither the
    /// slab nor the poller hears of it.
    fn open(&mut self, acceptor: usize, socket: Socket, peer: Peer) {
        self.accepted += 1;
        let protocol = self.acceptors[acceptor].protocol(&peer);
        let mut connection = Connection::new(self.accepted, socket, peer, protocol);
        self.resources.note(Note::Accepted(acceptor));
        let mut turn = self.resources.lend(|cx| connection.advance(cx));
        if turn == Turn::Blocked
            && connection.is_fresh()
            && self.link.as_ref().is_some_and(MasterLink::shares)
        {
            turn = self.await_request(&mut connection);
        }
        if turn != Turn::Closed {
            let vacant = self.connections.vacant_entry();
            let (key, token) = (vacant.key(), token::of_connection(vacant.key(), self.accepted));
            vacant.insert(Entry {
                connection,
                token,
                listener: acceptor,
                registered: false,
                queued: false,
                spare: false,
            });
            self.resources.note(Note::Keeps(acceptor));
            self.rest(key, turn);
        }
    }

    /// Waits for the rest of a fresh connection's request, which mostly follows at once, and for nothing else. Meanwhile the
    /// kernel has other workers take the connections that come, as it wakes only those that wait for events. If this one
    /// accepted the next instead, and that were a slow call, the request would wait behind it though another could answer.
    ///
    /// After a slow peer none is waited for, for a while: peers that connect and send nothing, or a byte now and then, must
    /// not hold up a worker.
    fn await_request(&mut self, connection: &mut Connection<Socket>) -> Turn {
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
            turn = self.resources.lend(|cx| connection.readable(cx));
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
