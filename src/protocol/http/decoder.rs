//! Bytes of a connection → its requests, one after the other; and what of their framing the responses need.

use super::chunked::{Chunked, Decoded};
use super::ends::Ends;
use super::fields::BodyFraming;
use super::head::{self, Framing};
use super::proxy_protocol::{self, Parsed};
use super::response::ResponseFraming;
use super::scan::{Scan, Scanned};
use super::{Endpoints, HttpFault};
use crate::application::response_head::ResponseHead;
use crate::application::variables::Variables;
use crate::limits::Limits;
use crate::protocol::pending_request::{PendingRequest, take, without_body};
use crate::protocol::{DecodeError, Fault, Grammar, Intake, Persistence, Phase, Received};

/// One HTTP connection.
pub struct Conversation {
    endpoints: Endpoints,
    /// What `endpoints` comes to, once the first head has come.
    ends: Option<Ends>,
    state: State,
    /// Of the request that was read last.
    request: Framing,
    response: ResponseFraming,
}

enum State {
    /// The PROXY protocol's header is to come; these are its first bytes.
    Proxy(Vec<u8>),
    /// A head is arriving; `pending` is what came of it in earlier pieces.
    Head { scan: Scan, pending: Vec<u8> },
    /// A body is arriving.
    Body { incoming: PendingRequest, left: Left },
    /// The request was handed on, and its response is not over; or it was refused.
    Done,
}

/// What is to come of a body.
enum Left {
    Length(u64),
    Chunked(Chunked),
}

impl Grammar for Conversation {
    fn receive(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        self.take_in(input, out, intake).map_err(|error| {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Body { incoming, .. } => error.of_request(incoming.variables),
                _ => error,
            }
        })
    }

    fn phase(&self) -> Phase {
        match &self.state {
            State::Proxy(bytes) if bytes.is_empty() => Phase::Idle,
            State::Head { scan, .. } if scan.is_empty() => Phase::Idle,
            State::Proxy(_) | State::Head { .. } | State::Done => Phase::Head,
            State::Body { incoming, .. } => Phase::Body { received: incoming.received() },
        }
    }

    fn pending_body(&mut self) -> Option<(&mut PendingRequest, &mut u64)> {
        match &mut self.state {
            State::Body { incoming, left: Left::Length(left) } => Some((incoming, left)),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        let Framing { is_http11, keep_alive, body, .. } = self.request;
        let version = if is_http11 { "HTTP/1.1" } else { "HTTP/1.0" };
        let body = match body {
            BodyFraming::None => "no body".to_owned(),
            BodyFraming::Length(length) => format!("a body of {length} bytes"),
            BodyFraming::Chunked => "a chunked body".to_owned(),
        };
        format!("{version} request: {body}, {}", if keep_alive { "kept alive" } else { "then close" })
    }

    fn is_head(&self) -> bool {
        match &self.state {
            State::Proxy(_) => false,
            State::Head { pending, .. } => is_head(pending, b""),
            State::Body { .. } | State::Done => self.request.is_head,
        }
    }

    fn give_up(&mut self) {
        self.request = Framing { is_http11: true, is_head: self.is_head(), ..Framing::default() };
        self.state = State::Done;
    }

    fn disable_keep_alive(&mut self, _untold: bool) {
        self.request.keep_alive = false;
    }

    fn head(&mut self, head: &ResponseHead, date: &[u8], out: &mut Vec<u8>) {
        self.response = ResponseFraming::write_head(self.request, head, date, out);
    }

    fn chunk(&mut self, available: u64, before: &mut Vec<u8>, after: &mut Vec<u8>) -> u64 {
        self.response.chunk(available, before, after)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Persistence {
        let persistence = self.response.finish(out);
        if persistence == Persistence::KeepAlive {
            self.state = State::head();
        }
        persistence
    }

    fn has_preamble(&self) -> bool {
        self.endpoints.trust.proxy_protocol
    }

    fn peer_may_go_on(&self) -> bool {
        true
    }

    /// A client may say that it has no more to ask, and still read. One that is gone shows when written to.
    fn half_close_is_hang_up(&self) -> bool {
        false
    }
}

impl Conversation {
    /// A fresh connection between these ends.
    pub fn new(endpoints: Endpoints) -> Self {
        let state = if endpoints.trust.proxy_protocol { State::Proxy(Vec::new()) } else { State::head() };
        Conversation {
            endpoints,
            ends: None,
            state,
            request: Framing::default(),
            response: ResponseFraming::default(),
        }
    }

    fn take_in(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        loop {
            match &mut self.state {
                State::Proxy(pending) => {
                    if !read_proxy_header(pending, input, &mut self.endpoints)? {
                        return Ok(Received::More);
                    }
                    self.state = State::head();
                }
                State::Head { scan, pending } => {
                    let scanned = scan.scan(pending, input, intake).map_err(|(at, fault)| {
                        self.request = Framing { is_head: is_head(pending, input), ..Framing::default() };
                        DecodeError::at(at, fault)
                    });
                    let Some(scanned) = scanned? else {
                        pending.extend_from_slice(input);
                        *input = &[];
                        return Ok(Received::More);
                    };
                    let mut whole = std::mem::take(pending);
                    let (rest, behind) = input.split_at(scanned.len);
                    *input = behind;
                    let head = if whole.is_empty() {
                        rest
                    } else {
                        whole.extend_from_slice(rest);
                        &whole
                    };
                    // Most requests have no body, and are handed on without becoming a state.
                    if let Some(request) = self.head(head, &scanned, behind.is_empty(), out, intake)? {
                        return Ok(request);
                    }
                }
                State::Body { incoming, left } => {
                    if !receive_body(incoming, left, input, intake)? {
                        return Ok(Received::More);
                    }
                    let State::Body { incoming, .. } = std::mem::replace(&mut self.state, State::Done) else {
                        return Ok(Received::More);
                    };
                    return Ok(Received::Request(incoming.into_environ()?));
                }
                State::Done => return Ok(Received::More),
            }
        }
    }

    /// A complete head; `is_all` tells that nothing has arrived behind it. Returns the request
    /// if that is all of it.
    fn head(
        &mut self,
        head: &[u8],
        scanned: &Scanned,
        is_all: bool,
        out: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Option<Received>, DecodeError> {
        let mut variables = Variables::new();
        let ends = self.ends.get_or_insert_with(|| Ends::of(&self.endpoints));
        let framing = match head::read(head, scanned, &mut variables, ends, &self.endpoints, limits) {
            Ok(framing) => framing,
            Err(error) => {
                self.request = Framing { is_head: is_head(head, b""), ..Framing::default() };
                return Err(error.of_request(variables));
            }
        };
        self.request = framing;
        let left = match framing.body {
            BodyFraming::Length(length) => Left::Length(length),
            BodyFraming::Chunked => Left::Chunked(Chunked::default()),
            BodyFraming::None => Left::Length(0),
        };
        if let Left::Length(0) = left {
            self.state = State::Done;
            complete(&mut variables)?;
            return Ok(Some(Received::Request(without_body(variables))));
        }
        if framing.expects_continue && is_all {
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.state = State::Body { incoming: PendingRequest::new(variables), left };
        Ok(None)
    }
}

impl State {
    fn head() -> Self {
        State::Head { scan: Scan::default(), pending: Vec::new() }
    }
}

/// Whether a head that begins with these bytes is of a HEAD request, though the rest of it may be wrong.
fn is_head(bytes: &[u8], next: &[u8]) -> bool {
    let first: Vec<u8> = bytes.iter().chain(next).take(b"\r\nHEAD ".len()).copied().collect();
    first.strip_prefix(b"\r\n").unwrap_or(&first).starts_with(b"HEAD ")
}

/// Takes a PROXY header off the front of `input`; returns whether it is complete.
fn read_proxy_header(
    pending: &mut Vec<u8>,
    input: &mut &[u8],
    endpoints: &mut Endpoints,
) -> Result<bool, DecodeError> {
    let before = pending.len();
    pending.extend_from_slice(input);
    match proxy_protocol::parse(pending) {
        Parsed::More => {
            *input = &[];
            Ok(false)
        }
        Parsed::Header { len, client } => {
            *input = &input[len - before..];
            endpoints.peer = client.or(endpoints.peer);
            Ok(true)
        }
        Parsed::Wrong => Err(DecodeError::at(0, HttpFault::ProxyHeader)),
    }
}

/// Takes what `input` has of a body; returns whether that completes it.
fn receive_body(
    incoming: &mut PendingRequest,
    left: &mut Left,
    input: &mut &[u8],
    intake: &Intake<'_>,
) -> Result<bool, DecodeError> {
    match left {
        Left::Length(left) => {
            let data = take(input, *left);
            *left -= data.len() as u64;
            incoming.append(data, *left, intake)?;
            if *left > 0 {
                return Ok(false);
            }
        }
        Left::Chunked(chunked) => {
            loop {
                match chunked.decode(input, intake).map_err(DecodeError::of)? {
                    Decoded::Data(data) => incoming.append(data, 0, intake)?,
                    Decoded::More => return Ok(false),
                    Decoded::End => break,
                }
            }
            incoming.variables.push_display(b"CONTENT_LENGTH", incoming.received());
        }
    }
    complete(&mut incoming.variables)?;
    Ok(true)
}

/// Two lengths were refused by the head, so completing can only join repeated headers.
fn complete(variables: &mut Variables) -> Result<(), DecodeError> {
    variables.complete().map(drop).map_err(|_| DecodeError::of(Fault::ContentLengthTwice))
}
