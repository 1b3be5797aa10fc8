//! The grammars: bytes in, requests out; a response in, bytes out. No socket, no clock, no log.
//!
//! The set is closed and chosen by the listener, so it is an enum, and each of them a `Grammar` in its folder.
//! CONTRIBUTING.md tells how one is added.

mod endpoints;
mod error;
pub(crate) mod fastcgi;
mod grammar;
pub(crate) mod http;
pub(crate) mod intake;
mod pairs;
mod pending_request;
pub(crate) mod percent;
pub(crate) mod scgi;
mod stranger;
pub(crate) mod uwsgi;

use std::fmt;
use std::sync::LazyLock;

pub use endpoints::{Endpoints, Trust};
pub use error::DecodeError;
pub(crate) use error::Fault;
use error::GrammarFault;
use grammar::Grammar;
pub(crate) use intake::Intake;
use stranger::Stranger;

use crate::application::body_memory::BodyMemory;
use crate::application::environ::Environ;
use crate::application::response_head::ResponseHead;
use crate::limits::Limits;

/// The protocol that a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolName {
    /// The uwsgi binary protocol: nginx's `uwsgi_pass`.
    Uwsgi,
    /// HTTP/1.1 and 1.0: a browser, or nginx's `proxy_pass`.
    Http,
    /// FastCGI in the responder's role: nginx's `fastcgi_pass`.
    Fastcgi,
    /// SCGI: nginx's `scgi_pass`.
    Scgi,
}

impl ProtocolName {
    /// All of them.
    pub const ALL: [ProtocolName; 4] =
        [ProtocolName::Uwsgi, ProtocolName::Http, ProtocolName::Fastcgi, ProtocolName::Scgi];
}

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProtocolName::Uwsgi => "uwsgi",
            ProtocolName::Http => "http",
            ProtocolName::Fastcgi => "fastcgi",
            ProtocolName::Scgi => "scgi",
        })
    }
}

/// One connection's side of a protocol: what has been received, and how its response is framed.
///
/// The two that keep their connections are boxed: a uwsgi connection lives for one request, and is moved about on the
/// stack, where each byte counts.
pub enum Protocol {
    /// uwsgi.
    Uwsgi(uwsgi::RequestDecoder),
    /// HTTP/1.1 and 1.0.
    Http(Box<http::Conversation>),
    /// FastCGI.
    Fastcgi(Box<fastcgi::Conversation>),
    /// SCGI.
    Scgi(scgi::RequestDecoder),
}

/// Calls the grammar of whichever protocol it is.
macro_rules! grammar {
    ($protocol:ident.$method:ident($($argument:ident),*)) => {
        match $protocol {
            Protocol::Uwsgi(grammar) => grammar.$method($($argument),*),
            Protocol::Http(grammar) => grammar.$method($($argument),*),
            Protocol::Fastcgi(grammar) => grammar.$method($($argument),*),
            Protocol::Scgi(grammar) => grammar.$method($($argument),*),
        }
    };
}

impl Protocol {
    /// A fresh connection's protocol; `endpoints` is asked only by those that do not say it in their bytes.
    pub fn new(protocol: ProtocolName, endpoints: impl FnOnce() -> Endpoints) -> Self {
        match protocol {
            ProtocolName::Uwsgi => Protocol::Uwsgi(uwsgi::RequestDecoder::default()),
            ProtocolName::Http => Protocol::Http(Box::new(http::Conversation::new(endpoints()))),
            ProtocolName::Fastcgi => Protocol::Fastcgi(Box::default()),
            ProtocolName::Scgi => Protocol::Scgi(scgi::RequestDecoder::default()),
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
        self.receive_with(input, out, &Intake { limits, bodies: &NO_WORKERS })
    }

    /// The same with a worker's memory for bodies.
    pub(crate) fn receive_with(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        grammar!(self.receive(input, out, intake))
    }

    /// Where the next bytes of a long body may be put as they are read, past [`Protocol::receive`]: they are the body's and
    /// nothing else, and not the last of it. [`Protocol::body_filled`] tells how many came.
    pub(crate) fn body_room(&mut self, intake: &Intake<'_>) -> Option<&mut [u8]> {
        grammar!(self.body_room(intake))
    }

    /// So many bytes were put into the room.
    pub(crate) fn body_filled(&mut self, count: usize) {
        grammar!(self.body_filled(count));
    }

    /// How far the request has come that is being received.
    pub fn phase(&self) -> Phase {
        grammar!(self.phase())
    }

    /// How much of the request's body is still to come at the least, bytes. 0 where that is not known.
    pub fn body_missing(&mut self) -> u64 {
        grammar!(self.body_missing())
    }

    /// What is wrong with the request that is complete, if it is served all the same.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        grammar!(self.warning())
    }

    /// What arrived, in the protocol's words, for a reader that learns it or looks for a mistake.
    pub fn describe(&self) -> String {
        grammar!(self.describe())
    }

    /// The request that is being received is refused: the answer to come is the last.
    pub fn give_up(&mut self) {
        grammar!(self.give_up());
    }

    /// Whether the request that is being received, or was refused, is known to be a HEAD: an answer to it has no body
    /// (RFC 9110 section 9.3.2), also where the rest of the request is wrong or does not come.
    pub fn is_head(&self) -> bool {
        grammar!(self.is_head())
    }

    /// The request that is answered is to be the connection's last, whatever its peer would like. Told before the head,
    /// an HTTP client hears of it. FastCGI has no word for it, and goes on while its peer does, or until it is to be closed
    /// `untold`.
    pub fn disable_keep_alive(&mut self, untold: bool) {
        grammar!(self.disable_keep_alive(untold));
    }

    /// Writes the head of the response; `date` is now, as RFC 9110 section 5.6.7 writes it.
    pub fn head(&mut self, head: &ResponseHead, date: &[u8], out: &mut Vec<u8>) {
        grammar!(self.head(head, date, out));
    }

    /// Frames the next bytes of the body, of which `available` are there (at least 1); returns how many the
    /// frame takes (at least 1). What must stand before them goes to `before`, what behind to `after`.
    pub fn chunk(&mut self, available: u64, before: &mut Vec<u8>, after: &mut Vec<u8>) -> u64 {
        grammar!(self.chunk(available, before, after))
    }

    /// Ends the response; what stands behind the body goes to `out`.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Persistence {
        grammar!(self.finish(out))
    }

    /// The whole answer to the request that the application has, as it is sent if that never returns and the process
    /// is aborted; empty if there is none. The signal's handler that sends it can do nothing but write, so it is made beforehand.
    pub fn abort_reply(&self, head_only: bool) -> &'static [u8] {
        grammar!(self.abort_reply(head_only))
    }

    /// Tells the front end why the application failed, where the protocol has a place for it.
    pub fn write_stderr(&mut self, error: &str, out: &mut Vec<u8>) {
        grammar!(self.write_stderr(error, out));
    }

    /// Whether the peer may have something to say while its request is answered: that it is no longer wanted.
    /// Once it has sent its next request, it has not: what follows is about that one.
    pub fn reads_while_responding(&self) -> bool {
        grammar!(self.reads_while_responding())
    }

    /// Whether a header that is the connection's own comes before its first request.
    pub(crate) fn has_preamble(&self) -> bool {
        grammar!(self.has_preamble())
    }

    /// Whether a peer may send more behind its connection's last request: it is any client, and no front end.
    pub fn peer_may_go_on(&self) -> bool {
        grammar!(self.peer_may_go_on())
    }

    /// Whether a response without a Content-Length ends with the connection, and with nothing else.
    pub fn ends_with_the_close(&self) -> bool {
        grammar!(self.ends_with_the_close())
    }

    /// Whether a peer that closes its sending side while the response is made has gone for good.
    pub fn half_close_is_hang_up(&self) -> bool {
        grammar!(self.half_close_is_hang_up())
    }
}

/// The memory for bodies of those who decode and are no worker: each body has its own bound there, and no other.
static NO_WORKERS: LazyLock<BodyMemory> = LazyLock::new(|| BodyMemory::new(usize::MAX));

/// What [`Protocol::receive`] came to.
#[derive(Debug)]
pub enum Received {
    /// The request goes on in bytes that have not arrived.
    More,
    /// A request is complete.
    Request(Environ),
    /// The protocol answered by itself, and this is what follows.
    Answered(Persistence),
    /// The request that is being answered is no longer wanted, and this is what follows.
    Aborted(Persistence),
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

/// Writes the head of a response as front ends read it behind uwsgi and SCGI: a status line, which `line` begins,
/// and fields. No Date, no Server: a front end puts its own, and ours would replace them.
fn write_raw_head(line: &[u8], head: &ResponseHead, out: &mut Vec<u8>) {
    out.reserve(HEAD_BYTES + head.fields().len());
    for part in [line, head.status(), b"\r\n", head.fields(), b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// An answer to a request that takes too long. RFC 9110 section 6.6.1: a 5xx needs no Date.
const TIMEOUT: &[u8] = b"HTTP/1.1 504 Gateway Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n\
Content-Length: 16\r\nConnection: close\r\n\r\nGateway Timeout\n";
/// The same for CGI's kind.
const CGI_TIMEOUT: &[u8] = b"Status: 504 Gateway Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n\
Content-Length: 16\r\n\r\nGateway Timeout\n";
const TIMEOUT_BODY_BYTES: usize = 16;

/// One of them, without its body if the request is a HEAD.
fn cut_body(answer: &'static [u8], head_only: bool) -> &'static [u8] {
    &answer[..answer.len() - if head_only { TIMEOUT_BODY_BYTES } else { 0 }]
}

/// The front of an HTTP response.
const HTTP_LINE: &[u8] = b"HTTP/1.1 ";
/// The front of a CGI response (RFC 3875 section 6.3.3).
const CGI_LINE: &[u8] = b"Status: ";
/// What stands around the fields, with room for any usual reason, bytes.
const HEAD_BYTES: usize = 64;
