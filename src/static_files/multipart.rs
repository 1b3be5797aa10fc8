//! Several pieces of a file in one body: multipart/byteranges (RFC 9110 section 14.6).

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

/// The texts around the pieces.
pub(super) struct Multipart<'a> {
    boundary: String,
    media_type: &'a str,
    len: u64,
}

impl<'a> Multipart<'a> {
    /// For pieces of a file of `len` bytes and this type. Nobody can have written the boundary into the file.
    pub(super) fn new(media_type: &'a str, len: u64) -> Self {
        // Each has keys of its own, which began with random ones.
        let [one, other] = [(), ()].map(|()| RandomState::new().build_hasher().finish());
        Multipart { boundary: format!("{one:016x}{other:016x}"), media_type, len }
    }

    /// Content-Type of the whole.
    pub(super) fn media_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// What goes before a piece.
    pub(super) fn before(&self, piece: &Range<u64>, is_first: bool) -> String {
        let line_end = if is_first { "" } else { "\r\n" };
        format!(
            "{line_end}--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
            self.boundary,
            self.media_type,
            content_range(piece, self.len)
        )
    }

    /// What goes behind the last.
    pub(super) fn end(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }
}

/// Content-Range of a piece.
pub(super) fn content_range(piece: &Range<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", piece.start, piece.end - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_told_apart() {
        let multipart = Multipart::new("text/plain", 10);
        let boundary = multipart.media_type().split_once("boundary=").unwrap().1.to_owned();
        assert_eq!(boundary.len(), 32);
        assert_eq!(
            multipart.before(&(0..1), true),
            format!("--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n")
        );
        assert!(multipart.before(&(4..10), false).starts_with("\r\n--"));
        assert_eq!(multipart.end(), format!("\r\n--{boundary}--\r\n"));
        assert_ne!(Multipart::new("text/plain", 10).media_type(), multipart.media_type());
    }
}
