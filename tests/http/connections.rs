//! Connections over real sockets: kept alive, pipelined, half-closed, broken off.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tidegate::protocol::Trust;
use tidegate::{Body, Limits, ListenOptions, ProtocolName};

use crate::application::start;
use crate::reply::Replies;
use crate::support::application::PLAIN;
use crate::support::client::read_all;
use crate::support::server::Server;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_thousand_requests_share_a_connection() {
    let server = start();
    let mut replies = Replies::of(server.tcp().connect());
    for number in 0..1_000 {
        let path = format!("/{number}");
        replies.socket().write_all(get(&path).as_bytes()).unwrap();
        let reply = replies.next();
        assert_eq!((reply.status, reply.text()), (200, path));
        assert_eq!(reply.header("connection"), None);
        assert!(reply.header("date").is_some_and(|date| date.ends_with(" GMT")), "{reply:?}");
        assert_eq!(reply.header("server"), Some("tidegate"));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = start();
    let requests: String = (0..50).map(|number| get(&format!("/{number}"))).collect();
    let mut replies = Replies::of(server.tcp().send(requests));
    for number in 0..50 {
        assert_eq!(replies.next().text(), format!("/{number}"));
    }
    replies.socket().shutdown(Shutdown::Write).unwrap();
    assert_eq!(replies.rest(), b"", "the peer has no more to ask, so the connection is closed");
}

#[test]
fn bodies_are_pipelined_too() {
    let server = start();
    let length = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none";
    let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         2;x=\"y\"\r\ntw\r\n1\r\no\r\n0\r\nX-Trailer: z\r\n\r\n";
    let mut replies =
        Replies::of(server.tcp().send(format!("{length}{chunked}{}{length}{}", get("/3"), get("/stream"))));
    let texts: Vec<_> = (0..5).map(|_| replies.next().text()).collect();
    assert_eq!(texts, ["one", "two", "/3", "one", "onetwo"]);
}

#[test]
fn a_head_is_answered_without_a_body() {
    let server = start();
    let head = |path: &str| get(path).replacen("GET", "HEAD", 1);
    let requests = [head("/a"), get("/b"), head("/stream"), get("/stream"), head("/large"), get("/c")];
    let mut replies = Replies::of(server.tcp().send(requests.concat()));
    let reply = replies.next_to("HEAD");
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("2")));
    assert_eq!(replies.next().text(), "/b");
    assert_eq!(replies.next_to("HEAD").header("content-length"), None);
    assert_eq!(replies.next().text(), "onetwo");
    assert_eq!(replies.next_to("HEAD").header("content-length"), Some("1048576"));
    assert_eq!(replies.next().text(), "/c");
}

#[test]
fn http_10_is_closed_unless_it_asks_not_to_be() {
    let server = start();
    let mut replies = Replies::of(server.tcp().send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    let reply = replies.next();
    assert_eq!((reply.text().as_str(), reply.header("connection")), ("/a", Some("keep-alive")));
    replies.socket().write_all(b"GET /b HTTP/1.0\r\n\r\n").unwrap();
    let reply = replies.next();
    assert_eq!((reply.text().as_str(), reply.header("connection")), ("/b", Some("close")));
    assert_eq!(replies.rest(), b"");
    let (bytes, error) =
        read_all(server.tcp().send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    assert!(bytes.ends_with(b"\r\n\r\nonetwo") && error.is_none(), "{}", bytes.escape_ascii());
}

#[test]
fn a_client_that_expects_100_continue_gets_it_once() {
    let server = start();
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut replies = Replies::of(server.tcp().send(head));
    for _ in 0..2 {
        let reply = replies.next();
        assert_eq!((reply.status, reply.headers.len()), (100, 0));
        replies.socket().write_all(b"hello").unwrap();
        assert_eq!(replies.next().text(), "hello");
        replies.socket().write_all(head.as_bytes()).unwrap();
    }
    assert_eq!(
        Replies::of(server.tcp().send(format!("{head}hello"))).next().status,
        200,
        "the body is there"
    );
    let refused = head.replace("100-continue", "200-ok");
    assert_eq!(Replies::of(server.tcp().send(refused)).next().status, 417);
}

#[test]
fn a_chunked_upload_of_10_mib_comes_back() {
    let server = start();
    let body: Vec<u8> = (0..10_u32 << 20).map(|at| (at ^ at >> 8 ^ at >> 16) as u8).collect();
    let mut replies =
        Replies::of(server.tcp().send(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        ));
    let mut socket = replies.socket().try_clone().unwrap();
    let sent = body.clone();
    let sender = thread::spawn(move || {
        // Sizes that fit no buffer, so that lines and data are cut at every place.
        for (at, chunk) in sent.chunks(7_001).enumerate() {
            let extension = if at % 3 == 0 { ";n=\"v\"" } else { "" };
            let size = format!("{:x}{extension}\r\n", chunk.len());
            socket.write_all(&[size.as_bytes(), chunk, b"\r\n"].concat()).unwrap();
        }
        socket.write_all(b"0\r\nX-Sum: 1\r\n\r\n").unwrap();
    });
    let reply = replies.next();
    sender.join().unwrap();
    assert!(reply.body == body, "{} bytes came back", reply.body.len());
}

#[test]
fn junk_behind_the_last_request_does_not_lose_its_response() {
    let server = start();
    let junk = vec![b'x'; 1 << 20];
    for path in ["/small", "/large"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut replies = Replies::of(server.tcp().connect());
        let mut socket = replies.socket().try_clone().unwrap();
        let bytes = [request.as_bytes(), &junk].concat();
        // The server may close while we write, for it does not want this.
        let sender = thread::spawn(move || socket.write_all(&bytes));
        let reply = replies.next();
        let want = if path == "/large" { 1 << 20 } else { path.len() };
        assert_eq!((reply.status, reply.body.len()), (200, want));
        assert_eq!(replies.rest(), b"");
        let _ = sender.join().unwrap();
    }
}

#[test]
fn a_client_that_half_closes_is_answered() {
    let server = start();
    let socket = server.tcp().send([get("/a"), get("/large")].concat());
    socket.shutdown(Shutdown::Write).unwrap();
    let mut replies = Replies::of(socket);
    assert_eq!(replies.next().text(), "/a");
    assert_eq!(replies.next().body.len(), 1 << 20);
    assert_eq!(replies.rest(), b"");
}

#[test]
fn a_proxy_header_comes_first_or_the_connection_is_closed() {
    let trust = Trust { proxy_protocol: true, ..Trust::default() };
    let options = ListenOptions { trust, ..ListenOptions::default() };
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let remotes = [(ProtocolName::Http, "127.0.0.1:0")];
    let server = Server::speaking(&remotes, &options, Limits::default(), move |environ, start_response| {
        count.fetch_add(1, Ordering::SeqCst);
        start_response.start("200 OK", PLAIN)?;
        Ok(Body::from(environ.get("REMOTE_ADDR").unwrap_or_default().to_vec()))
    });
    let request = get("/");
    let mut replies =
        Replies::of(server.tcp().send(format!("PROXY TCP4 192.0.2.1 10.0.0.1 1 80\r\n{request}")));
    assert_eq!(replies.next().text(), "192.0.2.1");
    replies.socket().write_all(request.as_bytes()).unwrap();
    assert_eq!(replies.next().text(), "192.0.2.1", "it holds for the connection");
    let (bytes, _) = read_all(server.tcp().send(&request));
    assert_eq!(bytes, b"", "closed without a word");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn a_refusal_of_head_has_its_length_and_no_body() {
    let server = start();
    for (rest, status) in [
        ("/ HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n", 413),
    ] {
        let mut replies = Replies::of(server.tcp().send(format!("HEAD {rest}")));
        let reply = replies.next_to("HEAD");
        assert_eq!((reply.status, reply.header("connection")), (status, Some("close")));
        let length = reply.header("content-length").expect("the length of what GET is told").to_owned();
        assert_eq!(replies.rest(), b"");
        let reply = Replies::of(server.tcp().send(format!("GET {rest}"))).next();
        assert_eq!(reply.body.len().to_string(), length);
    }
}
