//! Where the figures come from: the statistics of a server, asked for by HTTP.

use std::io::{Read, Write};
use std::time::Duration;

use super::super::Result;
use super::super::request::Socket;
use super::sample::Sample;
use crate::net::listener::Address;

/// Asks for the figures of this moment.
pub(super) fn read(address: &Address) -> Result<Sample> {
    let mut socket =
        Socket::connect(address, TIME_MAX).map_err(|error| format!("cannot connect: {error}"))?;
    let failed = |error| format!("no answer: {error}");
    socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").map_err(failed)?;
    let mut bytes = Vec::new();
    socket.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let is_well = bytes.starts_with(b"HTTP/1.1 200 ");
    let body = head.filter(|_| is_well).map(|head| &bytes[head + 4..]);
    let value = body.and_then(|body| serde_json::from_slice(body).ok());
    let sample = value.as_ref().and_then(Sample::read);
    sample.ok_or_else(|| "what answers there is not what Tidegate tells of itself with --stats".into())
}

/// Time to connect, and then for each read.
const TIME_MAX: Duration = Duration::from_secs(3);
/// The longest answer, bytes: far more than that of as many workers as there may be.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
