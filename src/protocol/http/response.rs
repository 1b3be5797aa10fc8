//! A response on the wire: the head with what HTTP wants beside the application's fields, and the chunks.

use std::io::Write;

use super::head::Framing;
use crate::application::response_head::ResponseHead;
use crate::protocol::Persistence;

/// How the response that is being made is framed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResponseFraming {
    chunked: bool,
    keep_alive: bool,
}

impl ResponseFraming {
    /// Writes the head, and decides on the framing: Content-Length if it is known, else chunked, else (HTTP/1.0)
    /// the end of the connection.
    pub(super) fn write_head(request: Framing, head: &ResponseHead, date: &[u8], out: &mut Vec<u8>) -> Self {
        let has_body = head.allows_body() && !request.is_head;
        let unknown = has_body && head.content_length().is_none();
        let chunked = unknown && request.is_http11;
        let keep_alive = request.keep_alive && (chunked || !unknown);
        out.reserve(HEAD_BYTES + head.fields().len());
        for part in [b"HTTP/1.1 ", head.status(), b"\r\n", head.fields()] {
            out.extend_from_slice(part);
        }
        if !head.has_date() {
            for part in [b"Date: ", date, b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        if !head.has_server() {
            out.extend_from_slice(b"Server: tidegate\r\n");
        }
        if chunked {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        match (keep_alive, request.is_http11) {
            (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
            (true, false) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
            (true, true) => {}
        }
        out.extend_from_slice(b"\r\n");
        ResponseFraming { chunked, keep_alive }
    }

    /// Frames the next `available` bytes.
    pub(super) fn chunk(self, available: u64, before: &mut Vec<u8>, after: &mut Vec<u8>) -> u64 {
        if self.chunked {
            write!(before, "{available:x}\r\n").expect("a Vec takes every write");
            after.extend_from_slice(b"\r\n");
        }
        available
    }

    /// Ends the body.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Persistence {
        if self.chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        if self.keep_alive { Persistence::KeepAlive } else { Persistence::Close }
    }
}

/// What stands around the application's fields, with room for any usual reason, bytes.
const HEAD_BYTES: usize = 192;
