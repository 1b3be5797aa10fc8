//! What of a request stays in the socket while it is answered, so that a response which is broken off is seen to be.
//!
//! Behind uwsgi and SCGI a response without a Content-Length ends with the connection, and a unix socket has no reset. But
//! if it is closed while one byte is unread, Linux gives the peer what was sent, and then ECONNRESET in place of the end:
//! nginx then breaks its client's transfer off too. So a request's last bytes are looked at and left there, and are
//! taken before an ordinary close alone. It needs nobody to say that something went wrong: it is so for a process that is
//! killed too.

use std::io::{self, ErrorKind};

use bytes::Bytes;

use super::state::State;
use super::{Connection, Context};
use crate::net::stream::{Arrived, Stream};
use crate::protocol::Protocol;

/// How much of what was read is still in the socket.
#[derive(Clone, Copy)]
pub(super) enum Held {
    /// Nothing ever is: what is read is taken.
    Never,
    /// So many bytes are.
    Bytes(usize),
}

impl Held {
    /// What is to be done on a fresh connection.
    pub(super) fn of(stream: &impl Stream, protocol: &Protocol) -> Self {
        if stream.tells_unread() && protocol.ends_with_the_close() { Held::Bytes(0) } else { Held::Never }
    }

    /// How much it is, bytes.
    pub(super) fn bytes(self) -> usize {
        match self {
            Held::Never => 0,
            Held::Bytes(bytes) => bytes,
        }
    }

    /// Another process has left so many bytes there.
    pub(super) fn left_by_another(&mut self, bytes: usize) {
        if let Held::Bytes(held) = self {
            *held = bytes;
        }
    }
}

impl<S: Stream> Connection<S> {
    /// Reads of a request, and leaves what may be its last bytes where they are.
    pub(super) fn read_request(&mut self, buffer: &mut [u8]) -> io::Result<Arrived> {
        match &mut self.held {
            // Of a long body that is not the end.
            Held::Bytes(held) if self.protocol.body_missing() <= buffer.len() as u64 => {
                let arrived = self.stream.peek(buffer)?;
                *held = arrived.bytes;
                Ok(arrived)
            }
            _ => self.stream.receive(buffer),
        }
    }

    /// Takes what is left in the socket, unless the application answers: an error, or a request that goes on, needs
    /// nothing to be seen by.
    pub(super) fn take_unless_answering(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.stage.state(), State::Responding(_)) {
            self.take_held(cx);
        }
    }

    /// Takes what was left in the socket: its close is an end like any other from here on.
    pub(super) fn take_held(&mut self, cx: &mut Context<'_>) {
        // Behind the response nothing is wanted of the peer: whether more has come is found out in the same read.
        let is_last = matches!(self.stage.state(), State::Finished { .. });
        while let Held::Bytes(held @ 1..) = self.held {
            let room = if is_last { cx.scratch.len() } else { held.min(cx.scratch.len()) };
            let arrived = self.stream.receive(&mut cx.scratch[..room]);
            self.held = match self.noting(arrived) {
                Ok(bytes @ 1..) => {
                    if let Some(more @ [_, ..]) = cx.scratch[..bytes].get(held..) {
                        self.unread = Bytes::copy_from_slice(more);
                    }
                    Held::Bytes(held.saturating_sub(bytes))
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => Held::Bytes(held),
                // They were there: the stream is of no more use, which the next call on it tells.
                _ => Held::Bytes(0),
            };
        }
    }
}
