//! Percent-encoding (RFC 3986 section 2.1) and hexadecimal, decoded.

/// An escape that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadEscape {
    /// No two hexadecimal digits follow the percent sign.
    Digits,
    /// It encodes NUL, which no file, no database and no C library takes.
    Nul,
}

/// Decodes each %XX of `path`, once, and hands its pieces to `out`.
pub(crate) fn decode(path: &[u8], mut out: impl FnMut(&[u8])) -> Result<(), BadEscape> {
    let mut rest = path;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out(&rest[..at]);
        let ([high, low], behind) = rest[at + 1..].split_first_chunk().ok_or(BadEscape::Digits)?;
        match (hex_digit(*high), hex_digit(*low)) {
            (Some(0), Some(0)) => return Err(BadEscape::Nul),
            (Some(high), Some(low)) => out(&[high << 4 | low]),
            _ => return Err(BadEscape::Digits),
        }
        rest = behind;
    }
    out(rest);
    Ok(())
}

pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once() {
        let decode = |path: &str| {
            let mut out = Vec::new();
            decode(path.as_bytes(), |bytes| out.extend_from_slice(bytes)).map(|()| out)
        };
        assert_eq!(decode("/a%20b%2Fc%E9").unwrap(), b"/a b/c\xe9");
        assert_eq!(decode("/%2541").unwrap(), b"/%41");
        for path in ["/%", "/%4", "/%zz", "/%+1"] {
            assert_eq!(decode(path), Err(BadEscape::Digits), "{path}");
        }
        assert_eq!(decode("/%00"), Err(BadEscape::Nul));
    }
}
