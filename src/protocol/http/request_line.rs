//! The request line (RFC 9112 section 3). httparse takes no target but UTF-8, and clients send others.

use super::HttpFault;
use crate::application::response_head::is_token;
use crate::protocol::Stranger;

/// A request line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    /// As it was sent; not empty, and without a space or a `#`.
    pub(super) target: &'a [u8],
    pub(super) is_http11: bool,
}

impl<'a> RequestLine<'a> {
    /// Takes the request line off the front of `head`, an empty line before it too; returns the rest. Controls
    /// have been refused before.
    pub(super) fn split(head: &'a [u8]) -> Result<(Self, &'a [u8]), HttpFault> {
        let head = head.strip_prefix(b"\r\n").unwrap_or(head);
        let end = memchr::memchr(b'\n', head).ok_or(HttpFault::RequestLine)?;
        let (line, rest) = head.split_at(end + 1);
        let line = line.strip_suffix(b"\r\n").ok_or(HttpFault::RequestLine)?;
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
        Ok((RequestLine { method, target, is_http11 }, rest))
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
                let head = format!("{before}{line}\r\nA: b\r\n\r\n");
                let got = RequestLine::split(head.as_bytes());
                let want = want.clone().map(|(method, target, is_http11)| {
                    let (method, target) = (method.as_bytes(), target.as_bytes());
                    (RequestLine { method, target, is_http11 }, b"A: b\r\n\r\n".as_slice())
                });
                assert_eq!(got, want, "{line:?}");
            }
        }
    }
}
