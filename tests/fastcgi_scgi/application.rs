//! The application of these tests: each path is one way to answer.

use bytes::Bytes;
use tidegate::{AppError, Environ, StartResponse};

use crate::support::application::{Alive, Answer, PLAIN, chunked, echo, hello, pattern, variables};

/// Answers by PATH_INFO; counts the bodies of more than one chunk.
pub(crate) fn application(bodies: Alive) -> impl FnMut(Environ, StartResponse) -> Answer + Send {
    move |environ, start_response| answer(environ, start_response, &bodies)
}

fn answer(environ: Environ, start_response: StartResponse, bodies: &Alive) -> Answer {
    match environ.path() {
        b"/echo" => echo(environ, start_response),
        b"/environ" => variables(environ, start_response),
        b"/hello" | b"/" => hello(environ, start_response),
        // No length is known of these.
        path @ (b"/streamed" | b"/long") => {
            start_response.start("200 OK", PLAIN)?;
            Ok(bodies.body(chunked(if path == b"/long" { LONG_BYTES } else { STREAMED_BYTES })))
        }
        b"/endless" => {
            start_response.start("200 OK", PLAIN)?;
            let chunk = Bytes::from(pattern(ENDLESS_CHUNK_BYTES));
            Ok(bodies.body(std::iter::repeat_with(move || Ok(chunk.clone()))))
        }
        b"/fail" => Err(AppError::new("no such table: tides")),
        b"/fail-late" => {
            start_response.start("200 OK", PLAIN)?;
            let end = Err(AppError::new("the table is gone"));
            Ok(bodies.body([Ok(Bytes::from_static(b"so far so good")), end]))
        }
        b"/short" => {
            start_response.start("200 OK", [("Content-Length", "100")])?;
            Ok(bodies.body([Ok(Bytes::from_static(b"not a hundred"))]))
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
/// The length of each chunk of `/endless`: more than a record holds.
pub(crate) const ENDLESS_CHUNK_BYTES: usize = 70_000;
