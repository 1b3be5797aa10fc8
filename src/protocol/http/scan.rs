//! Where a head ends, without looking at a byte twice, however it is split.
//!
//! What is refused here is refused at the first byte that breaks a rule, so that the pieces in which a head
//! arrives make no difference. The request line is judged as it ends: what speaks another protocol may send nothing else.

use std::borrow::Cow;

use super::HttpFault;
use super::request_line::RequestLine;
use crate::application::response_head::is_token;
use crate::limits::Limits;
use crate::protocol::{ProtocolName, Stranger};

/// What has been seen of a head.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Bytes so far, an empty line before the request line among them.
    seen: usize,
    /// Bytes of the line that has not ended.
    line: usize,
    /// Once it has ended.
    request_line: Option<RequestLine>,
    /// Header fields that have ended.
    fields: usize,
    /// An empty line came before the request line.
    empty_first: bool,
    /// The last byte.
    last: u8,
}

/// A head that is complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// How many bytes of the last piece belong to it.
    pub(super) len: usize,
    pub(super) line: RequestLine,
    /// How many header fields it has.
    pub(super) fields: usize,
}

impl Scan {
    /// Whether nothing of a request has been seen. RFC 9112 section 2.2 lets an empty line come before it.
    pub(super) fn is_empty(&self) -> bool {
        self.line == 0 && self.request_line.is_none()
    }

    /// The head, if it ends in `bytes`; `before` is what came of it in earlier pieces.
    ///
    /// Lines end in CR LF: a bare LF is refused here, since servers disagree on whether it ends a line (RFC 9112
    /// section 2.2), and a bare CR where it stands in the request line; elsewhere the parser refuses it.
    pub(super) fn scan(
        &mut self,
        before: &[u8],
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<Scanned>, (usize, HttpFault)> {
        let mut at = 0;
        for line_feed in memchr::memchr_iter(b'\n', bytes) {
            let last = if line_feed > at { bytes[line_feed - 1] } else { self.last };
            let length = line_feed + 1 - at;
            // A field line within the bound of the head breaks no rule that grow() knows: most lines are that.
            if self.request_line.is_some() && self.seen + length <= limits.http_head_bytes_max {
                self.seen += length;
                self.line += length;
                self.last = b'\n';
            } else {
                self.grow(&bytes[at..=line_feed], limits)?;
            }
            at = line_feed + 1;
            if last != b'\r' {
                return Err((self.seen - 1, HttpFault::BareLf));
            }
            let is_empty = self.line == 2;
            self.line = 0;
            match (is_empty, &self.request_line) {
                (true, None) if self.empty_first => return Err((self.seen - 2, HttpFault::RequestLine)),
                (true, None) => self.empty_first = true,
                (true, Some(line)) => {
                    return Ok(Some(Scanned { len: at, line: line.clone(), fields: self.fields }));
                }
                (false, None) => {
                    let line = RequestLine::read(&joined(before, &bytes[..at]));
                    self.request_line = Some(line.map_err(|fault| (0, fault))?);
                }
                (false, Some(_)) => self.fields += 1,
            }
            let count_max = limits.http_headers_count_max;
            if self.fields > count_max {
                return Err((self.seen, HttpFault::TooManyHeaders { count_max }));
            }
        }
        self.grow(&bytes[at..], limits)?;
        Ok(None)
    }

    /// Takes the next bytes of a line. Where they break two rules, the one that an earlier byte breaks counts.
    fn grow(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), (usize, HttpFault)> {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Ok(()) };
        if self.is_empty() {
            check_first(*first).map_err(|fault| (self.seen, fault))?;
        }
        let (room, fault) = self.room(limits);
        if self.request_line.is_none()
            && let Some(at) = self.control(&bytes[..bytes.len().min(room)])
        {
            return Err((self.seen + at, HttpFault::ControlInRequestLine));
        }
        if bytes.len() > room {
            return Err((self.seen + room, fault));
        }
        self.seen += bytes.len();
        self.line += bytes.len();
        self.last = *last;
        Ok(())
    }

    /// How many bytes more the line may have, and which bound is the nearest.
    fn room(&self, limits: &Limits) -> (usize, HttpFault) {
        let head_max = limits.http_head_bytes_max;
        let head = (head_max + 2 * usize::from(self.empty_first)).saturating_sub(self.seen);
        let line_max = limits.http_request_line_bytes_max;
        let line = line_max.saturating_sub(self.line);
        if self.request_line.is_none() && line <= head {
            (line, HttpFault::RequestLineTooLong { bytes_max: line_max })
        } else {
            (head, HttpFault::HeadTooLong { bytes_max: head_max })
        }
    }

    /// Where in these bytes of the request line it is clear that they are none: a control character, but for CR
    /// LF at their end. What speaks another protocol may never send an LF.
    fn control(&self, bytes: &[u8]) -> Option<usize> {
        if self.last == b'\r' && self.line > 0 && bytes.first().is_some_and(|first| *first != b'\n') {
            return Some(0);
        }
        // Most lines have only CR LF, at their end, and not to stop at the first makes a loop of vectors.
        let text = match bytes {
            [text @ .., b'\r', b'\n'] | [text @ .., b'\r' | b'\n'] => text,
            text => text,
        };
        if !text.iter().fold(false, |any, byte| any | byte.is_ascii_control()) {
            return None;
        }
        let at = text.iter().position(u8::is_ascii_control)?;
        // A bare CR is known by what follows it.
        if text[at] == b'\r' { Some(at + 1) } else { Some(at) }
    }
}

/// Most heads come in one piece.
fn joined<'a>(before: &[u8], bytes: &'a [u8]) -> Cow<'a, [u8]> {
    if before.is_empty() { Cow::Borrowed(bytes) } else { Cow::Owned([before, bytes].concat()) }
}

/// A method begins with a letter or a mark of a token; other protocols may begin otherwise.
fn check_first(first: u8) -> Result<(), HttpFault> {
    match first {
        b'\r' | b'\n' => Ok(()),
        byte if is_token(byte) => Ok(()),
        byte if byte.is_ascii_graphic() => Err(HttpFault::RequestLine),
        byte => {
            Err(Stranger::at(ProtocolName::Http, &[byte]).map_or(HttpFault::NotHttp, HttpFault::Stranger))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_bound_counts_and_the_first_wrong_byte() {
        let limits = |line, head, fields| Limits {
            http_request_line_bytes_max: line,
            http_head_bytes_max: head,
            http_headers_count_max: fields,
            ..Limits::default()
        };
        let line = HttpFault::RequestLineTooLong { bytes_max: 14 };
        let head = HttpFault::HeadTooLong { bytes_max: 16 };
        let fields = HttpFault::TooManyHeaders { count_max: 1 };
        for (bytes, limits, want) in [
            ("G / HTTP/1.1\r\n\r\nNEXT", limits(14, 16, 1), Ok(Some(16))),
            ("\r\nG / HTTP/1.1\r\n\r\n", limits(14, 16, 1), Ok(Some(18))),
            ("G / HTTP/1.1\r\nA", limits(14, 16, 1), Ok(None)),
            ("GET / HTTP/1.1\r\n", limits(14, 16, 1), Err((14, line))),
            ("GET /a HTTP/1.1\r\n", limits(20, 16, 1), Err((16, head.clone()))),
            ("G / HTTP/1.1\r\nA: b\r\n", limits(14, 16, 1), Err((16, head))),
            ("G / HTTP/1.1\r\nA:\r\nB:\r\n", limits(14, 99, 1), Err((22, fields))),
            ("SSH-2.0 x\r\n", limits(14, 99, 1), Err((0, HttpFault::RequestLine))),
            ("\r\nSSH-2.0 x\r\n", limits(14, 99, 1), Err((0, HttpFault::RequestLine))),
            ("{", limits(14, 99, 1), Err((0, HttpFault::RequestLine))),
            ("GET /\0\n", limits(10, 99, 1), Err((5, HttpFault::ControlInRequestLine))),
            ("GET /\rHTTP\n", limits(99, 99, 1), Err((6, HttpFault::ControlInRequestLine))),
            ("GET /\n", limits(10, 99, 1), Err((5, HttpFault::BareLf))),
            ("\r\n\r\nGET", limits(10, 99, 1), Err((2, HttpFault::RequestLine))),
            (
                "\u{16}\u{3}",
                limits(10, 99, 1),
                Err((0, HttpFault::Stranger(Stranger::at(ProtocolName::Http, &[0x16]).unwrap()))),
            ),
            ("\r\n\u{2}", limits(10, 99, 1), Err((2, HttpFault::NotHttp))),
        ] {
            for piece in 1..=bytes.len() {
                let (mut scan, mut got, mut before) = (Scan::default(), Ok(None), 0);
                for next in bytes.as_bytes().chunks(piece) {
                    let scanned = scan.scan(&bytes.as_bytes()[..before], next, &limits);
                    got = scanned.map(|head| head.map(|head| before + head.len));
                    before += next.len();
                    if got != Ok(None) {
                        break;
                    }
                }
                assert_eq!(got, want, "{bytes:?} in pieces of {piece}");
            }
        }
    }
}
