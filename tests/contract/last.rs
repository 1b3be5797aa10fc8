//! A connection's last response arrives whole, whatever the peer sends behind its request and however slowly it reads.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use tidegate::{Limits, ProtocolName};

use crate::client::Client;
use crate::request::Request;
use crate::support::application::{PLAIN, chunked, pattern};
use crate::support::assert_same;
use crate::support::client::{Response, read_all};
use crate::ways::{Named, Way, Ways};

/// Why the response is the connection's last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// The client says so, or the protocol.
    Asked,
    /// HTTP/1.0, which asks for nothing else.
    Http10,
    /// Its length is not known beforehand.
    NoLength,
    /// The request is refused, and its body is not read.
    Refused,
    /// The server stops.
    Stopped,
}

/// When the peer sends a byte that is not of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    Never,
    /// With the request.
    Behind,
    /// When it has read the response's beginning.
    Early,
    /// When all of the response that fits is in the sockets.
    AtTheEnd,
}

/// How the peer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Quick,
    /// Not at all for a while, with room for a few KiB.
    Slow,
}

/// More than sockets hold, what they hold, and what leaves at once.
const LENS: [usize; 3] = [8 << 20, 1 << 20, 5_000];

#[test]
fn the_last_response_arrives_whole_whatever_is_sent_behind_the_request() {
    let limits = Limits { body_bytes_max: 1_000, ..Limits::default() };
    let ways = Ways::with(limits, answer);
    thread::scope(|scope| {
        for way in ways.iter().filter(|way| !way.behind_nginx) {
            scope.spawn(move || {
                for last in [Last::Asked, Last::Http10, Last::NoLength, Last::Refused] {
                    check_each(way, last, &|| {});
                }
            });
        }
    });
}

#[test]
fn the_last_response_of_a_server_that_stops_arrives_whole() {
    for late in [Late::Never, Late::Early] {
        for reader in [Reader::Quick, Reader::Slow] {
            let ways = Ways::to(answer);
            let stop = || ways.server.stopper.stop(tidegate::Stop::Gracefully);
            for way in ways
                .iter()
                .filter(|way| !way.behind_nginx && way.is_tcp && way.protocol == ProtocolName::Http)
            {
                check(way, Last::Stopped, late, reader, LENS[0], &stop);
            }
        }
    }
}

fn answer(
    environ: tidegate::Environ,
    start_response: tidegate::StartResponse,
) -> Result<tidegate::Body, tidegate::AppError> {
    let len: usize = std::str::from_utf8(environ.query())?.parse()?;
    start_response.start("200 OK", PLAIN)?;
    Ok(match environ.path() {
        b"/chunks" => tidegate::Body::chunks(chunked(len)),
        _ => pattern(len).into(),
    })
}

fn check_each(way: &Way, last: Last, meanwhile: &dyn Fn()) {
    for late in [Late::Never, Late::Behind, Late::Early, Late::AtTheEnd] {
        for reader in [Reader::Quick, Reader::Slow] {
            let lens = match (reader, way.protocol) {
                // It takes its time: of those that read at once one length will do.
                (Reader::Quick, _) => &LENS[1..2],
                (Reader::Slow, ProtocolName::Http) => &LENS[..],
                // A front end has a window for what leaves at once, and sends nothing behind its request.
                (Reader::Slow, _) => &LENS[..2],
            };
            for len in lens {
                check(way, last, late, reader, *len, meanwhile);
            }
        }
    }
}

fn check(way: &Way, last: Last, late: Late, reader: Reader, len: usize, meanwhile: &dyn Fn()) {
    let _named = Named::new(&format!("{last:?}, a byte {late:?}, a reader {reader:?}, {len} bytes"), way);
    let path = if last == Last::NoLength { "/chunks" } else { "/" };
    let target = format!("{path}?{len}");
    let request = match last {
        Last::Asked | Last::NoLength => Request::get(target),
        Last::Http10 => Request::get(target).http10(),
        Last::Refused => Request::post(target, vec![b'~'; 300_000]),
        Last::Stopped => Request::get(target).kept(),
    };
    let mut bytes = request.encode(way.protocol);
    let more = Request::get("/?1").encode(way.protocol);
    if late == Late::Behind {
        bytes.extend_from_slice(&more);
    }
    let mut client = match reader {
        Reader::Quick => Client::connect(way),
        Reader::Slow => Client::connect_small(way),
    };
    client.send(&bytes);
    let mut begun = vec![0; 100];
    let read = client.read(&mut begun).unwrap();
    meanwhile();
    // The peer may have been told meanwhile that nothing more is read, as after a refusal.
    let mut sender = client.sender();
    if late == Late::Early {
        let _ = sender.write_all(&more);
    }
    if reader == Reader::Slow || late == Late::AtTheEnd {
        thread::sleep(Duration::from_millis(20));
    }
    if late == Late::AtTheEnd {
        let _ = sender.write_all(&more);
        thread::sleep(Duration::from_millis(20));
    }
    let (rest, broken) = read_all(&mut client);
    let mut response = Response::of(&[&begun[..read], &rest].concat(), broken);
    if last == Last::Stopped && late != Late::Never {
        // The client was not told in time that there would be no more: what it asked is answered.
        assert!(response.body.len() > len && response.broken.is_none());
        response.body.truncate(len);
        response.complete = true;
    }
    assert!(response.complete, "{broken:?} after {} bytes of the body", response.body.len());
    if last == Last::Refused {
        assert_eq!(response.status, 413);
    } else {
        assert_same(&response.body, &pattern(len));
    }
}
