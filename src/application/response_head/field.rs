//! What a header field may be made of, and which are not the application's.

/// What a name is made of (RFC 9110 section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Everything that field-value (RFC 9110 section 5.5) leaves out; a tab is allowed there.
pub(crate) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Whether a field is hop-by-hop, or Status: the server's to say.
pub(super) fn is_server_owned(name: &[u8]) -> bool {
    const OWNED: [&[u8]; 11] = [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"status",
        b"te",
        b"trailer",
        b"trailers",
        b"transfer-encoding",
        b"upgrade",
    ];
    // Most names end here, by their first letter.
    matches!(name[0] | 0x20, b'c' | b'k' | b'p' | b's' | b't' | b'u')
        && OWNED.iter().any(|owned| owned.eq_ignore_ascii_case(name))
}
