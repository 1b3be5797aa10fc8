//! When the stream is called, when the application is asked, and when a turn ends.

use std::io::ErrorKind;

use crate::wire::uwsgi::Packet;
use tidegate::connection::Turn;

use crate::application::Content::{Chunk, Endless, File, Steps};
use crate::application::Do::{Start, Yield};
use crate::application::{Content, Script};
use crate::scene::Scene;
use crate::scripted::Call::{Read, SendFile, ShutdownWrite, Write, WriteVectored};
use crate::scripted::{Incoming, OPEN, SHUT, WAIT, Window};

#[test]
fn a_request_that_needs_no_waiting_takes_a_read_and_a_write_and_no_clock() {
    let mut scene = asked(Chunk("Hello"));
    assert_eq!(scene.advance(), Turn::Closed);
    let sent = scene.sent().len();
    assert_eq!(scene.wire().calls, [Read(Ok(REQUEST_LEN)), WriteVectored(Ok(sent))]);
    assert_eq!(scene.clock_asked(), 0);
}

#[test]
fn head_and_first_chunk_leave_in_one_write_however_late_they_come() {
    for body in [
        Steps(vec![Yield("first"), Yield("second")]),
        Steps(vec![Yield(""), Yield(""), Yield("first"), Yield("second")]),
    ] {
        let mut scene = asked(body);
        assert_eq!(scene.advance(), Turn::Closed);
        let first = "HTTP/1.1 200 OK\r\n\r\nfirst".len();
        assert_eq!(scene.wire().calls, [Read(Ok(REQUEST_LEN)), WriteVectored(Ok(first)), Write(Ok(6))]);
    }
}

#[test]
fn a_head_without_a_body_leaves_in_a_plain_write() {
    let mut scene = asked(Chunk(""));
    assert_eq!(scene.advance(), Turn::Closed);
    let sent = scene.sent().len();
    assert_eq!(scene.wire().calls, [Read(Ok(REQUEST_LEN)), Write(Ok(sent))]);
}

#[test]
fn a_file_is_sent_behind_its_head_without_passing_through_memory() {
    let mut scene = asked(File("0123456789", 2, 8)).windows(&[OPEN, Window::Takes(3), SHUT, OPEN]);
    assert_eq!(scene.advance(), Turn::Blocked);
    assert_eq!(scene.advance(), Turn::Closed);
    let wait = Err(ErrorKind::WouldBlock);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";
    let sent = [Write(Ok(head.len())), SendFile(Ok(3)), SendFile(wait), SendFile(Ok(5))];
    // An event came meanwhile: before the close it is asked whether bytes did.
    assert_eq!(scene.wire().calls, [&[Read(Ok(REQUEST_LEN))][..], &sent, &[Read(wait)]].concat());
    assert_eq!(scene.sent(), format!("{head}23456789"));
}

#[test]
fn the_next_chunk_is_pulled_only_when_the_last_is_wholly_written() {
    let chunks = ["a", "bcdefgh", "", "ij", "klm"];
    let head = "HTTP/1.1 200 OK\r\n\r\n".len();
    for windows in
        [vec![OPEN], vec![Window::Takes(1)], vec![SHUT, Window::Takes(4)], vec![Window::Takes(3), SHUT]]
    {
        let mut scene = asked(Steps(chunks.map(Yield).to_vec())).windows_in_turn(&windows);
        assert_eq!(scene.run(), Turn::Closed);
        let written = [0, head + 1, head + 8, head + 8, head + 10, head + 13];
        assert_eq!(*scene.record.pulls.borrow(), written, "{windows:?}");
    }
}

#[test]
fn nothing_is_pulled_while_the_peer_takes_nothing() {
    let mut scene = asked(Endless("chunk")).windows(&[OPEN, OPEN, Window::Takes(3), SHUT]);
    assert_eq!(scene.advance(), Turn::Blocked);
    let pulled = scene.record.pulls.borrow().len();
    for _ in 0..10 {
        assert_eq!(scene.advance(), Turn::Blocked);
    }
    assert_eq!(scene.record.pulls.borrow().len(), pulled);
    assert_eq!(pulled, 3, "two chunks are gone, and of one two bytes wait");
}

#[test]
fn an_empty_chunk_writes_nothing() {
    let mut scene = asked(Steps(vec![Yield(""), Yield("a"), Yield(""), Yield("b"), Yield("")]));
    assert_eq!(scene.advance(), Turn::Closed);
    assert_eq!(scene.record.pulls.borrow().len(), 6);
    assert_eq!(scene.wire().calls, [Read(Ok(REQUEST_LEN)), WriteVectored(Ok(20)), Write(Ok(1))]);
}

#[test]
fn an_endless_stream_yields_when_its_budget_is_spent() {
    for (body, writes) in [(Endless("chunk"), true), (Endless(""), false)] {
        let mut scene = asked(body);
        for turn in 0..5 {
            assert_eq!(scene.advance(), Turn::Yielded);
            let calls = scene.peer().take_calls();
            let pulls = std::mem::take(&mut *scene.record.pulls.borrow_mut()).len();
            assert_eq!(calls.len() + pulls, scene.limits.steps_per_turn_max, "turn {turn}: {calls:?}");
            assert_eq!(calls.iter().any(|call| matches!(call, Write(_))), writes);
        }
    }
}

#[test]
fn an_endless_upload_yields_when_its_budget_is_spent() {
    let head = Packet::new().var("REQUEST_METHOD", "PUT").var("CONTENT_LENGTH", "1000000000");
    let head = head.header_and_vars().unwrap();
    let mut scene = scene(Chunk("")).reads([Incoming::Bytes(head), Incoming::Endless]);
    assert_eq!(scene.advance(), Turn::Blocked, "the head was all there was");
    scene.peer().take_calls();
    for _ in 0..5 {
        assert_eq!(scene.advance(), Turn::Yielded);
        assert_eq!(scene.peer().take_calls().len(), scene.limits.steps_per_turn_max);
    }
}

#[test]
fn a_budget_that_ends_with_the_response_still_closes() {
    // Every place in the life of a response is met by the end of a turn.
    for steps_per_turn_max in 1..12 {
        let mut scene = asked(Steps(vec![Yield("a"), Yield(""), Yield("b")]));
        scene.limits.steps_per_turn_max = steps_per_turn_max;
        assert_eq!(scene.run(), Turn::Closed);
        assert_eq!(scene.sent(), "HTTP/1.1 200 OK\r\n\r\nab");
        assert_eq!(scene.record.bodies(), (1, 1));
    }
}

#[test]
fn a_signal_does_not_end_a_turn() {
    let mut scene = scene(Chunk("Hello"))
        .reads([Incoming::Fails(ErrorKind::Interrupted), Incoming::Bytes(request())])
        .windows(&[Window::Fails(ErrorKind::Interrupted), OPEN]);
    assert_eq!(scene.advance(), Turn::Closed);
    assert_eq!(scene.wire().calls.len(), 4);
}

#[test]
fn bytes_behind_a_request_are_not_another() {
    let two = [request(), request()].concat();
    let mut scene = scene(Chunk("Hello")).reads([Incoming::Bytes(two), WAIT, Incoming::Eof]);
    assert_eq!(scene.advance(), Turn::Blocked, "a close now could be a reset, and overtake the response");
    assert!(scene.wire().calls.contains(&ShutdownWrite));
    assert_eq!(scene.run(), Turn::Closed);
    assert_eq!(scene.record.inputs.borrow().len(), 1);
    assert_eq!(scene.sent().matches("HTTP/1.1").count(), 1);
}

#[test]
fn what_a_stream_holds_of_its_own_needs_no_event() {
    let head = Packet::new().var("REQUEST_METHOD", "PUT").var("CONTENT_LENGTH", "4");
    let (first, second) = (head.header_and_vars().unwrap(), b"ab".to_vec());
    let read = [Read(Ok(first.len())), Read(Ok(2)), Read(Ok(2))];
    let records = [Incoming::Bytes(first), Incoming::Held(second), Incoming::Held(b"cd".to_vec())];
    let mut whole = scene(Chunk("Hello")).reads(records.clone());
    assert_eq!(whole.advance(), Turn::Closed, "one event, and no short read was the last");
    assert_eq!(*whole.record.inputs.borrow(), [b"abcd"]);
    assert_eq!(whole.wire().calls[..3], read);
    let mut more = scene(Chunk("Hello")).reads(records).reads([Incoming::Held(b"more".to_vec())]);
    assert_eq!(more.advance(), Turn::Blocked, "a close now would leave a record unread");
    assert_eq!(more.wire().calls[4..], [Read(Ok(4)), ShutdownWrite, Read(Err(ErrorKind::WouldBlock))]);
}

#[test]
fn a_connection_is_idle_until_its_first_byte() {
    let mut scene = scene(Chunk("")).reads([WAIT, Incoming::Bytes(vec![0])]);
    assert!(scene.is_idle());
    assert_eq!(scene.advance(), Turn::Blocked);
    assert!(scene.is_idle());
    assert_eq!(scene.advance(), Turn::Blocked);
    assert!(!scene.is_idle());
}

fn request() -> Vec<u8> {
    Packet::new().var("REQUEST_METHOD", "GET").header_and_vars().unwrap()
}

const REQUEST_LEN: usize = 4 + 2 + "REQUEST_METHOD".len() + 2 + "GET".len();

fn scene(body: Content) -> Scene {
    Scene::new(Script { call: vec![Start("200 OK", &[])], body })
}

/// A connection whose request has arrived.
fn asked(body: Content) -> Scene {
    scene(body).reads([Incoming::Bytes(request())])
}
