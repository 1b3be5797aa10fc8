//! A response in records: the head and the body on STDOUT, the application's error text on STDERR.

use std::sync::LazyLock;

use super::record::{ProtocolStatus, RecordHeader, record_type, write_end, write_header};
use crate::application::response_head::ResponseHead;
use crate::protocol::{CGI_LINE, CGI_TIMEOUT};

/// Writes the head as CGI does: `Status`, the fields, an empty line.
pub(super) fn write_head(request_id: u16, head: &ResponseHead, out: &mut Vec<u8>) {
    let parts = [CGI_LINE, head.status(), b"\r\n", head.fields(), b"\r\n"];
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.reserve(len + RecordHeader::LEN);
    match u16::try_from(len) {
        Ok(len) => {
            write_header(record_type::STDOUT, request_id, len, out);
            parts.iter().for_each(|part| out.extend_from_slice(part));
        }
        Err(_) => write_stream(record_type::STDOUT, request_id, &parts.concat(), out),
    }
}

/// Writes the header of a STDOUT record of at most `available` bytes; returns how many it takes.
pub(super) fn write_chunk_header(request_id: u16, available: u64, out: &mut Vec<u8>) -> u64 {
    let take = u16::try_from(available).unwrap_or(u16::MAX);
    write_header(record_type::STDOUT, request_id, take, out);
    u64::from(take)
}

/// Writes `text` on STDERR, cut to what an operator reads, and ends that stream.
pub(super) fn write_error(request_id: u16, text: &str, out: &mut Vec<u8>) {
    let text = &text.as_bytes()[..text.len().min(ERROR_BYTES_MAX)];
    write_stream(record_type::STDERR, request_id, text, out);
    write_header(record_type::STDERR, request_id, 0, out);
}

/// Ends STDOUT and the request.
pub(super) fn write_finish(request_id: u16, out: &mut Vec<u8>) {
    write_header(record_type::STDOUT, request_id, 0, out);
    write_end(request_id, ProtocolStatus::RequestComplete, out);
}

/// Has nginx close a connection that it keeps: it does so where anything stands behind END_REQUEST
/// (`ngx_http_fastcgi_input_filter` sets `keepalive` only if the record is the last of what has arrived). What stands
/// there is a management record without content, which asks for nothing.
pub(super) fn write_no_reuse(out: &mut Vec<u8>) {
    write_header(record_type::GET_VALUES_RESULT, 0, 0, out);
}

/// A whole answer to a request that takes too long, made beforehand; empty for an id that no front end gives.
pub(super) fn timeout(request_id: u16) -> &'static [u8] {
    static FIRST: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut out = Vec::new();
        write_stream(record_type::STDOUT, USUAL_ID, CGI_TIMEOUT, &mut out);
        write_finish(USUAL_ID, &mut out);
        out
    });
    if request_id == USUAL_ID { &FIRST } else { &[] }
}

/// The id of every request of nginx, lighttpd and Apache: they have one at a time on a connection.
const USUAL_ID: u16 = 1;

fn write_stream(record_type: u8, request_id: u16, bytes: &[u8], out: &mut Vec<u8>) {
    for piece in bytes.chunks(usize::from(u16::MAX)) {
        let len = u16::try_from(piece.len()).expect("a piece is at most u16::MAX bytes");
        write_header(record_type, request_id, len, out);
        out.extend_from_slice(piece);
    }
}

/// nginx cuts an error line at 2 KiB, and Apache at 8 KiB.
const ERROR_BYTES_MAX: usize = 2 << 10;
