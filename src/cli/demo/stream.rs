//! `stream`: `?chunks=N&size=BYTES&delay=MS`.
//!
//! The delay sleeps in the iterator, and so holds the worker with all its connections: exactly what a
//! synchronous application does that waits. A large `delay` beside other requests shows what that costs.

use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use crate::application::environ::Environ;
use crate::application::{AppError, Body, StartResponse};
use crate::cli::html::{plain, readable};

pub(super) fn call(environ: &Environ, start_response: &StartResponse) -> Result<Body, AppError> {
    let Plan { chunks, size, delay } = match Plan::read(environ.query()) {
        Ok(plan) => plan,
        Err(message) => return plain(start_response, "400 Bad Request", message + "\n"),
    };
    // nginx would else gather the chunks in its buffers before the client sees the first.
    start_response.start("200 OK", [("Content-Type", "text/plain"), ("X-Accel-Buffering", "no")])?;
    let chunk = chunk(size);
    Ok(Body::chunks((0..chunks).map(move |at| {
        if at > 0 && !delay.is_zero() {
            thread::sleep(delay);
        }
        Ok(chunk.clone())
    })))
}

/// What the query asks for.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    chunks: u64,
    /// Of each chunk, bytes.
    size: usize,
    /// Before each chunk but the first.
    delay: Duration,
}

impl Plan {
    fn read(query: &[u8]) -> Result<Self, String> {
        let (mut chunks, mut size, mut delay) = (10, 1_024, 0);
        for pair in query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (key, value) = (&pair[..equals], pair.get(equals + 1..).unwrap_or_default());
            match key {
                b"chunks" => chunks = number("chunks", value, 0..=1_000_000_000)?,
                b"size" => size = number("size", value, 1..=1 << 20)?,
                b"delay" => delay = number("delay", value, 0..=10_000)?,
                _ => return Err(format!("{}: unknown; write ?chunks=N&size=BYTES&delay=MS", readable(key))),
            }
        }
        let size = usize::try_from(size).expect("the range ends far below");
        Ok(Plan { chunks, size, delay: Duration::from_millis(delay) })
    }
}

fn number(key: &str, value: &[u8], range: RangeInclusive<u64>) -> Result<u64, String> {
    let wrong = || {
        format!("{key}={}: it must be a number from {} to {}", readable(value), range.start(), range.end())
    };
    let text = std::str::from_utf8(value).map_err(|_| wrong())?;
    let number = text.parse().ok().filter(|number| range.contains(number));
    // u64's own parser would take a sign.
    number.filter(|_| value.iter().all(u8::is_ascii_digit)).ok_or_else(wrong)
}

/// The bytes that every chunk shares, so that none is made for a chunk. They end with a line's end.
fn chunk(size: usize) -> Bytes {
    match TEXT.len().checked_sub(size) {
        Some(skipped) => Bytes::from_static(&TEXT[skipped..]),
        None => {
            let mut text = TEXT.repeat(size.div_ceil(TEXT.len()));
            text.drain(..text.len() - size);
            text.into()
        }
    }
}

/// Chunks up to this size cost a stream no memory at all.
static TEXT: [u8; 64 << 10] = {
    let line = *b"the tide comes in through the gate, chunk by chunk by chunk ...\n";
    let mut text = [0; 64 << 10];
    let mut at = 0;
    while at < text.len() {
        text[at] = line[at % line.len()];
        at += 1;
    }
    text
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_plan_or_a_clear_word() {
        let plan = |chunks, size, ms| Ok(Plan { chunks, size, delay: Duration::from_millis(ms) });
        assert_eq!(Plan::read(b""), plan(10, 1_024, 0));
        assert_eq!(Plan::read(b"chunks=3&size=70000&delay=5"), plan(3, 70_000, 5));
        for (query, why) in [
            ("chunks=-1", "chunks=-1: it must be a number from 0 to 1000000000"),
            ("chunks=+1", "chunks=+1: it"),
            ("size=0", "size=0: it must be a number from 1 to 1048576"),
            ("delay", "delay=: it"),
            ("delay=99999999999999999999", "delay=99999999999999999999: it"),
            ("chunk=1", "chunk: unknown"),
        ] {
            let message = Plan::read(query.as_bytes()).unwrap_err();
            assert!(message.starts_with(why), "{message}");
        }
    }

    #[test]
    fn a_chunk_has_its_size_and_ends_a_line() {
        for size in [1, 64, 1_000, 65_536, 65_537, 1 << 20] {
            let chunk = chunk(size);
            assert_eq!((chunk.len(), chunk.last()), (size, Some(&b'\n')));
        }
    }
}
