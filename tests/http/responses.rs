//! What a response is on the wire: the head's fields, the frames of the body, and what follows.

use tidegate::ResponseHead;
use tidegate::protocol::{Endpoints, Persistence, Protocol, Received};
use tidegate::{Limits, ProtocolName};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const CLOSE: &str = "Connection: close\r\n";
const KEPT: &str = "Connection: keep-alive\r\n";

/// A conversation that was asked for something.
fn asked(method: &str, version: &str, connection: &str) -> Protocol {
    let mut conversation = Protocol::new(ProtocolName::Http, Endpoints::default);
    let connection =
        if connection.is_empty() { String::new() } else { format!("Connection: {connection}\r\n") };
    let request = format!("{method} / {version}\r\nHost: a\r\n{connection}\r\n");
    let mut input = request.as_bytes();
    let received = conversation.receive(&mut input, &mut Vec::new(), &Limits::default());
    assert!(matches!(received, Ok(Received::Request(_))), "{received:?}");
    conversation
}

/// The whole response: `body` in the chunks in which the application makes it, none of it with HEAD, 204, 205 and 304,
/// as the exchange has it.
fn response(conversation: &mut Protocol, head: &ResponseHead, body: &[&str]) -> (String, Persistence) {
    let mut wire = Vec::new();
    conversation.head(head, DATE.as_bytes(), &mut wire);
    for piece in body {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        assert_eq!(conversation.chunk(piece.len() as u64, &mut before, &mut after), piece.len() as u64);
        wire.extend([before, piece.as_bytes().to_vec(), after].concat());
    }
    let persistence = conversation.finish(&mut wire);
    (String::from_utf8(wire).unwrap(), persistence)
}

/// A row: the request (method, version, Connection), the status, Content-Length, and what must come of it: the
/// fields of the server's own, the body as framed, whether the connection is kept.
type Row = (
    (&'static str, &'static str, &'static str),
    &'static str,
    Option<u64>,
    (&'static str, &'static str, bool),
);

#[test]
fn framing_follows_from_version_method_status_and_length() {
    const UNKNOWN: &str = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let (v11, v10) = ("HTTP/1.1", "HTTP/1.0");
    let rows: &[Row] = &[
        // A known length.
        (("GET", v11, ""), "200 OK", Some(5), ("", "hello", true)),
        (("GET", v11, "close"), "200 OK", Some(5), (CLOSE, "hello", false)),
        (("GET", v11, "keep-alive"), "200 OK", Some(5), ("", "hello", true)),
        (("GET", v11, "keep-alive, close"), "200 OK", Some(5), (CLOSE, "hello", false)),
        (("GET", v10, ""), "200 OK", Some(5), (CLOSE, "hello", false)),
        (("GET", v10, "Keep-Alive"), "200 OK", Some(5), (KEPT, "hello", true)),
        (("GET", v10, "keep-alive, close"), "200 OK", Some(5), (CLOSE, "hello", false)),
        // An unknown one.
        (("GET", v11, ""), "200 OK", None, (CHUNKED, UNKNOWN, true)),
        (
            ("GET", v11, "close"),
            "200 OK",
            None,
            ("Transfer-Encoding: chunked\r\nConnection: close\r\n", UNKNOWN, false),
        ),
        (("GET", v10, ""), "200 OK", None, (CLOSE, "hello", false)),
        (("GET", v10, "keep-alive"), "200 OK", None, (CLOSE, "hello", false)),
        // HEAD has no body, so its end is always known.
        (("HEAD", v11, ""), "200 OK", Some(5), ("", "", true)),
        (("HEAD", v11, ""), "200 OK", None, ("", "", true)),
        (("HEAD", v11, "close"), "200 OK", None, (CLOSE, "", false)),
        (("HEAD", v10, ""), "200 OK", None, (CLOSE, "", false)),
        (("HEAD", v10, "keep-alive"), "200 OK", None, (KEPT, "", true)),
        // The method is case-sensitive: this is another one.
        (("head", v11, ""), "200 OK", Some(5), ("", "hello", true)),
        // Nor have these.
        (("GET", v11, ""), "204 No Content", None, ("", "", true)),
        (("GET", v11, ""), "205 Reset Content", Some(0), ("", "", true)),
        (("GET", v10, "keep-alive"), "205 Reset Content", Some(0), (KEPT, "", true)),
        (("GET", v11, "close"), "204 No Content", None, (CLOSE, "", false)),
        (("GET", v10, "keep-alive"), "204 No Content", None, (KEPT, "", true)),
        (("GET", v11, ""), "304 Not Modified", None, ("", "", true)),
        (("GET", v11, ""), "304 Not Modified", Some(5), ("", "", true)),
        (("GET", v10, ""), "304 Not Modified", None, (CLOSE, "", false)),
        (("POST", v11, ""), "500 Internal Server Error", Some(5), ("", "hello", true)),
        (("OPTIONS", v11, ""), "404 Not Found", None, (CHUNKED, UNKNOWN, true)),
    ];
    for (request, status, length, (own, body, kept)) in rows {
        let fields: Vec<_> = length.iter().map(|length| ("Content-Length", length.to_string())).collect();
        let head = ResponseHead::new(status, fields.clone(), 1_000).unwrap();
        let mut conversation = asked(request.0, request.1, request.2);
        let chunks: &[&str] = if body.is_empty() { &[] } else { &["he", "llo"] };
        let got = response(&mut conversation, &head, chunks);
        let given: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let want = format!("HTTP/1.1 {status}\r\n{given}Date: {DATE}\r\nServer: tidegate\r\n{own}\r\n{body}");
        let then = if *kept { Persistence::KeepAlive } else { Persistence::Close };
        assert_eq!(got, (want, then), "{request:?}, {status}, {length:?}");
    }
}

#[test]
fn an_empty_body_of_unknown_length_is_ended_all_the_same() {
    let head = ResponseHead::new("200 OK", [("X", "y")], 1_000).unwrap();
    let (wire, persistence) = response(&mut asked("GET", "HTTP/1.1", ""), &head, &[]);
    assert!(wire.ends_with("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "{wire}");
    assert_eq!(persistence, Persistence::KeepAlive);
}

#[test]
fn the_applications_own_date_and_server_stand_alone() {
    let date = ("Date", "Mon, 07 Nov 1994 08:49:37 GMT");
    for given in [vec![], vec![date], vec![("SERVER", "mine")], vec![("server", "mine"), date]] {
        let head = ResponseHead::new("200 OK", given.iter().copied(), 1_000).unwrap();
        let (wire, _) = response(&mut asked("GET", "HTTP/1.1", ""), &head, &[]);
        for (name, own) in [("date", DATE), ("server", "tidegate")] {
            let is_given = given.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
            let count = wire
                .lines()
                .filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: ")))
                .count();
            assert_eq!(count, 1, "{wire}");
            assert_eq!(wire.contains(own), !is_given, "{wire}");
        }
    }
}

#[test]
fn the_answer_to_what_was_refused_is_the_last() {
    let mut conversation = Protocol::new(ProtocolName::Http, Endpoints::default);
    let mut input = b"GET / HTTP/1.1\r\n\r\n".as_slice();
    let error = conversation.receive(&mut input, &mut Vec::new(), &Limits::default()).unwrap_err();
    assert_eq!(error.status(), Some("400 Bad Request"));
    conversation.give_up();
    let head = ResponseHead::new("400 Bad Request", [("Content-Length", "3")], 1_000).unwrap();
    let (wire, persistence) = response(&mut conversation, &head, &["no\n"]);
    assert!(wire.contains(CLOSE) && wire.ends_with("\r\n\r\nno\n"), "{wire}");
    assert_eq!(persistence, Persistence::Close);
    let mut next = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
    let received = conversation.receive(&mut next, &mut Vec::new(), &Limits::default());
    assert!(matches!(received, Ok(Received::More)), "nothing is served after it: {received:?}");
}

#[test]
fn what_one_request_asked_for_does_not_reach_the_next() {
    let mut conversation = asked("HEAD", "HTTP/1.0", "keep-alive");
    let head = ResponseHead::new("200 OK", [("X", "y")], 1_000).unwrap();
    assert_eq!(response(&mut conversation, &head, &[]).1, Persistence::KeepAlive);
    let mut input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
    let received = conversation.receive(&mut input, &mut Vec::new(), &Limits::default());
    assert!(matches!(received, Ok(Received::Request(_))), "{received:?}");
    let (wire, _) = response(&mut conversation, &head, &["hello"]);
    assert!(wire.ends_with("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{wire}");
}
