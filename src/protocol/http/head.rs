//! A complete head → the request's variables, and how its body and its response are framed.

use httparse::{EMPTY_HEADER, Header};

use super::ends::Ends;
use super::fields::{BodyFraming, Fields};
use super::request_line::RequestLine;
use super::scan::Scanned;
use super::target::Target;
use super::{Endpoints, HttpFault, forwarded};
use crate::application::variables::Variables;
use crate::limits::Limits;
use crate::protocol::{DecodeError, Fault, percent};

/// What a head says of the messages' framing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Framing {
    /// HTTP/1.1 or a later minor version, so that a response may be chunked.
    pub(super) is_http11: bool,
    /// HEAD: its response has no body.
    pub(super) is_head: bool,
    /// The client wants, or in HTTP/1.0 offers, to send another request.
    pub(super) keep_alive: bool,
    /// The client waits for 100 Continue before it sends the body.
    pub(super) expects_continue: bool,
    pub(super) body: BodyFraming,
}

/// Reads `head`, which was `scanned`, into `variables`, with those of the
/// connection's `ends` among them. Its faults are found in the order of `fixtures/http/README.md`.
pub(super) fn read(
    head: &[u8],
    scanned: &Scanned,
    variables: &mut Variables,
    ends: &Ends,
    endpoints: &Endpoints,
    limits: &Limits,
) -> Result<Framing, DecodeError> {
    // Most requests have some ten fields, and a table must be filled before it can be used.
    let Scanned { line, fields: count, .. } = scanned;
    if *count <= USUAL_COUNT {
        read_with(&mut [EMPTY_HEADER; USUAL_COUNT], head, line, variables, ends, endpoints, limits)
    } else {
        read_with(&mut vec![EMPTY_HEADER; *count], head, line, variables, ends, endpoints, limits)
    }
}

/// Fields whose table is on the stack, a count.
const USUAL_COUNT: usize = 24;

fn read_with<'a>(
    table: &mut [Header<'a>],
    head: &'a [u8],
    line: &RequestLine,
    variables: &mut Variables,
    ends: &Ends,
    endpoints: &Endpoints,
    limits: &Limits,
) -> Result<Framing, DecodeError> {
    let place = |bytes: &[u8]| bytes.as_ptr() as usize - head.as_ptr() as usize;
    let at = |(bytes, fault): (&[u8], HttpFault)| DecodeError::at(place(bytes), fault);
    let (method, sent, fields) = (line.method(head), line.target(head), &head[line.end..]);
    let headers = match httparse::parse_headers(fields, table) {
        Ok(httparse::Status::Complete((_, headers))) => headers,
        Ok(httparse::Status::Partial) | Err(_) => {
            return Err(at((&fields[bad_line(fields)..], HttpFault::HeaderLine)));
        }
    };
    let mut known = Fields::default();
    for header in headers {
        known.note(header);
    }
    let no_host = || DecodeError::at(0, HttpFault::HostMissing);
    known.check_names(line.is_http11).map_err(|wrong| wrong.map_or_else(no_host, at))?;
    let in_target = |fault| at((sent, fault));
    let target = Target::parse(method, sent).map_err(in_target)?;
    write_request_line(variables, line, head, &target).map_err(in_target)?;
    let body = known.body(line.is_http11).map_err(at)?;

    ends.write(variables);
    for header in headers {
        write_header(variables, header.name.as_bytes(), header.value);
    }
    if let Some(authority) = target.authority {
        variables.set(b"HTTP_HOST", authority);
    }
    forwarded::apply(variables, endpoints);
    // Once all is known that the access log says of it.
    let bytes_max = limits.body_bytes_max;
    if matches!(body, BodyFraming::Length(length) if length > bytes_max) {
        return Err(DecodeError::of(Fault::BodyTooLarge { bytes_max }));
    }
    let expects_continue = known.expects_continue(line.is_http11).map_err(at)?;
    Ok(Framing {
        is_http11: line.is_http11,
        is_head: method == b"HEAD",
        keep_alive: known.keep_alive(line.is_http11),
        expects_continue,
        body,
    })
}

/// Where the first line lies that is no header field; only asked once there is one.
fn bad_line(fields: &[u8]) -> usize {
    let mut at = 0;
    for line in fields.split_inclusive(|byte| *byte == b'\n') {
        let alone = httparse::parse_headers(line, &mut [EMPTY_HEADER; 1]).map(|_| ());
        if alone.is_err() {
            break;
        }
        at += line.len();
    }
    at
}

/// The variables that the request line gives.
fn write_request_line(
    variables: &mut Variables,
    line: &RequestLine,
    head: &[u8],
    target: &Target<'_>,
) -> Result<(), HttpFault> {
    variables.push(b"REQUEST_METHOD", line.method(head));
    variables.push(b"SCRIPT_NAME", b"");
    let start = variables.extend_block(b"").start;
    let decoded = percent::decode(target.path, |bytes| {
        variables.extend_block(bytes);
    });
    decoded.map_err(|_| HttpFault::Escape)?;
    let end = variables.extend_block(b"").end;
    variables.push_value(b"PATH_INFO", start..end);
    variables.push(b"QUERY_STRING", target.query);
    variables.push(b"REQUEST_URI", line.target(head));
    variables.push(b"SERVER_PROTOCOL", if line.is_http11 { b"HTTP/1.1" } else { b"HTTP/1.0" });
    Ok(())
}

/// A header as a variable.
fn write_header(variables: &mut Variables, name: &[u8], value: &[u8]) {
    match name.len() {
        12 if name.eq_ignore_ascii_case(b"content-type") => variables.push(b"CONTENT_TYPE", value),
        14 if name.eq_ignore_ascii_case(b"content-length") => variables.push(b"CONTENT_LENGTH", value),
        // The body arrives decoded.
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {}
        _ => variables.push_header(name, value),
    }
}
