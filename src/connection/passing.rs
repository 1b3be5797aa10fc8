//! A request that is passed on to another process: with the bytes that have come of it, which are decoded there again.

use bytes::Bytes;

use super::state::State;
use super::{Connection, Context};
use crate::net::stream::{Peer, Stream};
use crate::protocol::Protocol;

/// What goes with the stream.
pub(crate) struct Passed {
    /// All that has come of the request, and behind it.
    pub(crate) bytes: Vec<u8>,
    /// What was sent on the connection before, bytes.
    pub(crate) sent: u64,
    /// How many of the bytes are still in the socket.
    pub(crate) held: usize,
}

/// The bytes of the request in hand, from its first on.
#[derive(Default)]
pub(super) struct Received {
    bytes: Vec<u8>,
    /// They are no longer all of it.
    is_cut: bool,
}

impl Received {
    /// A request begins.
    pub(super) fn begin(&mut self, is_cut: bool) {
        self.bytes.clear();
        self.is_cut = is_cut;
    }

    /// The application has the request.
    pub(super) fn end(&mut self) {
        if self.bytes.capacity() > IDLE_BYTES_MAX {
            *self = Received::default();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// More of it has come.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if self.is_cut || self.bytes.len() + bytes.len() > KEPT_BYTES_MAX {
            self.begin(true);
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl<S: Stream> Connection<S> {
    /// A connection that another process had, with a request in hand.
    pub(crate) fn taken_over(id: u64, stream: S, peer: Peer, protocol: Protocol, passed: Passed) -> Self {
        let mut connection = Connection::new(id, stream, peer, protocol);
        connection.unread = Bytes::from(passed.bytes);
        connection.sent = passed.sent;
        connection.held.left_by_another(passed.held);
        connection
    }

    /// Whether the request, which was not given to the application yet, can be passed on with at most so many bytes.
    pub(crate) fn can_be_passed(&self, bytes_max: usize) -> bool {
        matches!(self.stage.state(), State::Responding(answer) if answer.awaited.is_some())
            && self.outbox.is_empty()
            && !self.received.is_cut
            && self.received.bytes.len() + self.unread.len() <= bytes_max
    }

    /// What goes with the stream, if it is passed on.
    pub(crate) fn passed(&self) -> Passed {
        let bytes = [&self.received.bytes, &self.unread[..]].concat();
        Passed { bytes, sent: self.sent, held: self.held.bytes() }
    }

    /// The stream was passed on: what this process knows of it ends here.
    pub(crate) fn leave(self, cx: &mut Context<'_>) -> S {
        self.closed(cx);
        self.stream
    }
}

/// What a connection that is kept alive keeps for its next request, bytes.
const IDLE_BYTES_MAX: usize = 4 << 10;
/// What is kept of a request, bytes: a head, and a body as it is kept in memory.
const KEPT_BYTES_MAX: usize = 128 << 10;
