//! Applications that fail, and how the peer sees it.

use std::io::ErrorKind;

use crate::wire::fastcgi::record_type::STDERR;
use tidegate::ProtocolName;

use crate::client::Client;
use crate::server::Server;
use crate::wire::fastcgi::{KEEP_CONN, Record, get, record, request};

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
