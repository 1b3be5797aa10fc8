//! 100 Continue: sent when a body is waited for, and never when it has come or will not be read.

use tidegate::protocol::{Endpoints, Protocol, Received};
use tidegate::{Limits, ProtocolName};

use crate::feeding::cut;

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// What is said before the request is complete or refused, and whether it is complete.
fn said(pieces: &[&str]) -> (String, Option<bool>) {
    said_by(pieces.iter().map(|piece| piece.as_bytes()))
}

fn said_by<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (String, Option<bool>) {
    let limits = Limits { body_bytes_max: 100, ..Limits::default() };
    let (mut conversation, mut out) = (Protocol::new(ProtocolName::Http, Endpoints::default), Vec::new());
    let mut end = None;
    for mut piece in pieces {
        end = match conversation.receive(&mut piece, &mut out, &limits) {
            Ok(Received::More) => None,
            Ok(_) => Some(true),
            Err(_) => Some(false),
        };
    }
    (String::from_utf8(out).unwrap(), end)
}

#[test]
fn it_is_sent_when_the_head_has_come_and_no_byte_behind_it() {
    let head = |fields: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}Expect: 100-Continue\r\n\r\n");
    let length = head("Content-Length: 5\r\n");
    let chunked = head("Transfer-Encoding: chunked\r\n");
    assert_eq!(said(&[&length]), (CONTINUE.into(), None));
    assert_eq!(said(&[&length, "he", "llo"]), (CONTINUE.into(), Some(true)));
    assert_eq!(said(&[&chunked]), (CONTINUE.into(), None));
    assert_eq!(said(&[&chunked, "0\r\n\r\n"]), (CONTINUE.into(), Some(true)));
    assert_eq!(said(&[&length[..9], &length[9..]]), (CONTINUE.into(), None));
    assert_eq!(said_by(length.as_bytes().chunks(1)), (CONTINUE.into(), None), "once");
    for (head, body) in [(&length, "h"), (&length, "hello"), (&chunked, "5"), (&chunked, "0\r\n\r\n")] {
        assert_eq!(said(&[&format!("{head}{body}")]).0, "", "{body:?} has come already");
    }
}

#[test]
fn it_is_not_sent_where_no_body_is_waited_for() {
    for (request, complete) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", Some(true)),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n", Some(true)),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", None),
        ("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", None),
        ("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: something\r\n\r\n", None),
    ] {
        let bytes = request.as_bytes();
        for pieces in [vec![bytes], bytes.chunks(1).collect(), cut(bytes, &[20, 40])] {
            assert_eq!(said_by(pieces.into_iter()), (String::new(), complete), "{request}");
        }
    }
}

#[test]
fn it_is_not_sent_before_a_refusal() {
    for fields in [
        "Content-Length: 101\r\nExpect: 100-continue\r\n",
        "Content-Length: 5\r\nExpect: 200-ok\r\n",
        "Content-Length: 5\r\nExpect: 100-continue\r\nExpect: 200-ok\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\nExpect: 100-continue\r\n",
        "Transfer-Encoding: gzip\r\nExpect: 100-continue\r\n",
        "Content-Length: 5\r\nExpect: 100-continue\r\nHost: b\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(said(&[&request]), (String::new(), Some(false)), "{fields}");
        assert_eq!(said_by(request.as_bytes().chunks(1)).0, "", "{fields}");
    }
}
