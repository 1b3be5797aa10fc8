//! The grammars: bytes in, requests out; a response in, bytes out. No socket, no clock, no log.
//!
//! The set is closed and chosen by the listener, so it is an enum. To add one: a folder beside `uwsgi`, a
//! variant in [`Scheme`] and in [`Protocol`], and its arms below.

mod error;
pub mod uwsgi;

use std::fmt;

pub use error::{DecodeError, Fault};

use crate::environ::Environ;
use crate::limits::Limits;
use crate::response::ResponseHead;

/// The protocol that a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The uwsgi binary protocol: nginx's `uwsgi_pass`.
    Uwsgi,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Uwsgi => "uwsgi",
        })
    }
}

/// One connection's side of a protocol: what has been received, and how its response is framed.
pub enum Protocol {
    /// See [`uwsgi::RequestDecoder`].
    Uwsgi(uwsgi::RequestDecoder),
}

impl Protocol {
    /// A fresh connection's protocol.
    pub fn new(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Uwsgi => Protocol::Uwsgi(uwsgi::RequestDecoder::default()),
        }
    }

    /// Takes bytes off the front of `input`. Those behind a complete request are left there.
    ///
    /// What it must say to the peer by itself goes to `out`. After an error the connection is of no more use
    /// but to say so.
    pub fn receive(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Received, DecodeError> {
        match self {
            Protocol::Uwsgi(decoder) => decoder.receive(input, out, limits),
        }
    }

    /// How far the request has come that is being received.
    pub fn phase(&self) -> Phase {
        match self {
            Protocol::Uwsgi(decoder) => decoder.phase(),
        }
    }

    /// What arrived, in the protocol's words, for a person who learns it or looks for a mistake.
    pub fn describe(&self) -> String {
        match self {
            Protocol::Uwsgi(decoder) => decoder.describe(),
        }
    }

    /// Writes the head of the response.
    pub fn head(&mut self, head: &ResponseHead, out: &mut Vec<u8>) {
        match self {
            Protocol::Uwsgi(_) => uwsgi::write_head(head, out),
        }
    }

    /// Frames the next bytes of the body, of which `available` are there (at least 1); returns how many the
    /// frame takes (at least 1). What must stand before them goes to `before`, what behind to `after`.
    pub fn chunk(&mut self, available: u64, _before: &mut Vec<u8>, _after: &mut Vec<u8>) -> u64 {
        match self {
            Protocol::Uwsgi(_) => available,
        }
    }

    /// Ends the response; what stands behind the body goes to `out`.
    pub fn finish(&mut self, _out: &mut Vec<u8>) -> Persistence {
        match self {
            Protocol::Uwsgi(_) => Persistence::Close,
        }
    }

    /// Whether a peer that closes its sending side while the response is made has gone for good.
    pub fn half_close_is_hang_up(&self) -> bool {
        match self {
            // No front end half-closes: a readable end of file means that the client is gone.
            Protocol::Uwsgi(_) => true,
        }
    }
}

/// What [`Protocol::receive`] came to.
#[derive(Debug)]
pub enum Received {
    /// The request goes on in bytes that have not arrived.
    More,
    /// A request is complete.
    Request(Environ),
    /// The protocol answered by itself, and this is what follows.
    Answered(Persistence),
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not one byte of it has arrived.
    Idle,
    /// Its head is arriving.
    Head,
    /// Its body is arriving.
    Body {
        /// How much of it has arrived, bytes.
        received: u64,
    },
}

/// What happens to the connection when the response is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It is closed.
    Close,
    /// Another request may follow.
    KeepAlive,
}
