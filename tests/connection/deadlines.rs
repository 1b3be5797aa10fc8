//! How long a peer is waited for. No time passes here but what a test lets pass.

use std::time::Duration;

use crate::wire::uwsgi::Packet;
use tidegate::Limits;
use tidegate::connection::Turn::{Blocked, Closed, Yielded};

use crate::application::Content::{Chunk, Endless, Steps};
use crate::application::Do::{Start, Yield};
use crate::application::{Content, Script};
use crate::scene::{Scene, take_log};
use crate::scripted::{Incoming, OPEN, SHUT, Window};

#[test]
fn a_connection_that_sends_nothing_is_closed_in_silence() {
    let mut scene = scene(Chunk(""));
    assert_eq!(scene.advance(), Blocked);
    assert_eq!(scene.time_left(), HEAD);
    scene.pass(HEAD);
    assert_eq!(scene.expire(), Closed);
    assert_eq!(scene.sent(), "");
}

#[test]
fn a_late_head_and_a_late_body_get_408_and_are_drained() {
    for bytes in [put(100)[..20].to_vec(), [put(100), b"abc".to_vec()].concat()] {
        let mut scene = scene(Chunk("")).reads([Incoming::Bytes(bytes)]);
        assert_eq!(scene.advance(), Blocked);
        scene.pass(scene.time_left());
        assert_eq!(scene.expire(), Blocked);
        assert!(scene.sent().starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{}", scene.sent());
        assert!(scene.wire().was_shut_down, "it is told that nothing more comes");
        assert_eq!(scene.time_left(), DRAIN);
        assert!(scene.record.inputs.borrow().is_empty(), "nothing reaches the application");
        // What was late may come yet; it is too late.
        scene.peer().reads.push_back(Incoming::Bytes(vec![b'x'; 200]));
        assert_eq!(scene.advance(), Blocked);
        scene.pass(DRAIN);
        assert_eq!(scene.expire(), Closed);
        assert_eq!(scene.sent().matches("HTTP/1.1").count(), 1);
    }
}

#[test]
fn bytes_that_trickle_do_not_extend_the_heads_deadline() {
    let mut scene = scene(Chunk(""));
    assert_eq!(scene.advance(), Blocked);
    for (second, byte) in (1..).zip(&put(100)[..15]) {
        scene.pass(SECOND);
        scene.peer().reads.push_back(Incoming::Bytes(vec![*byte]));
        assert_eq!(scene.advance(), Blocked);
        assert_eq!(scene.time_left(), HEAD - second * SECOND);
    }
}

#[test]
fn a_body_has_its_own_deadline_which_grows_by_its_rate() {
    let mut scene = scene(Chunk("")).reads([Incoming::Bytes(put(100_000)[..20].to_vec())]);
    assert_eq!(scene.advance(), Blocked);
    scene.pass(5 * SECOND);
    scene.peer().reads.push_back(Incoming::Bytes(put(100_000)[20..].to_vec()));
    assert_eq!(scene.advance(), Blocked);
    assert_eq!(scene.time_left(), BODY, "it begins with the body");
    scene.pass(SECOND);
    // 500 bytes earn a second. Fewer earn nothing yet, and no wait earns anything.
    for (bytes, earned) in [(499, 0), (1, 1), (5_000, 11), (0, 11), (500, 12)] {
        let bytes = (bytes > 0).then(|| Incoming::Bytes(vec![b'x'; bytes]));
        scene.peer().reads.extend(bytes);
        assert_eq!(scene.advance(), Blocked);
        assert_eq!(scene.time_left(), BODY - SECOND + earned * SECOND);
    }
}

#[test]
fn a_body_that_trickles_too_slowly_is_late_in_the_end() {
    let mut scene = scene(Chunk("")).reads([Incoming::Bytes(put(100_000))]);
    assert_eq!(scene.advance(), Blocked);
    let mut seconds = 0;
    while scene.time_left() > Duration::ZERO {
        scene.pass(SECOND);
        scene.peer().reads.push_back(Incoming::Bytes(vec![b'x'; 250]));
        assert_eq!(scene.advance(), Blocked);
        seconds += 1;
        assert!(seconds < 1_000, "half the least rate is waited for without end");
    }
    assert_eq!(seconds, 119, "60 s, and 59 more that half the rate earned in them");
    assert_eq!(scene.expire(), Blocked);
    assert!(scene.sent().starts_with("HTTP/1.1 408"));
}

#[test]
fn the_write_deadline_moves_when_the_peer_takes_something_and_only_then() {
    for body in [Chunk("0123456789"), Steps(vec![Yield("0123456789"), Yield("x")])] {
        let mut scene = asked(body).windows(&[Window::Takes(1), SHUT]);
        assert_eq!(scene.advance(), Blocked);
        assert_eq!(scene.time_left(), WRITE);
        scene.pass(10 * SECOND);
        assert_eq!(scene.advance(), Blocked);
        assert_eq!(scene.time_left(), WRITE - 10 * SECOND, "a turn in which nothing was taken earns nothing");
        scene.peer().windows.push_front(Window::Takes(1));
        assert_eq!(scene.advance(), Blocked);
        assert_eq!(scene.time_left(), WRITE);
        scene.pass(WRITE);
        take_log();
        assert_eq!(scene.expire(), Closed);
        assert!(scene.wire().was_reset);
        assert!(take_log()[0].ends_with("for 60 s (2 bytes sent)"));
    }
}

#[test]
fn an_endless_stream_that_is_taken_never_expires() {
    let mut scene = asked(Endless("chunk"));
    for _ in 0..10 {
        assert_eq!(scene.advance(), Yielded);
        assert_eq!(scene.time_left(), WRITE);
        scene.pass(WRITE / 2);
    }
}

#[test]
fn an_endless_drain_does_expire() {
    let limits = Limits::default();
    let mut scene =
        scene(Chunk("")).reads([Incoming::Bytes(put(limits.body_bytes_max + 1)), Incoming::Endless]);
    assert_eq!(scene.advance(), Yielded);
    assert_eq!(scene.time_left(), DRAIN);
    scene.pass(SECOND);
    assert_eq!(scene.advance(), Yielded);
    assert_eq!(scene.time_left(), DRAIN - SECOND);
    scene.pass(DRAIN);
    assert_eq!(scene.expire(), Closed);
}

#[test]
fn a_request_that_needs_one_wait_asks_the_time_once_for_it() {
    let mut scene = asked(Chunk("Hello")).windows(&[SHUT, OPEN]);
    assert_eq!(scene.advance(), Blocked);
    assert_eq!(scene.clock_asked(), 1);
    assert_eq!(scene.advance(), Closed);
    assert_eq!(scene.clock_asked(), 1);
}

#[test]
fn a_deadline_can_be_shortened_and_not_prolonged() {
    let mut scene = scene(Chunk(""));
    assert_eq!(scene.advance(), Blocked);
    scene.shorten_deadline(2 * HEAD);
    assert_eq!(scene.time_left(), HEAD);
    scene.shorten_deadline(SECOND);
    assert_eq!(scene.time_left(), SECOND);
    assert_eq!(scene.advance(), Blocked);
    assert_eq!(scene.time_left(), SECOND, "a turn in which nothing came does not set it anew");
}

#[test]
fn each_state_begins_with_a_time_of_its_own() {
    let mut scene = scene(Chunk("Hello")).windows(&[SHUT, OPEN]);
    assert_eq!(scene.advance(), Blocked);
    assert_eq!(scene.time_left(), HEAD);
    scene.pass(HEAD - SECOND);
    scene.peer().reads.push_back(Incoming::Bytes([put(5), b"abc".to_vec()].concat()));
    assert_eq!(scene.advance(), Blocked);
    assert_eq!(scene.time_left(), BODY);
    scene.pass(BODY - SECOND);
    scene.peer().reads.push_back(Incoming::Bytes(b"de".to_vec()));
    assert_eq!(scene.advance(), Blocked);
    assert_eq!(scene.time_left(), WRITE);
}

const SECOND: Duration = Duration::from_secs(1);
// As in `Limits::default()`.
const HEAD: Duration = Duration::from_secs(20);
const BODY: Duration = Duration::from_secs(60);
const WRITE: Duration = Duration::from_secs(60);
const DRAIN: Duration = Duration::from_secs(30);

fn put(content_length: u64) -> Vec<u8> {
    let packet = Packet::new().var("REQUEST_METHOD", "PUT").var("CONTENT_LENGTH", content_length.to_string());
    packet.header_and_vars().unwrap()
}

fn scene(body: Content) -> Scene {
    Scene::new(Script { call: vec![Start("200 OK", &[])], body })
}

/// A connection whose request has arrived.
fn asked(body: Content) -> Scene {
    scene(body).reads([Incoming::Bytes(put(0))])
}
