//! FastCGI connections that are kept, and those that are not.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::wire::fastcgi::record_type::{PARAMS, STDIN};
use tidegate::{Limits, ProtocolName};

use crate::client::Client;
use crate::server::Server;
use crate::support::application::pattern;
use crate::wire::fastcgi::{KEEP_CONN, begin, block, get, padded, post, record};

#[test]
fn a_thousand_requests_use_one_connection() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let mut client = Client::connect(remote);
        for n in 0..1_000_u16 {
            let (id, body) = (n % 7 + 1, pattern(usize::from(n) * 3));
            client.send(post(id, KEEP_CONN, "/echo", &body));
            let answer = client.answer(id);
            let (head, echoed) = answer.parts();
            assert!(head.starts_with("Status: 200 OK\r\n"), "{head}");
            assert!(echoed == body, "request {n}");
        }
        client.send(get(1, 0, "/hello"));
        assert_eq!(client.answer(1).parts().1, b"Hello, World");
        client.assert_closed();
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn requests_that_are_sent_ahead_are_answered_in_order() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    let mut sender = client.sender();
    let sending = thread::spawn(move || {
        for n in 0..1_000_usize {
            sender.write_all(&post(1, KEEP_CONN, "/echo", n.to_string().as_bytes())).unwrap();
        }
        sender.write_all(&get(1, 0, "/streamed")).unwrap();
    });
    for n in 0..1_000_usize {
        assert_eq!(client.answer(1).parts().1, n.to_string().as_bytes());
    }
    assert_eq!(client.answer(1).parts().1, pattern(crate::application::STREAMED_BYTES));
    client.assert_closed();
    sending.join().unwrap();
    assert_eq!(server.connections(), 1);
}

#[test]
fn without_keep_conn_the_connection_is_closed() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let mut client = Client::connect(remote);
        client.send([get(1, 0, "/hello"), get(1, 0, "/hello")].concat());
        assert_eq!(client.answer(1).parts().1, b"Hello, World");
        client.assert_closed();
    }
}

#[test]
fn a_silent_connection_is_closed_in_time() {
    let short = Duration::from_millis(50);
    let server = Server::with(Limits { keep_alive_time_max: short, ..Limits::default() });
    let mut client = Client::connect(server.fastcgi());
    client.send(get(1, KEEP_CONN, "/hello"));
    assert_eq!(client.answer(1).parts().1, b"Hello, World");
    client.assert_closed();
}

#[test]
fn records_may_be_cut_anywhere() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let mut client = Client::connect(remote);
        let bytes = post(1, KEEP_CONN, "/echo", b"hello");
        for at in 1..bytes.len() {
            let (front, back) = bytes.split_at(at);
            client.send(front);
            client.send(back);
            assert_eq!(client.answer(1).parts().1, b"hello", "cut at {at}");
        }
    }
}

#[test]
fn each_byte_may_have_a_record_of_its_own() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    let (params, body) = (
        block(&[(b"REQUEST_METHOD", b"POST"), (b"PATH_INFO", b"/echo"), (b"CONTENT_LENGTH", b"300")]),
        pattern(300),
    );
    let mut bytes = begin(9, 0);
    for (at, byte) in params.iter().enumerate() {
        bytes.extend(padded(PARAMS, 9, &[*byte], at as u8));
    }
    bytes.extend(padded(PARAMS, 9, b"", 255));
    for (at, byte) in body.iter().enumerate() {
        bytes.extend(padded(STDIN, 9, &[*byte], at as u8));
    }
    bytes.extend(record(STDIN, 9, b""));
    client.send(bytes);
    assert_eq!(client.answer(9).parts().1, body);
    client.assert_closed();
}

#[test]
fn a_graceful_stop_does_not_wait_for_a_silent_connection() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    client.send(get(1, KEEP_CONN, "/hello"));
    assert_eq!(client.answer(1).parts().1, b"Hello, World");
    server.stop();
    client.assert_closed();
}

#[test]
fn a_graceful_stop_closes_a_kept_connection_behind_its_response() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    client.send(get(1, KEEP_CONN, "/long"));
    client.await_bytes();
    let stopping = thread::spawn(move || server.stop());
    assert!(client.answer(1).parts().1 == pattern(crate::application::LONG_BYTES));
    let begun = std::time::Instant::now();
    client.assert_closed();
    stopping.join().unwrap();
    assert!(
        begun.elapsed() < Limits::default().grace_time_max / 2,
        "it was closed because all time was over"
    );
}
