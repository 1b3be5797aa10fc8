//! What each kind of application sends, and that neither the request's pieces nor the peer's pace change it.

use crate::wire::uwsgi::Packet;
use tidegate::connection::Turn;

use crate::application::Content::{self, Chunk, ClosesBadly, File, Steps};
use crate::application::Do::{Fail, Panic, Replace, Start, Yield};
use crate::application::{Do, Fields, Script};
use crate::scene::{Scene, take_log};
use crate::scripted::{Incoming, OPEN, SHUT, WAIT, Window};

/// A request, an application, and what must come of the two.
struct Case {
    name: &'static str,
    method: &'static str,
    script: Script,
    want: Want,
}

#[derive(Debug, PartialEq, Eq)]
struct Want {
    sent: String,
    ended: Ended,
    /// A part of the one line at level warn or above, if there is one.
    logged: Option<&'static str>,
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    BrokenOff,
}

fn cases() -> Vec<Case> {
    vec![
        // One piece.
        get("one chunk", [START], Chunk("Hello"), sends("200 OK", "X: y\nContent-Length: 5", "Hello")),
        get("an empty chunk", [START], Chunk(""), sends("200 OK", "X: y\nContent-Length: 0", "")),
        get(
            "a file",
            [START],
            File("0123456789", 0, 10),
            sends("200 OK", "X: y\nContent-Length: 10", "0123456789"),
        ),
        get(
            "a part of a file",
            [START],
            File("0123456789", 3, 4),
            sends("200 OK", "X: y\nContent-Length: 4", "3456"),
        ),
        get("an empty file", [START], File("", 0, 0), sends("200 OK", "X: y\nContent-Length: 0", "")),
        get(
            "a file that is shorter than it was",
            [START],
            File("0123", 0, 10),
            sends("200 OK", "X: y\nContent-Length: 10", "0123").breaks_off("the file became shorter"),
        ),
        // Chunks.
        get(
            "an iterator",
            [START],
            steps([Yield("a"), Yield("bc"), Yield("def")]),
            sends("200 OK", "X: y", "abcdef"),
        ),
        get("an iterator of nothing", [START], steps([]), sends("200 OK", "X: y\nContent-Length: 0", "")),
        get(
            "empty chunks between others",
            [START],
            steps([Yield(""), Yield("a"), Yield(""), Yield(""), Yield("b"), Yield("")]),
            sends("200 OK", "X: y", "ab"),
        ),
        get(
            "empty chunks alone",
            [START],
            steps([Yield(""), Yield("")]),
            sends("200 OK", "X: y\nContent-Length: 0", ""),
        ),
        // The start of the response.
        get(
            "started in the first step",
            [],
            steps([START, Yield("a"), Yield("b")]),
            sends("200 OK", "X: y", "ab"),
        ),
        get(
            "started behind an empty chunk",
            [],
            steps([Yield(""), START, Yield("a")]),
            sends("200 OK", "X: y", "a"),
        ),
        get(
            "started in a step that ends the body",
            [],
            steps([START]),
            sends("200 OK", "X: y\nContent-Length: 0", ""),
        ),
        get(
            "replaced before anything was sent",
            [START, Replace("503 Later", &[])],
            Chunk("sorry"),
            sends("503 Later", "Content-Length: 5", "sorry"),
        ),
        get(
            "replaced in the first step",
            [START],
            steps([Replace("503 Later", &[("A", "b")]), Yield("sorry")]),
            sends("503 Later", "A: b", "sorry"),
        ),
        get(
            "replaced behind an empty chunk",
            [START],
            steps([Yield(""), Replace("503 Later", &[]), Yield("sorry")]),
            sends("503 Later", "", "sorry"),
        ),
        get(
            "replaced when the head was sent",
            [START],
            steps([Yield("a"), Replace("503 Later", &[]), Yield("b")]),
            sends("200 OK", "X: y", "a").breaks_off("the head is already sent"),
        ),
        get("started twice", [START, START], Chunk("a"), fails("start_response was called a second time")),
        get("not started", [], Chunk("a"), fails("without calling start_response")),
        get(
            "not started, by an iterator",
            [],
            steps([Yield("a"), START]),
            fails("without calling start_response"),
        ),
        get("neither started nor a body", [], steps([]), fails("without calling start_response")),
        get(
            "a field with a line break",
            [Start("200 OK", &[("X", "a\r\nY: b")])],
            Chunk("a"),
            fails("header X: control"),
        ),
        get(
            "a status with a line break",
            [Start("200 OK\r\nY: b", &[])],
            Chunk("a"),
            fails("is not of the form"),
        ),
        get(
            "a field that is the server's, in the first step",
            [],
            steps([Start("200 OK", &[("Transfer-Encoding", "chunked")]), Yield("a")]),
            fails("header Transfer-Encoding is the server's"),
        ),
        // No body.
        head("HEAD for one chunk", [START], Chunk("Hello"), sends("200 OK", "X: y\nContent-Length: 5", "")),
        head("HEAD for an iterator", [START], steps([Yield("a"), Yield("b")]), sends("200 OK", "X: y", "")),
        head("HEAD for a file", [START], File("0123", 0, 4), sends("200 OK", "X: y\nContent-Length: 4", "")),
        head("HEAD for no body", [START], steps([]), sends("200 OK", "X: y", "")),
        head("HEAD with a length and no body", [FIVE], Chunk(""), sends("200 OK", "Content-Length: 5", "")),
        head("HEAD, started late", [], steps([Yield(""), START, Yield("a")]), sends("200 OK", "X: y", "")),
        head("HEAD that fails", [Fail], Chunk(""), fails("as the script says").without_body()),
        get("204", [Start("204 No Content", &[])], Chunk("a"), sends("204 No Content", "", "")),
        get(
            "204 with a length",
            [Start("204 No Content", SHORT)],
            Chunk(""),
            sends("204 No Content", "", ""),
        ),
        get("304", [Start("304 Not Modified", &[])], steps([Yield("a")]), sends("304 Not Modified", "", "")),
        get(
            "304 with the length that 200 would have",
            [Start("304 Not Modified", SHORT)],
            Chunk(""),
            sends("304 Not Modified", "Content-Length: 5", ""),
        ),
        // Content-Length.
        get(
            "exactly",
            [FIVE],
            steps([Yield("ab"), Yield("cde")]),
            sends("200 OK", "Content-Length: 5", "abcde"),
        ),
        get("exactly, in one chunk", [FIVE], Chunk("abcde"), sends("200 OK", "Content-Length: 5", "abcde")),
        get(
            "exactly, and an error behind it",
            [FIVE],
            steps([Yield("abcde"), Fail]),
            sends("200 OK", "Content-Length: 5", "abcde"),
        ),
        get(
            "too much in one chunk",
            [FIVE],
            Chunk("abcdefg"),
            sends("200 OK", "Content-Length: 5", "abcde").logs("longer than its Content-Length"),
        ),
        get(
            "too much in a later chunk",
            [FIVE],
            steps([Yield("abc"), Yield("defg"), Yield("h")]),
            sends("200 OK", "Content-Length: 5", "abcde").logs("longer than its Content-Length"),
        ),
        get(
            "a file is sent as far as the length says",
            [FIVE],
            File("0123456789", 2, 8),
            sends("200 OK", "Content-Length: 5", "23456"),
        ),
        get(
            "too little",
            [FIVE],
            steps([Yield("ab"), Yield("c")]),
            sends("200 OK", "Content-Length: 5", "abc").breaks_off("2 bytes short of its Content-Length"),
        ),
        get("too little in one chunk", [FIVE], Chunk("abc"), fails("2 bytes short of its Content-Length")),
        get("too little of a file", [FIVE], File("0123", 0, 4), fails("1 bytes short of its Content-Length")),
        get("none of it", [FIVE], steps([]), fails("5 bytes short of its Content-Length")),
        // Failures.
        get("an error in the call", [Fail], Chunk(""), fails("answered with 500: as the script says")),
        get(
            "a panic in the call",
            [Panic],
            Chunk(""),
            fails("answered with 500: panicked: as the script says"),
        ),
        get("an error in the call, once started", [START, Fail], Chunk(""), fails("as the script says")),
        get("an error in the first step", [], steps([Fail]), fails("as the script says")),
        get("an error in the first step, once started", [START], steps([Fail]), fails("as the script says")),
        get("an error behind an empty chunk", [START], steps([Yield(""), Fail]), fails("as the script says")),
        get("a panic in the first step", [START], steps([Panic]), fails("panicked: as the script says")),
        get(
            "an error within the body",
            [START],
            steps([Yield("ab"), Yield("c"), Fail]),
            sends("200 OK", "X: y", "abc").breaks_off("as the script says"),
        ),
        get(
            "a panic within the body",
            [START],
            steps([Yield("ab"), Panic]),
            sends("200 OK", "X: y", "ab").breaks_off("panicked: as the script says"),
        ),
        get(
            "a panic in closing the body",
            [START],
            ClosesBadly(vec![Yield("ab")]),
            sends("200 OK", "X: y", "ab").logs("closing the body: panicked: as the script says"),
        ),
    ]
}

#[test]
fn a_response_is_the_same_at_every_pace_of_the_peer() {
    for case in cases() {
        for windows in WINDOWS {
            case.check(&[Incoming::Bytes(case.request())], windows);
        }
    }
}

#[test]
fn a_response_is_the_same_for_every_split_of_the_request() {
    for case in cases() {
        let request = case.request();
        for at in 1..request.len() {
            let (front, back) = request.split_at(at);
            let (front, back) = (Incoming::Bytes(front.to_vec()), Incoming::Bytes(back.to_vec()));
            for windows in WINDOWS {
                case.check(&[front.clone(), back.clone()], windows);
                case.check(&[front.clone(), WAIT, back.clone()], windows);
            }
        }
    }
}

#[test]
fn a_response_is_the_same_for_a_request_that_trickles() {
    for case in cases() {
        let bytes = case.request().into_iter().map(|byte| Incoming::Bytes(vec![byte]));
        let trickle: Vec<Incoming> = bytes.flat_map(|byte| [INTERRUPTED, WAIT, byte]).collect();
        for windows in WINDOWS {
            case.check(&trickle, windows);
        }
    }
}

const INTERRUPTED: Incoming = Incoming::Fails(std::io::ErrorKind::Interrupted);

/// How the peer takes what it is sent.
const WINDOWS: [&[Window]; 7] = [
    &[OPEN],
    &[Window::Takes(1)],
    &[Window::Takes(7)],
    &[SHUT, OPEN],
    &[SHUT, Window::Takes(1)],
    &[Window::Takes(40), SHUT, Window::Takes(3)],
    &[Window::Fails(std::io::ErrorKind::Interrupted), Window::Takes(11), SHUT],
];

const START: Do = Start("200 OK", &[("X", "y")]);
const FIVE: Do = Start("200 OK", SHORT);
const SHORT: Fields = &[("Content-Length", "5")];

impl Case {
    /// The bytes of the request; it has a body, which the application must be given whole.
    fn request(&self) -> Vec<u8> {
        let packet = Packet::new()
            .var("REQUEST_METHOD", self.method)
            .var("REQUEST_URI", "/")
            .var("CONTENT_LENGTH", "3");
        [packet.header_and_vars().unwrap(), BODY.to_vec()].concat()
    }

    fn check(&self, reads: &[Incoming], windows: &[Window]) {
        self.check_on(Scene::new(self.script.clone()), reads, windows);
        self.check_on(Scene::telling_unread(self.script.clone()), reads, windows);
    }

    fn check_on(&self, scene: Scene, reads: &[Incoming], windows: &[Window]) {
        take_log();
        let mut scene = scene.reads(reads.iter().cloned()).windows_in_turn(windows);
        let turn = scene.run();
        let context = || format!("{}, {reads:?}, {windows:?}, {:?}", self.name, scene.wire().calls);
        assert_eq!(turn, Turn::Closed, "{}", context());

        let lines: Vec<String> = take_log().into_iter().filter(|line| !line.starts_with("DEBUG")).collect();
        let logged = self.want.logged.filter(|text| lines.len() == 1 && lines[0].contains(text));
        assert!(logged == self.want.logged && lines.len() <= 1, "{lines:#?}, {}", context());
        let ended = if scene.wire().was_reset { Ended::BrokenOff } else { Ended::Whole };
        assert_eq!(Want { sent: scene.sent(), ended, logged }, self.want, "{}", context());

        let is_told = scene.wire().tells_unread && self.want.ended == Ended::BrokenOff;
        assert_eq!(scene.wire().left > 0, is_told, "what is unread tells of a break: {}", context());

        assert_eq!(*scene.record.inputs.borrow(), [BODY], "{}", context());
        let (made, closed) = scene.record.bodies();
        assert_eq!(closed, made, "each body is closed once: {}", context());
        let (summaries, sent) = (scene.take_summaries(), scene.sent());
        let [told] = summaries.as_slice() else { panic!("{summaries:?}, {}", self.name) };
        assert_eq!(told.request_line, format!("{} /", self.method), "{}", self.name);
        assert_eq!(told.code.to_string(), sent[9..12], "{}", self.name);
        assert_eq!(told.bytes, sent.len() as u64, "{}", self.name);
        assert_eq!(told.complete, self.want.ended == Ended::Whole, "{}", self.name);
    }
}

const BODY: &[u8] = b"abc";

fn get<const N: usize>(name: &'static str, call: [Do; N], body: Content, want: Want) -> Case {
    Case { name, method: "GET", script: Script { call: call.into(), body }, want }
}

fn head<const N: usize>(name: &'static str, call: [Do; N], body: Content, want: Want) -> Case {
    Case { method: "HEAD", ..get(name, call, body, want) }
}

fn steps<const N: usize>(steps: [Do; N]) -> Content {
    Steps(steps.into())
}

/// A response that ends well. The fields stand one a line.
fn sends(status: &str, fields: &str, body: &str) -> Want {
    let fields: String = fields.lines().map(|field| format!("{field}\r\n")).collect();
    Want { sent: format!("HTTP/1.1 {status}\r\n{fields}\r\n{body}"), ended: Ended::Whole, logged: None }
}

/// The server's own answer to an application that failed when nothing was sent.
fn fails(logged: &'static str) -> Want {
    let fields = "Content-Type: text/plain; charset=utf-8\nContent-Length: 22";
    sends("500 Internal Server Error", fields, "Internal Server Error\n").logs(logged)
}

impl Want {
    fn logs(self, text: &'static str) -> Want {
        Want { logged: Some(text), ..self }
    }

    fn breaks_off(self, text: &'static str) -> Want {
        Want { ended: Ended::BrokenOff, logged: Some(text), ..self }
    }

    fn without_body(self) -> Want {
        let (head, _) = self.sent.split_once("\r\n\r\n").expect("a response has a head");
        Want { sent: format!("{head}\r\n\r\n"), ..self }
    }
}
