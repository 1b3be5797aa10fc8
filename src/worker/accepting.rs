//! Who is taken in, and when: one connection after the other, each served before the next is taken.

use std::io;
use std::time::{Duration, Instant};

use log::warn;

use super::{Entry, Worker};
use crate::acceptor::Accepted;
use crate::application::Application;
use crate::connection::{Connection, Turn};
use crate::link::Link;
use crate::stream::{Peer, Socket};

impl<A: Application> Worker<A> {
    /// Whether there is room for another connection.
    pub(super) fn can_accept(&self) -> bool {
        self.connections.len() < self.turns.limits.connections_count_max
    }

    pub(super) fn watch_listeners(&mut self) -> io::Result<()> {
        let can = self.can_accept();
        self.acceptors.iter_mut().try_for_each(|acceptor| acceptor.watch(self.poll.registry(), can))
    }

    pub(super) fn accept(&mut self, now: Instant) {
        for at in 0..self.acceptors.len() {
            let began = Instant::now();
            for _ in 0..self.turns.limits.accepts_per_turn_max {
                if !self.acceptors[at].is_ready(now) {
                    break;
                }
                if !self.can_accept() {
                    if let Some(more) = self.full.pass(now) {
                        warn!(
                            "{} connections are open, the most allowed; the rest wait{more}",
                            self.connections.len()
                        );
                    }
                    return;
                }
                match self.acceptors[at].accept(now, &self.turns.limits) {
                    Accepted::Connection(socket, peer) => self.open(at, socket, peer),
                    Accepted::Nobody => {}
                    Accepted::NoMore => break,
                }
                // The clock is only asked where somebody may wait for a turn.
                if (!self.connections.is_empty() || self.acceptors.len() > 1)
                    && began.elapsed() > self.turns.limits.accept_turn_time_max
                {
                    break;
                }
            }
        }
    }

    /// Serves a fresh connection as far as it goes. A request that needs no waiting ends here, and neither the
    /// slab nor the poller hears of it.
    fn open(&mut self, acceptor: usize, socket: Socket, peer: Peer) {
        self.accepted += 1;
        let protocol = self.acceptors[acceptor].protocol(&peer);
        let mut connection = Connection::new(self.accepted, socket, peer, protocol);
        if let Some(recorder) = &mut self.turns.recorder {
            recorder.accepted(acceptor);
        }
        let mut turn = self.turns.take(|cx| connection.advance(cx));
        if turn == Turn::Blocked && connection.is_fresh() && self.link.as_ref().is_some_and(Link::shares) {
            turn = self.await_request(&mut connection);
        }
        if turn != Turn::Closed {
            let entry = Entry { connection, listener: acceptor, registered: false, queued: false };
            let key = self.connections.insert(entry);
            if let Some(recorder) = &mut self.turns.recorder {
                recorder.keeps(acceptor);
            }
            self.rest(key, turn);
        }
    }

    /// Waits for the rest of a fresh connection's request, which follows at once, and for nothing else. The kernel does
    /// not wake for another connection who does not wait for events, and so wakes another worker; were this one to
    /// go on, and come to a slow call, the request would wait behind it though that other could answer it.
    fn await_request(&mut self, connection: &mut Connection<Socket>) -> Turn {
        let began = Instant::now();
        while self.hasty_until.is_none_or(|until| until < began)
            && began.elapsed() < self.turns.limits.first_request_time_max
        {
            if !self.turns.wait_for(connection) {
                self.hasty_until = Some(Instant::now() + HASTE);
                break;
            }
            let turn = self.turns.take(|cx| connection.readable(cx));
            if turn != Turn::Blocked || !connection.is_fresh() {
                return turn;
            }
        }
        Turn::Blocked
    }
}

/// After a peer that was slow to ask: strangers who connect and say nothing shall not hold up a worker.
const HASTE: Duration = Duration::from_millis(100);
