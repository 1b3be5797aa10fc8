//! What front ends write and read: uwsgi packets, FastCGI records, SCGI requests. It is the tests' own, so that a mistake of
//! the server's reading cannot be made twice, and is none of the crate's promises.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

pub(crate) mod fastcgi;
pub(crate) mod scgi;
pub(crate) mod uwsgi;

/// Names and values.
pub(crate) type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];

/// A head as text, and what is behind it.
#[track_caller]
pub(crate) fn split_head(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head in {}", bytes.escape_ascii()));
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 4..])
}
