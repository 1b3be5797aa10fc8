//! Applications that fail, and how the peer sees it.

use std::io::ErrorKind;

use crate::wire::fastcgi::record_type::STDERR;
use tidegate::ProtocolName;

use crate::application::{LARGE_BYTES, STREAMED_BYTES, pattern};
use crate::client::Client;
use crate::netstring;
use crate::records::{KEEP_CONN, Record, get, record, request, split_head};
use crate::server::Server;

#[test]
fn a_failure_before_the_head_is_a_500_with_its_reason_on_stderr() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    client.send(get(1, KEEP_CONN, "/fail"));
    let answer = client.answer(1);
    assert_eq!(answer.stderr, b"no such table: tides");
    let (head, body) = answer.parts();
    assert!(head.starts_with("Status: 500 Internal Server Error\r\n"), "{head}");
    assert_eq!(body, b"Internal Server Error\n");
    // The connection is good for another request, and the answer is told in this order.
    client.send(get(1, 0, "/fail"));
    let (bytes, broken) = client.rest();
    assert_eq!(broken, None);
    assert!(
        bytes.starts_with(&[record(STDERR, 1, b"no such table: tides"), record(STDERR, 1, b"")].concat())
    );
}

#[test]
fn a_failure_with_head_has_no_body() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    client.send(request(1, 0, &[(b"REQUEST_METHOD", b"HEAD"), (b"PATH_INFO", b"/fail")], b""));
    let answer = client.answer(1);
    let (head, body) = answer.parts();
    assert!(head.starts_with("Status: 500 "), "{head}");
    assert_eq!(body, b"");
}

#[test]
fn a_failure_within_the_body_is_seen() {
    let server = Server::start();
    for path in ["/fail-late", "/short"] {
        for flags in [0, KEEP_CONN] {
            let [tcp, unix] = server.remotes(ProtocolName::Fastcgi);
            for (remote, breaks) in [(tcp, Some(ErrorKind::ConnectionReset)), (unix, None)] {
                let mut client = Client::connect(remote);
                client.send(get(1, flags, path));
                let (bytes, broken) = client.rest();
                assert_eq!(broken, breaks, "{path} at {remote:?}");
                // The reset may overtake what was sent.
                let whole = Record::all(&bytes);
                assert!(whole.iter().all(|record| !record.is_end()), "{path}: {whole:?}");
                assert!(broken.is_some() || whole.last().is_some_and(|last| !last.content.is_empty()));
                server.assert_body_closes();
            }
        }
    }
}

#[test]
fn responses_are_whole() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let mut client = Client::connect(remote);
        for (path, status, body) in responses() {
            client.send(get(1, KEEP_CONN, path));
            let answer = client.answer(1);
            let (head, got) = answer.parts();
            assert!(head.starts_with(&format!("Status: {status}\r\n")), "{path}: {head}");
            assert!(got == body, "{path}");
        }
        let head_of =
            |path: &'static [u8]| [(b"REQUEST_METHOD".as_slice(), b"HEAD".as_slice()), (b"PATH_INFO", path)];
        client.send(request(1, KEEP_CONN, &head_of(b"/large"), b""));
        let answer = client.answer(1);
        let (head, body) = answer.parts();
        assert!(head.ends_with(&format!("Content-Length: {LARGE_BYTES}")), "{head}");
        assert_eq!(body, b"");
    }
    for remote in server.remotes(ProtocolName::Scgi) {
        for (path, status, body) in responses() {
            let mut client = Client::connect(remote);
            client.send(netstring::get(path));
            let (bytes, broken) = client.rest();
            let (head, got) = split_head(&bytes);
            assert_eq!(broken, None);
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {head}");
            assert!(got == body, "{path}");
        }
    }
}

/// Paths, and what they must be answered with.
fn responses() -> [(&'static str, &'static str, bytes::Bytes); 7] {
    [
        ("/hello", "200 OK", "Hello, World".into()),
        ("/empty", "200 OK", "".into()),
        ("/no-content", "204 No Content", "".into()),
        ("/redirect", "302 Found", "elsewhere".into()),
        ("/nothing", "404 Not Found", "no /nothing\n".into()),
        ("/streamed", "200 OK", pattern(STREAMED_BYTES)),
        ("/large", "200 OK", pattern(LARGE_BYTES)),
    ]
}

#[test]
fn scgi_failures_are_seen_too() {
    let server = Server::start();
    let [tcp, unix] = server.remotes(ProtocolName::Scgi);
    for (remote, breaks) in [(tcp, Some(ErrorKind::ConnectionReset)), (unix, None)] {
        let ask = |path| {
            let mut client = Client::connect(remote);
            client.send(netstring::get(path));
            client.rest()
        };
        let (bytes, broken) = ask("/fail");
        assert_eq!((split_head(&bytes).1, broken), (b"Internal Server Error\n".as_slice(), None));
        assert!(bytes.starts_with(b"HTTP/1.1 500 Internal Server Error\r\n"));
        let (_, broken) = ask("/fail-late");
        assert_eq!(broken, breaks, "{remote:?}");
        server.assert_body_closes();
    }
}
