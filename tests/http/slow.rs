//! Peers that take their time: what they are told, and that no other peer waits for them.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use socket2::Socket;
use tidegate::Limits;

use crate::application::application;
use crate::reply::Replies;
use crate::support::PATIENCE;
use crate::support::client::read_all;
use crate::support::longer_times::with_longer_times;
use crate::support::server::Server;

const GET: &[u8] = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);

/// Bounds on time that a test can wait for, but for those that it does not mean.
fn limits() -> Limits {
    Limits { body_bytes_per_second_min: 1 << 30, ..Limits::default() }
}

#[track_caller]
fn assert_408(socket: Socket) {
    let mut replies = Replies::of(socket);
    let reply = replies.next();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")), "{reply:?}");
    assert_eq!(replies.rest(), b"");
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = Server::http(Limits { keep_alive_time_max: SHORT, ..limits() }, application);
    let mut replies = Replies::of(server.tcp().send(GET));
    assert_eq!(replies.next().text(), "/fast");
    assert_eq!(replies.rest(), b"");
    let mut replies = Replies::of(server.tcp().send([GET, b"\r\n"].concat()));
    assert_eq!(replies.next().text(), "/fast");
    assert_eq!(replies.rest(), b"", "an empty line is no request");
    let server = Server::http(Limits { head_time_max: SHORT, ..limits() }, application);
    assert_eq!(read_all(server.tcp().connect()), (vec![], None), "nothing was ever asked");
}

#[test]
fn a_head_that_does_not_end_gets_408() {
    with_longer_times(|factor| {
        let server = Server::http(Limits { head_time_max: factor * SHORT, ..limits() }, application);
        assert_408(server.tcp().send("G"));
        assert_408(server.tcp().send("GET / HTTP/1.1\r\nHost: a\r\nX-A: "));
        let mut replies = Replies::of(server.tcp().send([GET, b"GET /second HTTP/1.1\r\n"].concat()));
        assert_eq!(replies.next().text(), "/fast");
        assert_eq!(replies.next().status, 408, "the second request of a connection has the same time");
        assert_eq!(replies.rest(), b"");
    });
}

#[test]
fn a_body_that_does_not_end_gets_408() {
    let server = Server::http(Limits { body_time_max: SHORT, ..limits() }, application);
    let head = |field: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
    assert_408(server.tcp().send(head("Content-Length: 5") + "he"));
    assert_408(server.tcp().send(head("Transfer-Encoding: chunked")));
    assert_408(server.tcp().send(head("Transfer-Encoding: chunked") + "5\r\nhello\r\n"));
    assert_408(server.tcp().send(head("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\nX-Trailer: "));
}

#[test]
fn bytes_in_time_do_not_prolong_a_slow_body() {
    let server = Server::http(Limits { body_time_max: SHORT, ..limits() }, application);
    let begun = Instant::now();
    let mut socket =
        server.tcp().send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut first = [0; 12];
    // A chunk of one byte whenever the server has been silent for a while.
    loop {
        match socket.read_exact(&mut first) {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(begun.elapsed() < PATIENCE, "it is waited for without end");
                let _ = socket.write_all(b"1\r\nx\r\n");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(first, *b"HTTP/1.1 408");
    assert!(begun.elapsed() >= SHORT);
}

#[test]
fn a_thousand_slow_heads_keep_nobody_waiting() {
    with_longer_times(|factor| slow_heads(factor * Duration::from_secs(1)));
}

fn slow_heads(head_time_max: Duration) {
    const COUNT: usize = 1_000;
    let server = Server::http(Limits { head_time_max, ..limits() }, application);
    let begun = Instant::now();
    let mut slow: Vec<Socket> = (0..COUNT).map(|_| server.tcp().send("GET / HTTP/1.1\r\n")).collect();
    let opened = begun.elapsed();
    let mut fast = Replies::of(server.tcp().connect());
    let (mut answered, mut slowest) = (0, Duration::ZERO);
    let mut at = 0;
    // One byte more of some heads between two requests of the fast client, until their time must be over.
    while begun.elapsed() < head_time_max + Duration::from_secs(1) {
        for _ in 0..20 {
            // Those that were refused have closed, and may say so.
            let _ = slow[at % COUNT].write_all(b"X");
            at += 1;
        }
        let asked = Instant::now();
        fast.socket().write_all(GET).unwrap();
        assert_eq!(fast.next().text(), "/fast");
        slowest = slowest.max(asked.elapsed());
        answered += 1;
    }
    let mut told = 0;
    for mut socket in slow {
        let mut bytes = Vec::new();
        // A byte that was sent into the close makes it a reset, which is an end too.
        let end = socket.read_to_end(&mut bytes);
        assert!(!matches!(&end, Err(error) if error.kind() == ErrorKind::WouldBlock), "still open");
        assert!(bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 408"), "{}", bytes.escape_ascii());
        told += usize::from(!bytes.is_empty());
    }
    println!(
        "{COUNT} slow connections, opened in {opened:?}, {told} told 408; meanwhile {answered} requests of a \
         fast client, the slowest in {slowest:?}"
    );
    assert!(told > COUNT / 2, "{told} of {COUNT} were told");
    assert!(slowest < head_time_max / 2, "{slowest:?}");
    fast.socket().write_all(GET).unwrap();
    assert_eq!(fast.next().text(), "/fast", "the fast one is served on");
}
