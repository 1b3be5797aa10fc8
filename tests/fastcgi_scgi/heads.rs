//! Refusals of HEAD, on every listener: the method is known as soon as it has been read, whatever is wrong behind it.

use crate::wire::uwsgi::Packet;
use tidegate::protocol::{Endpoints, Protocol};
use tidegate::{Limits, ProtocolName};

use crate::client::Client;
use crate::feeding::cut;
use crate::server::Server;
use crate::wire::Pairs;
use crate::wire::fastcgi::{KEEP_CONN, begin, head, record, request};
use crate::wire::scgi;
use crate::wire::split_head;

const METHOD: (&[u8], &[u8]) = (b"REQUEST_METHOD", b"HEAD");
const BAD: Pairs<'_> = &[METHOD, (b"CONTENT_LENGTH", b"x")];
const LARGE: Pairs<'_> = &[METHOD, (b"CONTENT_LENGTH", b"2000")];
const OF_A_BODY: Pairs<'_> = &[METHOD, (b"CONTENT_LENGTH", b"5")];

/// Whether the answer to a request that goes so far, and no further, has no body; the same for every split.
fn is_head(protocol: ProtocolName, bytes: &[u8]) -> bool {
    let limits = Limits { body_bytes_max: 1_000, http_head_bytes_max: 200, ..Limits::default() };
    let seen = |pieces: Vec<&[u8]>| {
        let mut protocol = Protocol::new(protocol, Endpoints::default);
        for mut piece in pieces {
            if protocol.receive(&mut piece, &mut Vec::new(), &limits).is_err() {
                break;
            }
        }
        protocol.give_up();
        protocol.is_head()
    };
    let whole = seen(vec![bytes]);
    assert_eq!(seen(bytes.chunks(1).collect()), whole, "byte by byte: {}", bytes.escape_ascii());
    for at in 0..bytes.len() {
        assert_eq!(seen(cut(bytes, &[at])), whole, "cut at {at}: {}", bytes.escape_ascii());
    }
    whole
}

#[test]
fn http_knows_the_method_by_the_first_bytes() {
    let long = "x".repeat(300);
    for (rest, what) in [
        ("/ HTTP/1.1\r\nHost : a\r\n\r\n", "a bad field"),
        ("/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "two Host"),
        ("/ HTTP/1.1\r\nHost: a\n", "a bare LF"),
        ("/\0", "a control character"),
        ("/ HTTP/3.0\r\n\r\n", "a version"),
        ("/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n", "a large body"),
        ("/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", "a bad chunk"),
        ("/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", "a body that does not come"),
        ("/ HTTP/1.1\r\nHost:", "a head that does not come"),
        (&long, "a long line"),
    ] {
        for (method, want) in [("HEAD ", true), ("\r\nHEAD ", true), ("GET ", false), ("HEADS ", false)] {
            let bytes = format!("{method}{rest}");
            assert_eq!(is_head(ProtocolName::Http, bytes.as_bytes()), want, "{method:?} with {what}");
        }
    }
    let kept = "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/9.9\r\n\r\n";
    assert!(is_head(ProtocolName::Http, kept.as_bytes()), "nothing is taken in while a request is answered");
    for bytes in ["", "HEAD", "head / HTTP/1.1\r\nx\r\n\r\n", "\r\n\r\nHEAD / "] {
        assert!(!is_head(ProtocolName::Http, bytes.as_bytes()), "{bytes:?}");
    }
}

#[test]
fn the_others_know_it_once_the_variables_are_read() {
    let uwsgi = |pairs: Pairs<'_>| {
        let packet = pairs.iter().fold(Packet::new(), |packet, (name, value)| packet.var(name, value));
        packet.header_and_vars().unwrap()
    };
    let get: Pairs<'_> = &[(b"REQUEST_METHOD", b"GET"), (b"CONTENT_LENGTH", b"x")];
    for pairs in [BAD, LARGE] {
        assert!(is_head(ProtocolName::Uwsgi, &uwsgi(pairs)));
        assert!(is_head(ProtocolName::Fastcgi, &head(1, KEEP_CONN, pairs)));
    }
    assert!(is_head(ProtocolName::Scgi, &scgi::head(&[METHOD], 2_000)));
    assert!(
        is_head(ProtocolName::Uwsgi, &[uwsgi(OF_A_BODY).as_slice(), b"he"].concat()),
        "a body that does not come"
    );
    let cut_body = [head(1, 0, OF_A_BODY), record(5, 1, b"he")].concat();
    assert!(is_head(ProtocolName::Fastcgi, &cut_body), "a body that does not come");
    assert!(is_head(ProtocolName::Fastcgi, &request(1, 0, OF_A_BODY, b"too long")));
    assert!(is_head(ProtocolName::Scgi, &[scgi::head(&[METHOD], 5).as_slice(), b"he"].concat()));
    let mut cut_vars = uwsgi(&[METHOD, (b"X", b"y")]);
    cut_vars[1] -= 1;
    cut_vars.pop();
    assert!(is_head(ProtocolName::Uwsgi, &cut_vars), "the method stands before what is wrong");

    assert!(!is_head(ProtocolName::Uwsgi, &uwsgi(get)));
    assert!(!is_head(ProtocolName::Fastcgi, &head(1, 0, get)));
    assert!(!is_head(ProtocolName::Scgi, &scgi::head(&[(b"REQUEST_METHOD", b"GET")], 2_000)));
    for unread in [uwsgi(BAD)[..8].to_vec(), Vec::new()] {
        assert!(!is_head(ProtocolName::Uwsgi, &unread));
    }
    assert!(!is_head(ProtocolName::Fastcgi, &begin(1, 0)));
    assert!(!is_head(ProtocolName::Scgi, &scgi::head(&[METHOD], 5)[..20]));
}

#[test]
fn the_answer_has_its_length_and_no_body() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    client.send(head(1, KEEP_CONN, BAD));
    let answer = client.answer(1);
    let (told, body) = answer.parts();
    assert!(told.starts_with("Status: 400 Bad Request\r\n") && told.contains("Content-Length: "), "{told}");
    assert_eq!(body, b"");

    let mut client = Client::connect(server.scgi());
    client.send(scgi::head(&[METHOD], 2 << 30));
    let (bytes, broken) = client.rest();
    let (told, body) = split_head(&bytes);
    assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("Content-Length: "), "{told}");
    assert_eq!((body, broken), (b"".as_slice(), None));
}
