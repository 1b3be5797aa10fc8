//! The application of these tests: each path is one way to answer.

use std::io::Read;
use std::sync::LazyLock;
use std::sync::mpsc::Sender;

use bytes::Bytes;
use tidegate::{AppError, Body, Environ, StartResponse};

pub(crate) type Answer = Result<Body, AppError>;

const PLAIN: [(&str, &str); 1] = [("Content-Type", "text/plain")];

/// Answers by PATH_INFO; tells `closed` when a body is closed.
pub(crate) fn application(closed: Sender<()>) -> impl FnMut(Environ, StartResponse) -> Answer + Send {
    move |environ, start_response| answer(environ, &start_response, &closed)
}

fn answer(mut environ: Environ, start_response: &StartResponse, closed: &Sender<()>) -> Answer {
    let chunks = |chunks: Box<dyn Iterator<Item = Result<Bytes, AppError>>>| {
        let guard = Guard(closed.clone());
        // The guard goes when the iterator does, which owns it.
        Body::chunks(chunks.inspect(move |_| {
            let _ = &guard;
        }))
    };
    match environ.path() {
        b"/echo" => {
            let mut body = Vec::new();
            environ.input().read_to_end(&mut body)?;
            start_response.start("200 OK", PLAIN)?;
            Ok(body.into())
        }
        b"/environ" => {
            start_response.start("200 OK", PLAIN)?;
            let line =
                |(name, value): (&[u8], &[u8])| format!("{}={}\n", name.escape_ascii(), value.escape_ascii());
            Ok(environ.iter().map(line).collect::<String>().into())
        }
        b"/empty" => {
            start_response.start("200 OK", PLAIN)?;
            Ok(Body::empty())
        }
        b"/no-content" => {
            start_response.start("204 No Content", [("X-A", "1")])?;
            Ok(Body::empty())
        }
        b"/redirect" => {
            start_response.start("302 Found", [("Location", "/echo?a=1")])?;
            Ok("elsewhere".into())
        }
        // No length is known of these.
        path @ (b"/streamed" | b"/long") => {
            start_response.start("200 OK", PLAIN)?;
            let all = pattern(if path == b"/long" { LONG_BYTES } else { STREAMED_BYTES });
            Ok(chunks(Box::new(
                (0..all.len()).step_by(9_973).map(move |at| Ok(all.slice(at..all.len().min(at + 9_973)))),
            )))
        }
        b"/endless" => {
            start_response.start("200 OK", PLAIN)?;
            let chunk = pattern(ENDLESS_CHUNK_BYTES);
            Ok(chunks(Box::new(std::iter::repeat_with(move || Ok(chunk.clone())))))
        }
        b"/large" => {
            start_response.start("200 OK", PLAIN)?;
            Ok(pattern(LARGE_BYTES).into())
        }
        b"/fail" => Err(AppError::new("no such table: tides")),
        b"/fail-late" => {
            start_response.start("200 OK", PLAIN)?;
            let end = Err(AppError::new("the table is gone"));
            Ok(chunks(Box::new([Ok(Bytes::from_static(b"so far so good")), end].into_iter())))
        }
        b"/short" => {
            start_response.start("200 OK", [("Content-Length", "100")])?;
            Ok(chunks(Box::new([Ok(Bytes::from_static(b"not a hundred"))].into_iter())))
        }
        b"/hello" | b"/" => {
            start_response.start("200 OK", PLAIN)?;
            Ok("Hello, World".into())
        }
        path => {
            start_response.start("404 Not Found", PLAIN)?;
            Ok(format!("no {}\n", path.escape_ascii()).into())
        }
    }
}

/// The length of `/streamed`.
pub(crate) const STREAMED_BYTES: usize = 300_000;
/// The length of `/long`: more than the sockets of both ends hold, so that it still streams when its first bytes have come.
pub(crate) const LONG_BYTES: usize = 16 << 20;
/// The length of `/large`.
pub(crate) const LARGE_BYTES: usize = 10 << 20;
/// The length of each chunk of `/endless`: more than a record holds.
pub(crate) const ENDLESS_CHUNK_BYTES: usize = 70_000;

/// `len` bytes of which each place can be told from its neighbours.
pub(crate) fn pattern(len: usize) -> Bytes {
    // Of a prime length, so that no piece of the usual sizes fits at a wrong place.
    static PERIOD: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..65_521_u32).map(|i| (i ^ i >> 8) as u8).collect());
    let mut all = PERIOD.repeat(len / PERIOD.len() + 1);
    all.truncate(len);
    all.into()
}

/// Says so when it is dropped.
struct Guard(Sender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        // A test that does not ask is over.
        let _ = self.0.send(());
    }
}
