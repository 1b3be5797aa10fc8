//! The bytes of responses: records on FastCGI, a raw HTTP response or CGI's on SCGI.

use std::io::Read;

use crate::wire::fastcgi::record_type::{END_REQUEST, STDERR, STDOUT};
use tidegate::ResponseHead;
use tidegate::protocol::{Endpoints, Persistence, Protocol, Received};
use tidegate::{Limits, ProtocolName};

use crate::wire::fastcgi::{self, KEEP_CONN, REQUEST_COMPLETE, Record, get, record};
use crate::wire::{Pairs, scgi};

const DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

#[test]
fn a_response_is_a_cgi_head_chunks_and_an_end() {
    for (flags, persistence) in [(0, Persistence::Close), (KEEP_CONN, Persistence::KeepAlive)] {
        let mut protocol = received(ProtocolName::Fastcgi, &get(258, flags, "/"));
        let (mut wire, mut after) = (Vec::new(), Vec::new());
        protocol.head(&head("200 OK", &[("X-A", "1"), ("X-B", "2")]), DATE, &mut wire);
        for chunk in [b"one".as_slice(), b"two!"] {
            assert_eq!(protocol.chunk(chunk.len() as u64, &mut wire, &mut after), chunk.len() as u64);
            wire.extend_from_slice(chunk);
        }
        assert_eq!(after, b"");
        assert_eq!(protocol.finish(&mut wire), persistence);
        let want = [
            record(STDOUT, 258, b"Status: 200 OK\r\nX-A: 1\r\nX-B: 2\r\n\r\n"),
            record(STDOUT, 258, b"one"),
            record(STDOUT, 258, b"two!"),
            record(STDOUT, 258, b""),
            record(END_REQUEST, 258, &[0; 8]),
        ];
        assert_eq!(wire, want.concat());
    }
}

#[test]
fn a_response_without_a_body_ends_behind_its_head() {
    let mut protocol = received(ProtocolName::Fastcgi, &get(1, 0, "/"));
    let mut wire = Vec::new();
    protocol.head(&head("204 No Content", &[]), DATE, &mut wire);
    assert_eq!(protocol.finish(&mut wire), Persistence::Close);
    let want = [
        record(STDOUT, 1, b"Status: 204 No Content\r\n\r\n"),
        record(STDOUT, 1, b""),
        record(END_REQUEST, 1, &[0; 8]),
    ];
    assert_eq!(wire, want.concat());
}

#[test]
fn a_record_takes_at_most_65535_bytes() {
    let mut protocol = received(ProtocolName::Fastcgi, &get(1, 0, "/"));
    for (available, taken) in
        [(1, 1), (65_535, 65_535), (65_536, 65_535), (10 << 20, 65_535), (u64::MAX, 65_535)]
    {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        assert_eq!(protocol.chunk(available, &mut before, &mut after), taken);
        let len = u16::try_from(taken).unwrap().to_be_bytes();
        assert_eq!(before, [1, STDOUT, 0, 1, len[0], len[1], 0, 0]);
        assert_eq!(after, b"");
    }
}

#[test]
fn a_head_longer_than_a_record_goes_on_in_the_next() {
    let mut protocol = received(ProtocolName::Fastcgi, &get(1, 0, "/"));
    for len in [65_000, 65_512, 65_513, 65_514, 200_000] {
        let value = "v".repeat(len);
        let mut wire = Vec::new();
        protocol.head(&head("200 OK", &[("X", &value)]), DATE, &mut wire);
        let records = Record::all(&wire);
        let text = format!("Status: 200 OK\r\nX: {value}\r\n\r\n");
        assert_eq!(records.len(), text.len().div_ceil(65_535), "{len}");
        assert!(records.iter().all(|record| record.record_type == STDOUT && !record.content.is_empty()));
        let joined: Vec<u8> = records.into_iter().flat_map(|record| record.content).collect();
        assert!(joined == text.as_bytes(), "{len}");
    }
}

#[test]
fn an_error_is_told_on_stderr_and_that_stream_is_ended() {
    let mut protocol = received(ProtocolName::Fastcgi, &get(7, 0, "/"));
    let mut wire = Vec::new();
    protocol.write_stderr("no such table", &mut wire);
    assert_eq!(wire, [record(STDERR, 7, b"no such table"), record(STDERR, 7, b"")].concat());
    wire.clear();
    protocol.write_stderr(&"é".repeat(100_000), &mut wire);
    let records = Record::all(&wire);
    assert_eq!((records.len(), records[0].content.len()), (2, 2_048), "no operator reads more");
}

#[test]
fn a_refusal_ends_a_kept_connection() {
    let mut protocol = Protocol::new(ProtocolName::Fastcgi, Endpoints::default);
    let mut out = Vec::new();
    let begun = fastcgi::begin(3, KEEP_CONN);
    assert!(matches!(
        protocol.receive(&mut begun.as_slice(), &mut out, &Limits::default()),
        Ok(Received::More)
    ));
    protocol.give_up();
    protocol.head(&head("408 Request Timeout", &[]), DATE, &mut out);
    assert_eq!(protocol.finish(&mut out), Persistence::Close);
    assert_eq!(Record::all(&out).pop(), Some(fastcgi::end(3, REQUEST_COMPLETE)));
}

#[test]
fn scgi_gets_a_status_line_and_apache_a_status_field() {
    let software = |name: &'static [u8]| {
        let pairs: Pairs<'_> = &[(b"REQUEST_METHOD", b"GET"), (b"SERVER_SOFTWARE", name)];
        scgi::request(pairs, b"")
    };
    for (request, line) in [
        (scgi::get("/"), "HTTP/1.1 "),
        (software(b"nginx/1.22.1"), "HTTP/1.1 "),
        (software(b""), "HTTP/1.1 "),
        (software(b"not Apache"), "HTTP/1.1 "),
        (software(b"Apache/2.4.71 (Debian)"), "Status: "),
        (software(b"Apache"), "Status: "),
    ] {
        let mut protocol = received(ProtocolName::Scgi, &request);
        let (mut wire, mut after) = (Vec::new(), Vec::new());
        protocol.head(&head("404 Not Found", &[("X-A", "1")]), DATE, &mut wire);
        assert_eq!(protocol.chunk(1 << 40, &mut wire, &mut after), 1 << 40, "it has no frames");
        assert_eq!(protocol.finish(&mut after), Persistence::Close);
        assert_eq!(after, b"");
        assert_eq!(
            wire,
            format!("{line}404 Not Found\r\nX-A: 1\r\n\r\n").as_bytes(),
            "{}",
            request.escape_ascii()
        );
    }
}

/// A protocol that has received this one request.
fn received(protocol: ProtocolName, mut request: &[u8]) -> Protocol {
    let mut protocol = Protocol::new(protocol, Endpoints::default);
    let mut out = Vec::new();
    match protocol.receive(&mut request, &mut out, &Limits::default()) {
        Ok(Received::Request(mut environ)) => assert_eq!(environ.input().bytes().count(), 0),
        other => panic!("{other:?}"),
    }
    assert_eq!((request, out.as_slice()), (b"".as_slice(), b"".as_slice()));
    protocol
}

fn head(status: &str, fields: &[(&str, &str)]) -> ResponseHead {
    ResponseHead::new(status, fields.iter().copied(), usize::MAX).unwrap()
}
