//! The request line (RFC 9112 section 3). httparse takes no target but UTF-8, and clients send others.

use std::ops::Range;

use super::HttpFault;
use crate::application::response_head::is_token;
use crate::protocol::Stranger;

/// Where a head has the parts of its request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    method: Range<usize>,
    target: Range<usize>,
    pub(super) is_http11: bool,
    /// Where its fields begin.
    pub(super) end: usize,
}

impl RequestLine {
    pub(super) fn method<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.method.clone()]
    }

    /// As it was sent; not empty, and without a space or a `#`.
    pub(super) fn target<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        &head[self.target.clone()]
    }

    /// Reads the line that `head` ends in, an empty one before it passed over. Controls have been refused before.
    pub(super) fn read(head: &[u8]) -> Result<Self, HttpFault> {
        let start = if head.starts_with(b"\r\n") { 2 } else { 0 };
        let line = head[start..].strip_suffix(b"\r\n").ok_or(HttpFault::RequestLine)?;
        if line.starts_with(b"PROXY TCP") || line.starts_with(b"PROXY UNKNOWN") {
            return Err(HttpFault::Stranger(Stranger::PROXY));
        }
        let first = memchr::memchr(b' ', line).ok_or(HttpFault::RequestLine)?;
        let (method, behind) = (&line[..first], &line[first + 1..]);
        let second = memchr::memchr(b' ', behind).ok_or(HttpFault::RequestLine)?;
        let (target, version) = (&behind[..second], &behind[second + 1..]);
        let is_method = !method.is_empty() && method.iter().all(|byte| is_token(*byte));
        if !is_method || target.is_empty() {
            return Err(HttpFault::RequestLine);
        }
        if memchr::memchr(b'#', target).is_some() {
            return Err(HttpFault::Target);
        }
        let is_http11 = match version {
            b"HTTP/1.0" => false,
            // RFC 9110 section 2.5: what is new in a later minor version may be passed over.
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => true,
            b"HTTP/2.0" if method == b"PRI" => return Err(HttpFault::Stranger(Stranger::HTTP2)),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(HttpFault::Version);
            }
            _ => return Err(HttpFault::RequestLine),
        };
        if method == b"CONNECT" {
            return Err(HttpFault::Connect);
        }
        let method = start..start + first;
        let target = method.end + 1..method.end + 1 + second;
        Ok(RequestLine { method, target, is_http11, end: head.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_one_space_between_them() {
        for (line, want) in [
            ("GET /a HTTP/1.1", Ok(("GET", "/a", true))),
            ("x-Y \u{e9} HTTP/1.0", Ok(("x-Y", "\u{e9}", false))),
            ("GET /a", Err(HttpFault::RequestLine)),
            ("GET  /a HTTP/1.1", Err(HttpFault::RequestLine)),
            ("GET /a  HTTP/1.1", Err(HttpFault::RequestLine)),
            ("GET /a b HTTP/1.1", Err(HttpFault::RequestLine)),
            ("GET /a HTTP/1.1 ", Err(HttpFault::RequestLine)),
            (" /a HTTP/1.1", Err(HttpFault::RequestLine)),
            ("G(T /a HTTP/1.1", Err(HttpFault::RequestLine)),
            ("GET /a http/1.1", Err(HttpFault::RequestLine)),
            ("GET /a HTTP/1.10", Err(HttpFault::RequestLine)),
            ("GET /a#b HTTP/1.1", Err(HttpFault::Target)),
            ("GET /a HTTP/1.2", Ok(("GET", "/a", true))),
            ("GET /a HTTP/1.9", Ok(("GET", "/a", true))),
            ("GET /a HTTP/0.9", Err(HttpFault::Version)),
            ("GET /a HTTP/2.0", Err(HttpFault::Version)),
            ("PRI * HTTP/2.0", Err(HttpFault::Stranger(Stranger::HTTP2))),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2", Err(HttpFault::Stranger(Stranger::PROXY))),
            ("PROXY /a HTTP/1.1", Ok(("PROXY", "/a", true))),
            ("CONNECT a:1 HTTP/1.1", Err(HttpFault::Connect)),
        ] {
            for before in ["", "\r\n"] {
                let head = format!("{before}{line}\r\n");
                let head = head.as_bytes();
                let got = RequestLine::read(head).map(|line| {
                    assert_eq!(line.end, head.len());
                    (line.method(head), line.target(head), line.is_http11)
                });
                let want = want
                    .clone()
                    .map(|(method, target, is_http11)| (method.as_bytes(), target.as_bytes(), is_http11));
                assert_eq!(got, want, "{line:?}");
            }
        }
    }
}
