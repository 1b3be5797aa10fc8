//! Bytes of a connection → one request. Any split of the bytes gives the same result.

use super::ScgiFault;
use super::headers::read_header;
use crate::application::response_head::ResponseHead;
use crate::application::variables::Variables;
use crate::limits::Limits;
use crate::protocol::pending_request::{self, PendingRequest, take};
use crate::protocol::{
    CGI_LINE, CGI_TIMEOUT, DecodeError, Fault, Grammar, HTTP_LINE, Intake, Phase, ProtocolName, Received,
    Stranger, TIMEOUT, cut_body, pairs, write_raw_head,
};

/// Decodes the one request of an SCGI connection.
#[derive(Default)]
pub struct RequestDecoder {
    /// The length's digits, and the colon: where the headers begin, bytes from the request's first.
    prefix: usize,
    headers_len: usize,
    /// SERVER_SOFTWARE, once it is known, is Apache.
    from_apache: bool,
    /// REQUEST_METHOD, once it is known, is HEAD.
    is_head: bool,
    state: State,
}

#[derive(Default)]
enum State {
    /// The netstring's length is arriving.
    #[default]
    Length,
    /// `missing` bytes of the headers are to come.
    Headers { variables: Variables, missing: usize },
    /// The comma behind the headers is to come.
    Comma { variables: Variables },
    /// `missing` bytes of the body are to come.
    Body { incoming: PendingRequest, missing: u64 },
    /// The request is complete, or was refused. What else arrives is not ours.
    Done,
}

impl Grammar for RequestDecoder {
    fn receive(
        &mut self,
        input: &mut &[u8],
        _out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        loop {
            let state = std::mem::replace(&mut self.state, State::Done);
            self.state = match state {
                State::Length => {
                    if !self.length(input, intake)? {
                        self.state = State::Length;
                        return Ok(Received::More);
                    }
                    State::Headers { variables: Variables::new(), missing: self.headers_len }
                }
                State::Headers { mut variables, missing } => {
                    let taken = take(input, missing as u64);
                    variables.extend_block(taken);
                    if taken.len() < missing {
                        self.state = State::Headers { variables, missing: missing - taken.len() };
                        return Ok(Received::More);
                    }
                    State::Comma { variables }
                }
                State::Comma { mut variables } => match take(input, 1) {
                    [] => {
                        self.state = State::Comma { variables };
                        return Ok(Received::More);
                    }
                    [b','] => {
                        let indexed = self.index(&mut variables, intake);
                        self.is_head = pending_request::is_head(&variables);
                        let missing = match indexed {
                            Ok(missing) => missing,
                            Err(error) => return Err(error.of_request(variables)),
                        };
                        State::Body { incoming: PendingRequest::new(variables), missing }
                    }
                    _ => return Err(DecodeError::at(self.prefix + self.headers_len, ScgiFault::Comma)),
                },
                State::Body { mut incoming, missing } => {
                    let missing = match incoming.fill(input, missing, intake) {
                        Ok(missing) => missing,
                        Err(error) => return Err(error.of_request(incoming.variables)),
                    };
                    if missing > 0 {
                        self.state = State::Body { incoming, missing };
                        return Ok(Received::More);
                    }
                    return Ok(Received::Request(incoming.into_environ()?));
                }
                State::Done => return Ok(Received::More),
            }
        }
    }

    fn phase(&self) -> Phase {
        match &self.state {
            State::Length if self.prefix == 0 => Phase::Idle,
            State::Body { incoming, .. } => Phase::Body { received: incoming.received() },
            _ => Phase::Head,
        }
    }

    fn pending_body(&mut self) -> Option<(&mut PendingRequest, &mut u64)> {
        match &mut self.state {
            State::Body { incoming, missing } => Some((incoming, missing)),
            _ => None,
        }
    }

    fn ends_with_the_close(&self) -> bool {
        true
    }

    fn is_head(&self) -> bool {
        self.is_head
    }

    fn describe(&self) -> String {
        format!("SCGI request: a netstring of {} bytes of headers", self.headers_len)
    }

    /// SCGI says nothing of the response. A status line is what nginx, lighttpd and every other SCGI client read
    /// best, but for Apache: its mod_proxy_scgi reads CGI's response and answers 500 to an HTTP status line
    /// ("malformed header from script"). So Apache gets `Status:`, once its headers have told that it is Apache.
    fn head(&mut self, head: &ResponseHead, _date: &[u8], out: &mut Vec<u8>) {
        write_raw_head(if self.from_apache { CGI_LINE } else { HTTP_LINE }, head, out);
    }

    fn abort_reply(&self, head_only: bool) -> &'static [u8] {
        cut_body(if self.from_apache { CGI_TIMEOUT } else { TIMEOUT }, head_only)
    }
}

impl RequestDecoder {
    /// Whether the length is complete, after what `input` has of it.
    fn length(&mut self, input: &mut &[u8], limits: &Limits) -> Result<bool, DecodeError> {
        while let [byte] = take(input, 1) {
            match byte {
                b'0'..=b'9' if self.prefix == 1 && self.headers_len == 0 => {
                    return Err(DecodeError::at(0, ScgiFault::Length));
                }
                b'0'..=b'9' => {
                    self.headers_len = self.headers_len * 10 + usize::from(byte - b'0');
                    if self.headers_len > limits.vars_bytes_max {
                        let bytes_max = limits.vars_bytes_max;
                        return Err(DecodeError::at(0, Fault::VarsTooLarge { bytes_max }));
                    }
                }
                b':' if self.prefix > 0 => {
                    self.prefix += 1;
                    return Ok(true);
                }
                byte => {
                    let first = if self.prefix == 0 { std::slice::from_ref(byte) } else { &[] };
                    let stranger = Stranger::at(ProtocolName::Scgi, first).map(Fault::Stranger);
                    let fault = stranger.unwrap_or_else(|| ScgiFault::Length.into());
                    return Err(DecodeError::at(self.prefix, fault));
                }
            }
            self.prefix += 1;
        }
        Ok(false)
    }

    /// Reads the headers into their index and ends the head; returns the body's length, bytes.
    fn index(&mut self, variables: &mut Variables, limits: &Limits) -> Result<u64, DecodeError> {
        if self.headers_len == 0 {
            return Err(DecodeError::at(self.prefix, ScgiFault::LengthNotFirst));
        }
        pairs::index(variables, self.prefix, read_header, limits)?;
        let completed = pairs::complete(variables, self.prefix, read_header, limits);
        self.from_apache =
            variables.get(b"SERVER_SOFTWARE").is_some_and(|software| software.starts_with(b"Apache"));
        let length = completed?;
        pairs::require_method(variables)?;
        if variables.get(b"SCGI") != Some(b"1") {
            let offset = variables.offset(b"SCGI").map(|name| self.prefix + name);
            return Err(DecodeError { offset, ..DecodeError::of(ScgiFault::Version) });
        }
        pending_request::find_path(variables);
        Ok(length.unwrap_or_default())
    }
}
