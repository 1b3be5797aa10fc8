//! Bodies of every size, both ways.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tidegate::Body;

use crate::client::Client;
use crate::request::Request;
use crate::support::application::{PLAIN, chunked, echo, pattern};
use crate::support::client::{Response, read_all};
use crate::support::eventually;
use crate::ways::{UNBUFFERED, Ways};

/// Uploads up to the memory's bound, one byte before and behind it, and one for a file.
const UPLOADS: [usize; 7] = [0, 1, 64 << 10, (128 << 10) - 1, 128 << 10, (128 << 10) + 1, 10 << 20];

#[test]
fn uploads_come_back() {
    let ways = Ways::to(echo);
    for len in UPLOADS {
        let body = pattern(len);
        for path in ["/", UNBUFFERED] {
            let request = Request::post(path, body.clone());
            ways.each(&format!("{len} bytes to {path}"), |way| way.ask(&request).assert_body(&body));
        }
    }
}

#[test]
fn uploads_of_unknown_length_come_back() {
    let ways = Ways::to(echo);
    for len in UPLOADS {
        let body = pattern(len);
        for path in ["/", UNBUFFERED] {
            let request = Request::post(path, body.clone()).chunked();
            ways.each(&format!("{len} bytes in chunks to {path}"), |way| {
                way.ask(&request).assert_body(&body);
            });
        }
    }
}

#[test]
fn head_tells_the_length_of_what_get_gets() {
    let ways = Ways::to(|_, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(pattern(10 << 20).into())
    });
    ways.each("HEAD", |way| {
        let response = way.ask(&Request::new("HEAD", "/"));
        response.assert_body("");
        assert_eq!(response.header("Content-Length"), Some("10485760"));
    });
}

#[test]
fn an_upload_reaches_us_as_it_is_sent() {
    const PIECES: usize = 4;
    let ways = Ways::to(echo);
    let body = pattern(PIECES << 17);
    let request = Request::post(UNBUFFERED, body.clone());
    for (is_chunked, request) in [(false, request.clone()), (true, request.chunked())] {
        ways.each(if is_chunked { "in chunks" } else { "with a length" }, |way| {
            if !way.passes_on(is_chunked) {
                return;
            }
            let bytes = request.encode(way.client_protocol());
            let before = ways.server.received();
            let mut client = Client::connect(way);
            for (n, piece) in bytes.chunks(bytes.len().div_ceil(PIECES)).enumerate() {
                client.send(piece);
                // What frames it may be less behind nginx than before it.
                let passed = (body.len() / PIECES * (n + 1)).saturating_sub(4 << 10);
                eventually("the piece is here", || ways.server.received() - before >= passed);
            }
            Response::read(client).assert_body(&body);
        });
    }
}

#[test]
fn a_large_response_is_made_as_it_is_read() {
    const LEN: usize = 16 << 20;
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let ways = Ways::to(move |environ, start_response| {
        // Without its buffers nginx waits for the client too.
        let mut fields = vec![PLAIN[0], ("X-Accel-Buffering", "no")];
        let length = LEN.to_string();
        if environ.path() == b"/length" {
            fields.push(("Content-Length", &length));
        }
        start_response.start("200 OK", fields)?;
        let counter = Arc::clone(&counter);
        let count = move |chunk: &Result<Bytes, _>| {
            counter.fetch_add(chunk.as_ref().map_or(0, Bytes::len), Ordering::SeqCst);
        };
        Ok(Body::chunks(chunked(LEN).inspect(count)))
    });
    let all = pattern(LEN);
    for path in ["/length", "/no-length"] {
        ways.each(path, |way| {
            made.store(0, Ordering::SeqCst);
            let mut client = way.send(&Request::get(path));
            eventually("the response begins", || made.load(Ordering::SeqCst) > 0);
            let mut bytes = vec![0; 1_000];
            client.read_exact(&mut bytes).unwrap();
            // The sockets hold some MiB, and nothing else holds anything.
            let ahead = made.load(Ordering::SeqCst);
            assert!(ahead < LEN, "{ahead} bytes were made before one was read");
            let (rest, broken) = read_all(&mut client);
            bytes.extend_from_slice(&rest);
            Response::of(&bytes, broken).assert_body(&all);
        });
    }
}
