//! Nothing is served after a request that was refused: the peer is told once, in words, and the connection ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate::{Body, Limits, ProtocolName};

use crate::reply::Replies;
use crate::support::application::PLAIN;
use crate::support::fixture::Fixture;
use crate::support::server::Server;

const SMUGGLED: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server that counts the requests that reach its application.
fn counting() -> (Server, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let server = Server::http(Limits::default(), move |_, start_response| {
        count.fetch_add(1, Ordering::SeqCst);
        start_response.start("200 OK", PLAIN)?;
        Ok(Body::from("served"))
    });
    (server, calls)
}

#[test]
fn a_refusal_is_the_only_response() {
    let (server, calls) = counting();
    let fixtures = Fixture::all(ProtocolName::Http, "invalid");
    for fixture in &fixtures {
        let mut replies = Replies::of(server.tcp().send([&fixture.bytes, SMUGGLED].concat()));
        let reply = replies.next();
        assert_eq!(Some(reply.status), fixture.status(), "{}: {reply:?}", fixture.name);
        assert_eq!(reply.header("connection"), Some("close"), "{}: {reply:?}", fixture.name);
        let plain = reply.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        assert!(plain, "{}: {reply:?}", fixture.name);
        let text = reply.text();
        assert!((10..200).contains(&text.len()) && text.ends_with('\n'), "{}: {text:?}", fixture.name);
        assert_eq!(replies.rest(), b"", "{}: a second response", fixture.name);
        assert_eq!(calls.load(Ordering::SeqCst), 0, "{}: a request was served", fixture.name);
    }
    assert!(fixtures.len() >= 60);
    let reply = Replies::of(server.tcp().send(SMUGGLED)).next();
    assert_eq!((reply.status, reply.text().as_str()), (200, "served"), "the worker serves on");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    println!("{} requests refused, none of them with a second response", fixtures.len());
}

#[test]
fn a_valid_request_before_it_is_answered_and_nothing_behind_it() {
    let (server, calls) = counting();
    let first = b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n";
    let fixtures = Fixture::all(ProtocolName::Http, "invalid");
    for fixture in &fixtures {
        let before = calls.load(Ordering::SeqCst);
        let mut replies =
            Replies::of(server.tcp().send([first, fixture.bytes.as_slice(), SMUGGLED].concat()));
        assert_eq!(replies.next().text(), "served", "{}", fixture.name);
        let reply = replies.next();
        assert_eq!(Some(reply.status), fixture.status(), "{}: {reply:?}", fixture.name);
        assert_eq!(replies.rest(), b"", "{}: a third response", fixture.name);
        assert_eq!(calls.load(Ordering::SeqCst), before + 1, "{}", fixture.name);
    }
    println!("{} requests refused behind a valid one", fixtures.len());
}

#[test]
fn nothing_is_served_behind_a_request_that_closes() {
    let (server, calls) = counting();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ] {
        let before = calls.load(Ordering::SeqCst);
        let mut replies = Replies::of(server.tcp().send([request.as_bytes(), SMUGGLED].concat()));
        let reply = replies.next();
        assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{request}");
        assert_eq!(replies.rest(), b"", "{request}");
        assert_eq!(calls.load(Ordering::SeqCst), before + 1, "{request}");
    }
}
