//! A request's target, as nginx takes it apart: $request_uri, $document_uri and $query_string.

use super::super::Result;
use crate::protocol::percent::{self, BadEscape};

/// `/path?query` in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// As it was written.
    pub(super) uri: Vec<u8>,
    /// Percent-decoded, without dot segments and doubled slashes.
    pub(super) path: Vec<u8>,
    /// As it was written.
    pub(super) query: Vec<u8>,
}

impl Target {
    pub(super) fn parse(target: &[u8]) -> Result<Self> {
        let wrong = |why: &str| format!("{}: {why}", String::from_utf8_lossy(target));
        if !target.starts_with(b"/") {
            return Err(wrong("a path begins with /").into());
        }
        if target.iter().any(|byte| *byte == b' ' || byte.is_ascii_control()) {
            return Err(wrong("blanks and controls are percent-encoded in a path (%20)").into());
        }
        let uri = target.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mark = uri.iter().position(|byte| *byte == b'?').unwrap_or(uri.len());
        let mut decoded = Vec::with_capacity(mark);
        percent::decode(&uri[..mark], |piece| decoded.extend_from_slice(piece)).map_err(|bad| match bad {
            BadEscape::Digits => wrong("two hexadecimal digits follow a %; a % itself is %25"),
            BadEscape::Nul => wrong("no path holds %00"),
        })?;
        let path = normal(&decoded).map_err(wrong)?;
        let query = uri.get(mark + 1..).unwrap_or_default().to_vec();
        Ok(Target { uri: uri.to_vec(), path, query })
    }
}

/// Takes out dot segments and merges slashes, as nginx does after decoding.
fn normal(path: &[u8]) -> std::result::Result<Vec<u8>, &'static str> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut open = false;
    for segment in path.split(|byte| *byte == b'/') {
        open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop().ok_or("it leads above /, which nginx answers with 400")?;
            }
            segment => segments.push(segment),
        }
    }
    let mut normal = Vec::with_capacity(path.len());
    for segment in &segments {
        normal.push(b'/');
        normal.extend_from_slice(segment);
    }
    // What ends in a slash, or in a dot segment, is a folder.
    if open {
        normal.push(b'/');
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart_as_nginx_does() {
        for (target, uri, path, query) in [
            ("/", "/", "/", ""),
            ("/a/b?c=d?e", "/a/b?c=d?e", "/a/b", "c=d?e"),
            ("/a%2Fb%3Fc%25?%20", "/a%2Fb%3Fc%25?%20", "/a/b?c%", "%20"),
            ("/a?#b", "/a?", "/a", ""),
            ("//a///b/", "//a///b/", "/a/b/", ""),
            ("/a/./b/../c", "/a/./b/../c", "/a/c", ""),
            ("/a/b/..", "/a/b/..", "/a/", ""),
            ("/a/%2e%2E", "/a/%2e%2E", "/", ""),
            ("/a/.", "/a/.", "/a/", ""),
            ("/caf%C3%A9", "/caf%C3%A9", "/caf\u{e9}", ""),
        ] {
            let bytes = |text: &str| text.as_bytes().to_vec();
            let want = Target { uri: bytes(uri), path: bytes(path), query: bytes(query) };
            assert_eq!(Target::parse(target.as_bytes()).unwrap(), want, "{target}");
        }
        for target in ["", "a", "?a", "/..", "/a/../..", "/%", "/%4", "/%4g", "/%+4", "/%00", "/a b", "/a\n"]
        {
            assert!(Target::parse(target.as_bytes()).is_err(), "{target:?}");
        }
    }
}
