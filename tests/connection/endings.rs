//! The peer vanishes, the application fails, the time is over: in every state that a connection can wait in.

use std::io::ErrorKind::{self, BrokenPipe, ConnectionReset, TimedOut};

use crate::wire::uwsgi::Packet;
use tidegate::connection::Turn::{self, Blocked, Closed, Yielded};

use crate::application::Content::{self, Chunk, ClosesBadly, Endless, File, Steps};
use crate::application::Do::{Fail, Panic, Start, Yield};
use crate::application::{Do, Script};
use crate::scene::{Scene, take_log};
use crate::scripted::{Incoming, OPEN, SHUT, Window};

/// Where a connection waits.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// Nothing has arrived.
    Idle,
    ForHead,
    ForBody,
    /// The application has more to say, and the peer has taken the head and a bit.
    Responding,
    /// The last chunk is partly taken.
    Finished,
    /// The last piece of a file is partly taken.
    FinishedFile,
    /// Of a response that has no body nothing is taken.
    FinishedHead,
    /// The application failed, and its 500 is partly taken.
    FinishedError,
    /// A refusal is partly taken.
    Refusing,
    /// The refusal is out, and the peer may still send.
    Draining,
}

/// What happens then.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// The poller tells that the peer closed its side.
    HangUp,
    /// As `HangUp`, and a read finds the end of file.
    Eof,
    ReadFails(ErrorKind),
    WriteFails(ErrorKind),
    DeadlinePasses,
    /// The server stops and waits no longer.
    Abandoned,
    /// The peer takes what is there, and the application's next step goes wrong.
    StepFails,
    StepPanics,
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    turn: Turn,
    was_reset: bool,
    /// Whether the observer was told that the response was complete, if it was told of an end.
    complete: Option<bool>,
    /// How the one line that is logged begins; empty if none is.
    logged: String,
}

#[test]
fn every_ending_in_every_state() {
    use Happens::{Abandoned, DeadlinePasses, Eof, HangUp, ReadFails, StepFails, StepPanics, WriteFails};
    use Waiting::{Draining, Finished, FinishedError, FinishedFile, FinishedHead, ForBody, ForHead, Idle};
    use Waiting::{Refusing, Responding};

    const NO_REQUEST: &str = "DEBUG unix: closed by the peer, with no request";
    const LOST: &str = "DEBUG unix: connection reset, before a request was complete";
    const LATE_HEAD: &str =
        "WARN unix: refused with 408 Request Timeout: the request's head did not arrive in time";
    const LATE_BODY: &str =
        "WARN unix: refused with 408 Request Timeout: the request's body did not arrive in time";
    const LEFT: &str = "INFO unix: PUT /: the client hung up after 21 bytes";
    const LEFT_LATER: &str = "INFO unix: PUT /: the client hung up after 41 bytes";
    const STUCK: &str = "WARN unix: PUT /: closed: the peer took none of the response for 60 s";
    const FAILED: &str = "ERROR unix: PUT /: broken off after 25 bytes: as the script says";
    const PANICKED: &str = "ERROR unix: PUT /: broken off after 25 bytes: panicked: as the script says";

    for (waiting, happens, want) in [
        (Idle, HangUp, waits()),
        (Idle, Eof, closes(NO_REQUEST)),
        (Idle, ReadFails(ConnectionReset), closes(LOST)),
        (Idle, DeadlinePasses, closes("DEBUG unix: closed: no request came")),
        (Idle, Abandoned, closes("")),
        (ForHead, HangUp, waits()),
        (ForHead, Eof, closes("DEBUG unix: closed by the peer within a request's head")),
        (ForHead, ReadFails(ConnectionReset), closes(LOST)),
        (ForHead, DeadlinePasses, answers_and_waits(LATE_HEAD)),
        (ForBody, HangUp, waits()),
        (ForBody, Eof, closes("DEBUG unix: closed by the peer after 2 bytes of a request's body")),
        (ForBody, ReadFails(ConnectionReset), closes(LOST)),
        (ForBody, DeadlinePasses, answers_and_waits(LATE_BODY)),
        (ForBody, Abandoned, closes("")),
        (Responding, HangUp, is_cut(LEFT)),
        (Responding, Eof, is_cut(LEFT)),
        (Responding, WriteFails(BrokenPipe), is_cut(LEFT)),
        (Responding, WriteFails(ConnectionReset), is_cut(LEFT)),
        (Responding, WriteFails(TimedOut), is_cut(LEFT)),
        (Responding, DeadlinePasses, resets(STUCK)),
        (Responding, StepFails, resets(FAILED)),
        (Responding, StepPanics, resets(PANICKED)),
        (Responding, Abandoned, resets("")),
        (Finished, HangUp, is_whole()),
        (Finished, Eof, is_whole()),
        (Finished, WriteFails(BrokenPipe), is_cut(LEFT_LATER)),
        (Finished, DeadlinePasses, resets(STUCK)),
        (Finished, Abandoned, resets("")),
        (FinishedFile, HangUp, is_whole()),
        (FinishedFile, WriteFails(ConnectionReset), is_cut(LEFT_LATER)),
        (FinishedFile, DeadlinePasses, resets(STUCK)),
        (FinishedHead, HangUp, is_whole()),
        // Front ends close at once where no body is to come: that is no news.
        (FinishedHead, WriteFails(BrokenPipe), is_cut("DEBUG unix: PUT /: broken pipe behind the response")),
        (FinishedHead, DeadlinePasses, resets(STUCK)),
        (FinishedError, HangUp, is_whole()),
        (FinishedError, WriteFails(BrokenPipe), is_cut(LEFT_LATER)),
        (FinishedError, DeadlinePasses, resets(STUCK)),
        (Refusing, HangUp, answers_and_waits("")),
        (Refusing, Eof, is_whole()),
        (Refusing, WriteFails(BrokenPipe), is_cut("INFO unix: -: the client hung up after 41 bytes")),
        (
            Refusing,
            DeadlinePasses,
            resets("WARN unix: -: closed: the peer took none of the response for 60 s"),
        ),
        (Refusing, Abandoned, resets("")),
        (Draining, HangUp, waits()),
        (Draining, Eof, closes("")),
        (Draining, ReadFails(ConnectionReset), closes("")),
        (Draining, DeadlinePasses, closes("")),
        (Draining, Abandoned, closes("")),
    ] {
        let mut scene = waiting.scene(match happens {
            StepFails => vec![Yield("abcdef"), Fail],
            StepPanics => vec![Yield("abcdef"), Panic],
            _ => vec![Yield("abcdef"), Yield("ghi")],
        });
        let got = happens.to(&mut scene, &want.logged);
        assert_eq!(got, want, "{waiting:?}, {happens:?}");
        if got.turn == Closed {
            let (made, closed) = scene.record.bodies();
            assert_eq!(closed, made, "each body is closed once: {waiting:?}, {happens:?}");
        }
        let was_called = !matches!(waiting, Idle | ForHead | ForBody | Refusing | Draining);
        assert_eq!(scene.record.inputs.borrow().len(), usize::from(was_called), "{waiting:?}, {happens:?}");
    }
}

#[test]
fn what_is_owed_is_still_sent_to_a_peer_that_closed_its_side() {
    for waiting in [Waiting::Finished, Waiting::FinishedFile, Waiting::FinishedError] {
        let mut scene = waiting.scene(vec![]);
        assert_eq!(scene.hang_up(), Blocked, "{waiting:?}: the peer takes nothing yet");
        let before = scene.sent();
        scene.peer().windows_then = vec![OPEN];
        assert_eq!(scene.advance(), Closed, "{waiting:?}");
        assert!(scene.sent().len() > before.len() && scene.sent().starts_with(&before), "{waiting:?}");
    }
}

#[test]
fn a_connection_that_is_dropped_closes_its_body() {
    for waiting in [Waiting::Responding, Waiting::Finished] {
        let scene = waiting.scene(vec![Yield("abcdef")]);
        let record = scene.record.clone();
        assert_eq!(record.bodies(), (1, 0), "{waiting:?}");
        drop(scene);
        assert_eq!(record.bodies(), (1, 1), "{waiting:?}");
    }
}

#[test]
fn a_hang_up_ends_an_endless_body() {
    let mut scene = scene(Endless("chunk"), &[OPEN]);
    assert_eq!(scene.advance(), Yielded);
    assert_eq!(scene.hang_up(), Closed);
    assert_eq!(scene.record.bodies(), (1, 1));
}

#[test]
fn a_body_that_closes_badly_is_closed_once_however_it_ends() {
    for happens in
        [Happens::HangUp, Happens::WriteFails(BrokenPipe), Happens::DeadlinePasses, Happens::StepFails]
    {
        let mut scene = scene(ClosesBadly(vec![Yield("abcdef"), Fail]), &[Window::Takes(21), SHUT]);
        assert_eq!(scene.advance(), Blocked);
        take_log();
        assert_eq!(happens.to(&mut scene, "").turn, Closed, "{happens:?}");
        assert_eq!(scene.record.bodies(), (1, 1), "{happens:?}");
    }
}

impl Waiting {
    /// A connection that waits there. `steps` are those of the application's body where it has an iterator.
    fn scene(self, steps: Vec<Do>) -> Scene {
        let (reads, windows): (_, &[Window]) = match self {
            Waiting::Idle => (None, &[OPEN]),
            Waiting::ForHead => (Some(Incoming::Bytes(vec![0; 3])), &[OPEN]),
            Waiting::ForBody => (Some(request("5", "ab")), &[OPEN]),
            Waiting::Responding => (Some(request("0", "")), &[Window::Takes(21), SHUT]),
            Waiting::FinishedFile => (Some(request("0", "")), &[OPEN, Window::Takes(2), SHUT]),
            Waiting::FinishedHead => (Some(request("0", "")), &[SHUT]),
            Waiting::Finished | Waiting::FinishedError => {
                (Some(request("0", "")), &[Window::Takes(41), SHUT])
            }
            Waiting::Refusing => (Some(request("five", "")), &[Window::Takes(41), SHUT]),
            Waiting::Draining => (Some(request("five", "")), &[OPEN]),
        };
        let start = match self {
            Waiting::FinishedHead => Start("204 No Content", &[]),
            Waiting::FinishedError => Fail,
            _ => START,
        };
        let body = match self {
            Waiting::Finished => Chunk("0123456789"),
            Waiting::FinishedFile => File("0123456789", 0, 10),
            Waiting::FinishedHead => Chunk(""),
            _ => Steps(steps),
        };
        let mut scene = Scene::new(Script { call: vec![start], body }).reads(reads).windows(windows);
        assert_eq!(scene.advance(), Blocked, "{self:?}");
        scene.take_summaries();
        scene
    }
}

impl Happens {
    /// Lets it happen. `logged` is how the line is expected to begin.
    fn to(self, scene: &mut Scene, logged: &str) -> Outcome {
        take_log();
        match self {
            // A peer that closes only its side still takes what it is sent.
            Happens::HangUp | Happens::StepFails | Happens::StepPanics => {
                scene.peer().windows_then = vec![OPEN];
            }
            Happens::Eof => {
                scene.peer().windows_then = vec![OPEN];
                scene.peer().reads.push_back(Incoming::Eof);
            }
            Happens::ReadFails(kind) => scene.peer().reads.push_back(Incoming::Fails(kind)),
            Happens::WriteFails(kind) => scene.peer().windows_then = vec![Window::Fails(kind)],
            Happens::DeadlinePasses => scene.pass(scene.time_left()),
            Happens::Abandoned => {}
        }
        let turn = match self {
            Happens::HangUp | Happens::Eof => scene.hang_up(),
            Happens::DeadlinePasses => scene.expire(),
            Happens::Abandoned => scene.abandon(),
            _ => scene.advance(),
        };
        let (log, was_reset) = (take_log().join("\n"), scene.wire().was_reset);
        Outcome {
            turn,
            was_reset,
            complete: scene.take_summaries().last().map(|told| told.complete),
            logged: if !logged.is_empty() && log.starts_with(logged) { logged.to_owned() } else { log },
        }
    }
}

/// It is over without a response.
fn closes(logged: &str) -> Outcome {
    Outcome { turn: Closed, was_reset: false, complete: None, logged: logged.to_owned() }
}

/// It is over, and the response was not taken whole.
fn is_cut(logged: &str) -> Outcome {
    Outcome { complete: Some(false), ..closes(logged) }
}

/// It is over, and the peer is to see that the response is not whole.
fn resets(logged: &str) -> Outcome {
    Outcome { was_reset: true, ..is_cut(logged) }
}

/// It is over, and the response was taken whole.
fn is_whole() -> Outcome {
    Outcome { complete: Some(true), ..closes("") }
}

/// The peer is told why, and then it is drained.
fn answers_and_waits(logged: &str) -> Outcome {
    Outcome { turn: Blocked, complete: Some(true), ..closes(logged) }
}

/// Nothing comes of it.
fn waits() -> Outcome {
    Outcome { turn: Blocked, ..closes("") }
}

const START: Do = Start("200 OK", &[]);

/// A connection whose request has arrived.
fn scene(body: Content, windows: &[Window]) -> Scene {
    Scene::new(Script { call: vec![START], body }).reads([request("0", "")]).windows(windows)
}

fn request(content_length: &str, body: &str) -> Incoming {
    let packet = Packet::new().var("REQUEST_METHOD", "PUT").var("REQUEST_URI", "/");
    let head = packet.var("CONTENT_LENGTH", content_length).header_and_vars().unwrap();
    Incoming::Bytes([head.as_slice(), body.as_bytes()].concat())
}
