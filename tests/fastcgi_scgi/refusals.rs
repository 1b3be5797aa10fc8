//! Requests that are refused, by their bytes, their size or their slowness: what the peer is told, and that it is.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::wire::fastcgi::record_type::STDIN;
use tidegate::Limits;

use crate::client::Client;
use crate::server::Server;
use crate::support::client::Remote;
use crate::support::longer_times::with_longer_times;
use crate::wire::fastcgi::{Answer, KEEP_CONN, Record, begin, get, head, post_head, record, request};
use crate::wire::scgi;
use crate::wire::split_head;

#[test]
fn too_many_variables_are_told_so() {
    let server = Server::start();
    let names: Vec<String> = (0..1_000).map(|n| format!("X_{n}")).collect();
    let mut pairs: Vec<(&[u8], &[u8])> = names.iter().map(|name| (name.as_bytes(), b"".as_slice())).collect();
    pairs.push((b"REQUEST_METHOD", b"GET"));
    let long = "v".repeat(70_000);
    for pairs in [pairs.as_slice(), &[(b"REQUEST_METHOD", b"GET"), (b"HTTP_X", long.as_bytes())]] {
        let answer = answer_to(server.fastcgi(), &request(1, KEEP_CONN, pairs, b""));
        assert!(answer.parts().0.starts_with("Status: 431 "), "{answer:?}");
        let bytes = send_all(server.scgi(), &scgi::request(pairs, b""));
        assert!(bytes.starts_with(b"HTTP/1.1 431 "), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_head_that_does_not_come_is_a_408() {
    with_longer_times(|factor| {
        let head_time_max = factor * Duration::from_millis(300);
        late_heads(&Server::with(Limits { head_time_max, ..Limits::default() }));
    });
}

fn late_heads(server: &Server) {
    let cut = get(1, KEEP_CONN, "/hello");
    for bytes in [begin(1, KEEP_CONN), cut[..40].to_vec()] {
        let answer = answer_to(server.fastcgi(), &bytes);
        assert!(answer.parts().0.starts_with("Status: 408 Request Timeout\r\n"), "{answer:?}");
    }
    let scgi = scgi::get("/hello");
    for len in [1, 3, 20, scgi.len() - 1] {
        let bytes = send_all(server.scgi(), &scgi[..len]);
        assert!(bytes.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"), "{len}: {}", bytes.escape_ascii());
    }
    // Of a record that is not whole nothing can be said, nor to a peer that says nothing.
    for bytes in [b"".as_slice(), &begin(1, 0)[..15]] {
        assert_eq!(send_all(server.fastcgi(), bytes), b"");
    }
    assert_eq!(send_all(server.scgi(), b""), b"");
}

#[test]
fn the_head_of_a_later_request_has_its_time_too() {
    with_longer_times(|factor| {
        let head_time_max = factor * Duration::from_millis(300);
        let server = Server::with(Limits { head_time_max, ..Limits::default() });
        let mut client = Client::connect(server.fastcgi());
        client.send(get(1, KEEP_CONN, "/hello"));
        assert_eq!(client.answer(1).parts().1, b"Hello, World");
        client.send(begin(2, KEEP_CONN));
        let answer = client.answer(2);
        assert!(answer.parts().0.starts_with("Status: 408 Request Timeout\r\n"), "{answer:?}");
        client.assert_closed();
    });
}

#[test]
fn a_body_that_does_not_come_is_a_408() {
    let server = Server::with(Limits { body_time_max: Duration::from_millis(50), ..Limits::default() });
    let bytes = [post_head(1, KEEP_CONN, "/echo", 10), record(STDIN, 1, b"hello")].concat();
    let answer = answer_to(server.fastcgi(), &bytes);
    assert!(answer.parts().0.starts_with("Status: 408 Request Timeout\r\n"), "{answer:?}");
    let bytes = send_all(server.scgi(), &[scgi::post_head("/echo", 10).as_slice(), b"hello"].concat());
    assert!(bytes.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"), "{}", bytes.escape_ascii());
    assert!(split_head(&bytes).1.ends_with(b"(5 bytes of it did)\n"));
}

#[test]
fn strangers_are_told_in_their_own_words_where_they_have_any() {
    let server = Server::start();
    let http = b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
    for (remote, words) in [
        (server.fastcgi(), "this port speaks FastCGI, not HTTP"),
        (server.scgi(), "this port speaks SCGI, not HTTP"),
    ] {
        let bytes = send_all(remote, http);
        let (head, body) = split_head(&bytes);
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(String::from_utf8_lossy(body).starts_with(words));
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    }
    let uwsgi = b"\0\x16\0\0\x0e\0REQUEST_METHOD\x04\0POST";
    for (remote, sent, words) in [
        (
            server.fastcgi(),
            uwsgi.as_slice(),
            "this port speaks FastCGI, not uwsgi: use nginx's fastcgi_pass, not uwsgi_pass",
        ),
        (
            server.fastcgi(),
            &scgi::get("/"),
            "this port speaks FastCGI, not SCGI: use nginx's fastcgi_pass, not scgi_pass",
        ),
        (server.scgi(), uwsgi, "this port speaks SCGI, not uwsgi: use nginx's scgi_pass, not uwsgi_pass"),
    ] {
        let bytes = send_all(remote, sent);
        let (head, body) = split_head(&bytes);
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(String::from_utf8_lossy(body).starts_with(words));
    }
    let tls = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";
    assert_eq!(send_all(server.fastcgi(), tls), b"");
    assert_eq!(send_all(server.scgi(), tls), b"");
    assert_eq!(send_all(server.scgi(), &get(1, 0, "/")), b"");
}

#[test]
fn a_refusal_behind_an_answer_loses_neither() {
    let server = Server::start();
    let (asked, told) = crate::wire::fastcgi::get_values();
    let bytes = [asked, head(1, KEEP_CONN, &[(b"PATH_INFO", b"/")])].concat();
    let mut client = Client::connect(server.fastcgi());
    client.send(bytes);
    assert_eq!(client.record(), told);
    assert!(client.answer(1).parts().0.starts_with("Status: 400 Bad Request\r\n"));
    client.assert_closed();
}

/// Sends all of it from another thread, and reads the answer to request 1, behind which the connection is closed.
#[track_caller]
fn answer_to(remote: &Remote, bytes: &[u8]) -> Answer {
    let mut records = Record::all(&send_all(remote, bytes));
    assert!(records.pop().is_some_and(|last| last.is_end()));
    let mut answer = Answer::default();
    records.iter().for_each(|record| answer.push(1, record));
    answer
}

/// Sends all of it from another thread, and reads what comes until the peer has closed its side.
#[track_caller]
fn send_all(remote: &Remote, bytes: &[u8]) -> Vec<u8> {
    let client = Client::connect(remote);
    let mut sender = client.sender();
    let bytes = bytes.to_vec();
    // The peer may close before it has taken all.
    let sending = thread::spawn(move || drop(sender.write_all(&bytes)));
    let (bytes, broken) = client.rest();
    assert_eq!(broken, None, "the answer arrives whole");
    sending.join().unwrap();
    bytes
}
