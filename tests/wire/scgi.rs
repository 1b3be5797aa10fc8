//! A netstring of CONTENT_LENGTH and the other headers, and the body.

use super::Pairs;

/// A request: CONTENT_LENGTH, SCGI, then these headers.
pub(crate) fn request(pairs: Pairs<'_>, body: &[u8]) -> Vec<u8> {
    [head(pairs, body.len()), body.to_vec()].concat()
}

/// The same up to its body of `len` bytes.
pub(crate) fn head(pairs: Pairs<'_>, len: usize) -> Vec<u8> {
    let len = len.to_string();
    let mut all: Vec<(&[u8], &[u8])> = vec![(b"CONTENT_LENGTH", len.as_bytes()), (b"SCGI", b"1")];
    all.extend_from_slice(pairs);
    raw(&all)
}

/// These headers and no others.
pub(crate) fn raw(pairs: Pairs<'_>) -> Vec<u8> {
    let strings = pairs.iter().flat_map(|(name, value)| [*name, *value]);
    let headers: Vec<u8> = strings.flat_map(|string| [string, b"\0"].concat()).collect();
    [format!("{}:", headers.len()).as_bytes(), &headers, b","].concat()
}

pub(crate) fn get(path: &str) -> Vec<u8> {
    request(&[(b"REQUEST_METHOD", b"GET"), (b"PATH_INFO", path.as_bytes())], b"")
}

/// A POST up to its body of `len` bytes.
pub(crate) fn post_head(path: &str, len: usize) -> Vec<u8> {
    head(&[(b"REQUEST_METHOD", b"POST"), (b"PATH_INFO", path.as_bytes())], len)
}

pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    [post_head(path, body.len()).as_slice(), body].concat()
}
