//! What a peer is told that sends no request, and that it is listened to until it has arrived it.

use std::io::ErrorKind;

use crate::wire::uwsgi::Packet;
use tidegate::connection::Turn;

use crate::application::Content::Chunk;
use crate::application::Do::Start;
use crate::application::Script;
use crate::scene::{Scene, Told, take_log};
use crate::scripted::Call::{Read, ShutdownWrite, WriteVectored};
use crate::scripted::{Incoming, OPEN, SHUT, Window};

#[test]
fn a_bad_request_is_told_why_and_logged() {
    for (bytes, status, text) in [
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            "400 Bad Request",
            "this port speaks the uwsgi protocol, not HTTP",
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "400 Bad Request", "not HTTP/2"),
        (b"\0\x02\0\0\0\0".to_vec(), "400 Bad Request", "a key of length 0, at offset 4"),
        (b"\0\x03\0\0\x05\0A".to_vec(), "400 Bad Request", "a key of 5 bytes overruns the vars"),
        (b"\0\0\0\0".to_vec(), "400 Bad Request", "REQUEST_METHOD is missing"),
        (put("5 "), "400 Bad Request", "CONTENT_LENGTH \"5 \" is not a number"),
        (put("9999999999"), "413 Content Too Large", "the body is larger than 1073741824 bytes"),
        (put("99999999999999999999"), "413 Content Too Large", "the body is larger than 1073741824 bytes"),
    ] {
        let mut scene = scene().reads([Incoming::Bytes(bytes), Incoming::Eof]);
        assert_eq!(scene.run(), Turn::Closed, "{text}");
        let sent = scene.sent();
        assert!(sent.starts_with(&format!("HTTP/1.1 {status}\r\nContent-Type: text/plain")), "{sent}");
        assert!(sent.contains(text), "{text:?} is not in {sent}");
        assert!(scene.record.inputs.borrow().is_empty(), "nothing reaches the application");
        assert!(!scene.wire().was_reset);
        let log = take_log();
        assert!(
            log.len() == 1 && log[0].starts_with(&format!("WARN unix: refused with {status}: ")),
            "{log:?}"
        );
        let code = status[..3].parse().unwrap();
        let told = Told { request_line: "-".to_owned(), code, bytes: sent.len() as u64, complete: true };
        assert_eq!(scene.take_summaries(), [told]);
    }
}

#[test]
fn a_stranger_that_would_not_understand_is_left_without_a_word() {
    for (bytes, text) in [
        (b"\x0a\x00\x00\x00".to_vec(), "modifier1 10 (admin commands) is not served here"),
        (b"\x16\x03\x01\x02".to_vec(), "not TLS"),
        (b"\x01\x01\x00\x01".to_vec(), "not FastCGI: use nginx's uwsgi_pass, not fastcgi_pass"),
    ] {
        let mut scene = scene().reads([Incoming::Bytes(bytes)]);
        assert_eq!(scene.advance(), Turn::Closed);
        assert_eq!(scene.sent(), "");
        let log = take_log();
        assert!(log.len() == 1 && log[0].starts_with("WARN") && log[0].contains(text), "{log:?}");
        assert_eq!(scene.take_summaries(), []);
    }
}

#[test]
fn a_ping_is_answered_and_no_request() {
    let mut scene = scene().reads([Incoming::Bytes(vec![100, 0, 0, 0])]).windows(&[Window::Takes(1)]);
    assert_eq!(scene.run(), Turn::Closed);
    assert_eq!(scene.wire().written, [100, 0, 0, 1]);
    assert!(scene.record.inputs.borrow().is_empty());
    assert_eq!((scene.take_summaries(), take_log()), (vec![], vec![]));
}

#[test]
fn a_refused_peer_is_read_until_it_stops_sending() {
    let bytes = |len: usize| Incoming::Bytes(vec![b'x'; len]);
    let mut scene = scene().reads([Incoming::Bytes(put("9999999999")), bytes(10)]);
    assert_eq!(scene.advance(), Turn::Blocked);
    let sent = scene.sent().len();
    let calls = scene.peer().take_calls();
    assert_eq!(
        calls,
        [
            Read(Ok(put("9999999999").len())),
            WriteVectored(Ok(sent)),
            ShutdownWrite,
            Read(Ok(10)),
            Read(Err(ErrorKind::WouldBlock))
        ]
    );
    scene.peer().reads.extend([bytes(4_000), bytes(96), Incoming::Eof]);
    assert_eq!(scene.advance(), Turn::Closed);
    assert_eq!(scene.peer().take_calls(), [Read(Ok(4_000)), Read(Ok(96)), Read(Ok(0))]);
    assert_eq!(scene.sent().len(), sent, "nothing is said behind the refusal");
}

#[test]
fn a_refusal_is_said_whole_before_the_peer_is_drained() {
    let whole = {
        let mut scene = refused();
        assert_eq!(scene.run(), Turn::Closed);
        scene.sent()
    };
    for windows in [&[Window::Takes(1)][..], &[SHUT, Window::Takes(7)], &[Window::Takes(50), SHUT, OPEN]] {
        let mut scene = refused().windows_in_turn(windows);
        assert_eq!(scene.run(), Turn::Closed);
        assert_eq!(scene.sent(), whole);
        let wire = scene.wire();
        let shutdown = wire.calls.iter().position(|call| *call == ShutdownWrite).unwrap();
        assert!(
            wire.calls[shutdown..].iter().skip(1).all(|call| matches!(call, Read(_))),
            "{:?}",
            wire.calls
        );
    }
}

#[test]
fn draining_an_endless_sender_yields_when_its_budget_is_spent() {
    let mut scene = scene().reads([Incoming::Bytes(put("9999999999")), Incoming::Endless]);
    for _ in 0..5 {
        assert_eq!(scene.advance(), Turn::Yielded);
    }
    scene.peer().take_calls();
    assert_eq!(scene.advance(), Turn::Yielded);
    assert_eq!(scene.peer().take_calls().len(), scene.limits.steps_per_turn_max);
}

#[test]
fn a_peer_that_cannot_be_told_the_end_is_closed() {
    let mut scene = refused();
    scene.peer().shutdown_fails = true;
    assert_eq!(scene.run(), Turn::Closed);
    assert_eq!(scene.wire().calls.last(), Some(&ShutdownWrite));
}

fn refused() -> Scene {
    scene().reads([Incoming::Bytes(put("9999999999")), Incoming::Eof])
}

fn put(length: &str) -> Vec<u8> {
    Packet::new().var("REQUEST_METHOD", "PUT").var("CONTENT_LENGTH", length).header_and_vars().unwrap()
}

fn scene() -> Scene {
    take_log();
    Scene::new(Script { call: vec![Start("200 OK", &[])], body: Chunk("") })
}
