//! Feeds a protocol as a socket would, answers each request, and says what came of it in values that can be compared.
//!
//! The tests of the protocols and `fuzz/` share it.

#![allow(dead_code, reason = "each test program uses a part of it")]

mod any_split;
mod shown;

use std::io::Read;

use tidegate::protocol::{Endpoints, Persistence, Phase, Protocol, Received};
use tidegate::{Environ, Limits, ProtocolName, ResponseHead};

#[allow(unused_imports, reason = "each test program uses a part of it")]
pub(crate) use any_split::{assert_any_split, cut};

/// What a connection came to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) requests: Vec<Request>,
    /// What the protocol said by itself, all together; without HTTP's 100 Continue, which depends on what has come.
    pub(crate) out: Vec<u8>,
    pub(crate) end: End,
    /// How many bytes were taken, all pieces together; 0 where HTTP is refused, whose lines are taken when they end.
    pub(crate) taken: usize,
}

/// A request that reached the application.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// In the protocol's words.
    pub(crate) described: String,
    /// In wire order.
    pub(crate) environ: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// How a response of two bytes looks on the wire.
    pub(crate) answer: Vec<u8>,
    /// Whether the connection was kept behind that response.
    pub(crate) keep_alive: bool,
}

/// A request's environ, its body, and whether the connection was kept.
pub(crate) type Meaning = (Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>, bool);

impl Outcome {
    /// What reached the application, and nothing that the protocol puts around it.
    pub(crate) fn meanings(&self) -> Vec<Meaning> {
        let meaning = |request: &Request| (request.environ.clone(), request.body.clone(), request.keep_alive);
        self.requests.iter().map(meaning).collect()
    }
}

/// In which state the connection is when all is fed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum End {
    Open(Phase),
    Closed,
    Refused { status: Option<u16>, offset: Option<usize>, message: String, answer: Vec<u8> },
}

/// Feeds the pieces one after the other, and answers each request, until the connection is to be closed.
pub(crate) fn feed<'a>(
    protocol: ProtocolName,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Outcome {
    feed_between(Endpoints::default(), protocol, pieces, limits)
}

/// The same for a connection between these ends.
pub(crate) fn feed_between<'a>(
    endpoints: Endpoints,
    protocol: ProtocolName,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Outcome {
    let mut feeding = Feeding {
        name: protocol,
        protocol: Protocol::new(protocol, || endpoints),
        limits,
        requests: Vec::new(),
        out: Vec::new(),
    };
    let (mut taken, mut pieces) = (0, pieces.into_iter());
    while let Some(piece) = pieces.next() {
        let mut input = piece;
        let end = feeding.take_in(&mut input);
        taken += piece.len() - input.len();
        if let Some(end) = end {
            if protocol == ProtocolName::Http && matches!(end, End::Refused { .. }) {
                taken = 0;
            }
            std::iter::once(input).chain(pieces).for_each(|left| feeding.assert_untouched(left));
            return Outcome { requests: feeding.requests, out: feeding.out, end, taken };
        }
        if feeding.is_of_one_request() {
            let idle = feeding.protocol.phase() == Phase::Idle;
            assert_eq!(idle, taken == 0, "idle is for a connection that has sent nothing");
        }
    }
    Outcome { end: End::Open(feeding.protocol.phase()), requests: feeding.requests, out: feeding.out, taken }
}

struct Feeding<'a> {
    name: ProtocolName,
    protocol: Protocol,
    limits: &'a Limits,
    requests: Vec<Request>,
    out: Vec<u8>,
}

impl Feeding<'_> {
    fn is_of_one_request(&self) -> bool {
        matches!(self.name, ProtocolName::Uwsgi | ProtocolName::Scgi)
    }

    /// Feeds one piece; returns the connection's end, if it has come.
    fn take_in(&mut self, input: &mut &[u8]) -> Option<End> {
        loop {
            let received = self.protocol.receive(input, &mut self.out, self.limits);
            if self.name == ProtocolName::Http {
                let said = std::mem::take(&mut self.out);
                assert!(said.is_empty() || (said == CONTINUE && input.is_empty()), "{}", said.escape_ascii());
            }
            let persistence = match received {
                Ok(Received::More) => {
                    assert!(input.is_empty(), "it wants more and leaves {} bytes", input.len());
                    return None;
                }
                Ok(Received::Request(environ)) => self.answer(environ),
                Ok(Received::Answered(persistence)) => persistence,
                Ok(Received::Aborted(_)) => panic!("taken back while nothing is answered"),
                Err(error) => {
                    return Some(End::Refused {
                        status: error.status().map(|status| status[..3].parse().expect("a code in front")),
                        offset: error.offset,
                        message: error.to_string(),
                        answer: error.status().map(|status| self.refuse(status)).unwrap_or_default(),
                    });
                }
            };
            if persistence == Persistence::Close {
                return Some(End::Closed);
            }
        }
    }

    fn answer(&mut self, mut environ: Environ) -> Persistence {
        let mut body = Vec::new();
        environ.input().read_to_end(&mut body).expect("a body can be read");
        let len = body.len() as u64;
        assert_eq!(environ.input().len(), len);
        assert_eq!(environ.content_length().unwrap_or_default(), len, "CONTENT_LENGTH is the body's");
        let environ = environ.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let described = self.protocol.describe();
        let (answer, persistence) = self.respond("200 OK");
        let keep_alive = persistence == Persistence::KeepAlive;
        self.requests.push(Request { described, environ, body, answer, keep_alive });
        persistence
    }

    fn refuse(&mut self, status: &str) -> Vec<u8> {
        self.protocol.give_up();
        let (answer, persistence) = self.respond(status);
        assert_eq!(persistence, Persistence::Close, "nothing is served after an error");
        answer
    }

    fn respond(&mut self, status: &str) -> (Vec<u8>, Persistence) {
        let (mut wire, mut after) = (Vec::new(), Vec::new());
        let fields = [("Content-Type", "text/plain"), ("Content-Length", "2")];
        let head = ResponseHead::new(status, fields, 1_000).expect("a good head");
        self.protocol.head(&head, b"Sun, 06 Nov 1994 08:49:37 GMT", &mut wire);
        assert_eq!(self.protocol.chunk(2, &mut wire, &mut after), 2);
        wire.extend_from_slice(b"ok");
        let persistence = self.protocol.finish(&mut after);
        if self.name == ProtocolName::Http {
            assert!(after.is_empty(), "a body of a known length has no frames");
            let told = wire.windows(CLOSE.len()).any(|window| window == CLOSE);
            assert_eq!(told, persistence == Persistence::Close, "the client is told that it is closed");
        }
        wire.extend_from_slice(&after);
        (wire, persistence)
    }

    /// That a connection of one request takes nothing behind it.
    fn assert_untouched(&mut self, left: &[u8]) {
        if self.is_of_one_request() {
            let (mut input, mut out) = (left, Vec::new());
            let received = self.protocol.receive(&mut input, &mut out, self.limits);
            assert!(matches!(received, Ok(Received::More)), "a second request on one connection");
            assert_eq!((input.len(), out), (left.len(), Vec::new()), "bytes behind the request were taken");
        }
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const CLOSE: &[u8] = b"\r\nConnection: close\r\n";
