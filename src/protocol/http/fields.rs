//! The header fields that mean something to the server itself: Host, Connection, and what frames the body.

use httparse::Header;

use super::HttpFault;
use super::target::is_host;
use crate::application::content_length::{self, ContentLengthError};
use crate::application::response_head::is_token;
use crate::ascii::Ascii;

/// How the body is framed: by what Content-Length and Transfer-Encoding say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyFraming {
    #[default]
    None,
    Length(u64),
    Chunked,
}

/// What a head has of them. They are collected first and judged afterwards, in the order of
/// `fixtures/http/README.md`: the status must not depend on the order in which they were sent.
#[derive(Default)]
pub(super) struct Fields<'a> {
    host: Sent<'a>,
    content_type: Sent<'a>,
    length: Sent<'a>,
    encoding: Sent<'a>,
    expect: Option<&'a [u8]>,
    /// The first expectation that is not 100-continue.
    expect_unknown: Option<&'a [u8]>,
    keep_alive: bool,
    close: bool,
}

/// A field that may stand once.
#[derive(Clone, Copy, Default)]
struct Sent<'a> {
    first: Option<&'a [u8]>,
    again: Option<&'a [u8]>,
}

/// Where something is wrong, and what.
type Wrong<'a> = (&'a [u8], HttpFault);

impl<'a> Fields<'a> {
    /// Takes a field. Each known one is looked for by its length first: most fields are none of these.
    pub(super) fn note(&mut self, header: &Header<'a>) {
        let (name, value) = (header.name.as_bytes(), header.value);
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host.note(value),
            6 if name.eq_ignore_ascii_case(b"expect") => {
                self.expect = Some(value);
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    self.expect_unknown = self.expect_unknown.or(Some(value));
                }
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            12 if name.eq_ignore_ascii_case(b"content-type") => self.content_type.note(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length.note(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.encoding.note(value),
            _ => {}
        }
    }

    /// Host stands once and is one, and Content-Type stands no more than once. `Err(None)`: Host is missing.
    pub(super) fn check_names(&self, is_http11: bool) -> Result<(), Option<Wrong<'a>>> {
        match (self.host.first, self.host.again) {
            (None, _) if is_http11 => return Err(None),
            (_, Some(again)) => return Err(Some((again, HttpFault::HostTwice))),
            (Some(host), None) if !host.is_empty() && !is_host(host) => {
                return Err(Some((host, HttpFault::Host)));
            }
            _ => {}
        }
        self.content_type.once(HttpFault::TypeTwice).map(drop).map_err(Some)
    }

    /// How the body is framed (RFC 9112 section 6).
    pub(super) fn body(&self, is_http11: bool) -> Result<BodyFraming, Wrong<'a>> {
        match (self.encoding.first, self.length.first) {
            (None, None) => Ok(BodyFraming::None),
            (Some(encoding), Some(_)) => Err((encoding, HttpFault::LengthAndEncoding)),
            (Some(encoding), None) => {
                if !is_http11 {
                    return Err((encoding, HttpFault::EncodingInHttp10));
                }
                let twice = HttpFault::Encoding { value: Ascii(encoding).to_string() };
                self.encoding.once(twice)?;
                check_encoding(encoding).map_err(|fault| (encoding, fault))?;
                Ok(BodyFraming::Chunked)
            }
            (None, Some(length)) => {
                self.length.once(HttpFault::LengthTwice)?;
                parse_length(length).map(BodyFraming::Length).map_err(|fault| (length, fault))
            }
        }
    }

    /// Whether the client waits for 100 Continue. In HTTP/1.0 Expect means nothing (RFC 9110 section 10.1.1).
    pub(super) fn expects_continue(&self, is_http11: bool) -> Result<bool, Wrong<'a>> {
        match self.expect_unknown {
            Some(value) if is_http11 => Err((value, HttpFault::Expectation)),
            _ => Ok(is_http11 && self.expect.is_some()),
        }
    }

    /// Whether the connection outlives the request, as far as the client is asked (RFC 9112 section 9.3).
    pub(super) fn keep_alive(&self, is_http11: bool) -> bool {
        !self.close && (is_http11 || self.keep_alive)
    }
}

impl<'a> Sent<'a> {
    fn note(&mut self, value: &'a [u8]) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.again = self.again.or(Some(value)),
        }
    }

    fn once(self, fault: HttpFault) -> Result<(), Wrong<'a>> {
        self.again.map_or(Ok(()), |again| Err((again, fault)))
    }
}

/// RFC 9112 section 6.1: chunked must be the last coding, and once. We know no other.
fn check_encoding(value: &[u8]) -> Result<(), HttpFault> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let malformed = |coding: &[u8]| coding.is_empty() || !coding.iter().all(|byte| is_token(*byte));
    let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let last = codings.next_back().unwrap_or_default();
    let value = Ascii(value).to_string();
    if malformed(last) || codings.any(|coding| malformed(coding) || coding.eq_ignore_ascii_case(b"chunked")) {
        return Err(HttpFault::Encoding { value });
    }
    Err(HttpFault::EncodingUnknown { value })
}

/// Digits alone. More than 64 bits hold is a number all the same, and over every bound.
fn parse_length(value: &[u8]) -> Result<u64, HttpFault> {
    match content_length::parse(value) {
        Ok(length) => Ok(length),
        Err(ContentLengthError::TooLarge) => Ok(u64::MAX),
        _ if content_length::is_given_twice(value) => Err(HttpFault::LengthTwice),
        _ => Err(HttpFault::Length { value: Ascii(value).to_string() }),
    }
}
