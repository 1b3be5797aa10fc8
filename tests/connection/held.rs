//! What of a request stays in a unix socket while it is answered, and when it is taken.

use std::io::ErrorKind;

use crate::wire::uwsgi::Packet;
use tidegate::connection::Turn;

use crate::application::Content::{self, Chunk, Endless, Steps};
use crate::application::Do::{Fail, Start, Yield};
use crate::application::Script;
use crate::scene::{Scene, take_log};
use crate::scripted::Call::{Peek, Read, ResetOnClose, ShutdownWrite, Write, WriteVectored};
use crate::scripted::{Incoming, OPEN, SHUT, WAIT, Window};

const WAITS: Result<usize, ErrorKind> = Err(ErrorKind::WouldBlock);

#[test]
fn a_request_stays_there_until_its_response_is_out() {
    let request = put(3, b"abc");
    let len = request.len();
    let mut scene = scene(Chunk("Hello")).reads([Incoming::Bytes(request)]).windows(&[SHUT, OPEN]);
    assert_eq!(scene.advance(), Turn::Blocked);
    assert_eq!(scene.peer().take_calls(), [Peek(Ok(len)), WriteVectored(WAITS)]);
    assert_eq!(scene.wire().left, len);
    assert_eq!(scene.advance(), Turn::Closed);
    let sent = scene.sent().len();
    // An event came meanwhile. The read that takes the request tells that no bytes came behind it.
    assert_eq!(scene.wire().calls, [WriteVectored(Ok(sent)), Read(Ok(len))]);
}

#[test]
fn a_request_that_needs_no_waiting_costs_one_read_more() {
    let request = put(0, b"");
    let len = request.len();
    let mut scene = scene(Chunk("Hello")).reads([Incoming::Bytes(request)]);
    assert_eq!(scene.advance(), Turn::Closed);
    let sent = scene.sent().len();
    assert_eq!(scene.wire().calls, [Peek(Ok(len)), WriteVectored(Ok(sent)), Read(Ok(len))]);
    assert_eq!(scene.clock_asked(), 0);
}

#[test]
fn what_is_broken_off_leaves_it_there() {
    let mut scene = scene(Steps(vec![Yield("ab"), Fail])).reads([Incoming::Bytes(put(0, b""))]);
    assert_eq!(scene.advance(), Turn::Closed);
    assert_eq!(scene.wire().calls.last(), Some(&ResetOnClose));
    assert!(scene.wire().left > 0);
    take_log();
}

#[test]
fn a_process_that_dies_leaves_it_there_from_the_first_byte_of_the_response_to_the_last() {
    // Whatever comes in between: one that is killed closes the socket as it stands.
    let request = put(4, b"body");
    for at in 1..=request.len() {
        let (front, back) = request.split_at(at);
        let back = (!back.is_empty()).then(|| Incoming::Bytes(back.to_vec()));
        let mut scene = scene(Steps(vec![Yield("ab"), Yield(""), Yield("cd")]))
            .reads([Incoming::Bytes(front.to_vec()), WAIT])
            .reads(back)
            .windows_in_turn(&[Window::Takes(1), SHUT]);
        let whole = "HTTP/1.1 200 OK\r\n\r\nabcd".len();
        loop {
            let turn = scene.advance();
            let (sent, left) = (scene.sent().len(), scene.wire().left);
            if turn == Turn::Closed {
                assert_eq!((sent, left), (whole, 0));
                break;
            }
            // Between two turns it waits for the peer, or others have their turn.
            assert!(sent == 0 || left > 0, "{sent} bytes sent, split at {at}");
        }
        assert_eq!(*scene.record.inputs.borrow(), [b"body"]);
    }
}

#[test]
fn of_a_long_body_the_end_alone_stays_there() {
    // More than is read at once, by one byte, by one time, and by more.
    for more in [4_097, 4_098, 8_192, 8_193, 20_000] {
        let body = vec![b'x'; more];
        let (head, bytes) = (put(more, b""), Incoming::Bytes(body.clone()));
        let mut scene = scene(Chunk("Hello")).reads([Incoming::Bytes(head), bytes]).windows(&[SHUT, OPEN]);
        while scene.advance() == Turn::Yielded || scene.record.inputs.borrow().is_empty() {}
        assert_eq!(*scene.record.inputs.borrow(), [&body[..]], "{more}");
        let calls = scene.peer().take_calls();
        let peeked = calls.iter().filter(|call| matches!(call, Peek(Ok(_)))).count();
        assert_eq!(peeked, 2, "the head, and what may have the last byte: {more}, {calls:?}");
        assert!((1..=4_096).contains(&scene.wire().left), "{more}, {calls:?}");
        assert_eq!(scene.advance(), Turn::Closed);
        assert_eq!(scene.wire().left, 0);
    }
}

#[test]
fn what_is_no_request_of_the_application_s_is_taken_at_once() {
    for (bytes, words) in [
        (vec![100, 0, 0, 0], &b"d\0\0\x01"[..]),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"HTTP/1.1 400 "),
        (put(9_999_999_999, b"abc"), b"HTTP/1.1 413 "),
        (b"\x16\x03\x01\x02".to_vec(), b""),
    ] {
        let mut scene = scene(Chunk("Hello")).reads([Incoming::Bytes(bytes), WAIT, Incoming::Eof]);
        while scene.advance() != Turn::Closed {}
        assert!(scene.wire().written.starts_with(words), "{:?}", scene.wire().written);
        assert!(matches!(scene.wire().calls[..2], [Peek(Ok(peeked)), Read(Ok(taken))] if peeked == taken));
        assert_eq!((scene.wire().left, scene.wire().was_reset), (0, false));
    }
    take_log();
}

#[test]
fn a_call_that_fails_is_answered_by_a_whole_500() {
    let script = Script { call: vec![Fail], body: Chunk("") };
    let mut scene = Scene::telling_unread(script).reads([Incoming::Bytes(put(0, b""))]);
    assert_eq!(scene.advance(), Turn::Closed);
    assert!(scene.sent().starts_with("HTTP/1.1 500 "));
    assert_eq!((scene.wire().left, scene.wire().was_reset), (0, false));
    take_log();
}

#[test]
fn bytes_behind_a_request_are_taken_with_it_and_the_peer_is_heard_out() {
    let two = [put(0, b""), put(0, b"")].concat();
    let mut scene = scene(Chunk("Hello")).reads([Incoming::Bytes(two.clone()), WAIT, Incoming::Eof]);
    assert_eq!(scene.advance(), Turn::Blocked);
    let sent = scene.sent().len();
    let calls = scene.peer().take_calls();
    assert_eq!(calls, [Peek(Ok(two.len())), WriteVectored(Ok(sent)), Read(Ok(two.len())), ShutdownWrite]);
    assert_eq!((scene.run(), scene.record.inputs.borrow().len()), (Turn::Closed, 1));
}

#[test]
fn events_while_it_answers_neither_read_nor_spin() {
    let windows = [Window::Takes(21), SHUT];
    let mut scene = scene(Endless("chunk")).reads([Incoming::Bytes(put(0, b""))]).windows(&windows);
    assert_eq!(scene.advance(), Turn::Blocked);
    scene.peer().take_calls();
    for _ in 0..10 {
        assert_eq!(scene.advance(), Turn::Blocked);
        assert_eq!(scene.peer().take_calls(), [Write(WAITS)]);
    }
    assert_eq!(scene.hang_up(), Turn::Closed);
    assert_eq!(scene.record.bodies(), (1, 1));
}

fn put(len: usize, body: &[u8]) -> Vec<u8> {
    let packet = Packet::new().var("REQUEST_METHOD", "PUT").var("REQUEST_URI", "/");
    let head = packet.var("CONTENT_LENGTH", len.to_string()).header_and_vars().unwrap();
    [&head[..], body].concat()
}

/// A connection on a stream that tells its peer of what is unread.
fn scene(body: Content) -> Scene {
    take_log();
    Scene::telling_unread(Script { call: vec![Start("200 OK", &[])], body })
}
