//! The head of a response: validated when it is given, then bytes.
//!
//! What an application may not say (a line break, a hop-by-hop field, two lengths) is refused here, at the call
//! that says it, so that no protocol has to look again.

mod error;
mod field;

use std::ops::Range;

use super::content_length;
pub use error::HeadError;
use field::is_server_owned;
pub(crate) use field::{is_control, is_token};

/// A status and its header fields, checked, ready for a protocol to put on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    code: u16,
    /// `200 OK`, then each field as `Name: value` CR LF.
    bytes: Vec<u8>,
    status_len: usize,
    content_length: Option<u64>,
    /// The Content-Length was not given, but set by the server.
    length_is_added: bool,
    has_date: bool,
    has_server: bool,
}

impl ResponseHead {
    /// Checks `status` (`"200 OK"`) and `headers`, which together may take `bytes_max` bytes.
    ///
    /// A name must be a token and a value free of controls (RFC 9110 sections 5.1 and 5.5). Content-Length may
    /// stand once, digits alone; with 204 it is left out, as section 8.6 wants, and with 205 it is 0, whatever was
    /// given (section 15.3.6). Hop-by-hop fields, and
    /// `Status`, which CGI would take for the status line, are the server's business.
    pub fn new<N, V>(
        status: impl AsRef<[u8]>,
        headers: impl IntoIterator<Item = (N, V)>,
        bytes_max: usize,
    ) -> Result<Self, HeadError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let status = status.as_ref();
        let code = check_status(status)?;
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(status);
        let mut head = ResponseHead {
            code,
            bytes,
            status_len: status.len(),
            content_length: None,
            length_is_added: false,
            has_date: false,
            has_server: false,
        };
        for (name, value) in headers {
            head.field(name.as_ref(), value.as_ref())?;
            if head.bytes.len() > bytes_max {
                return Err(HeadError::TooLong { bytes_max });
            }
        }
        if code == RESET_CONTENT {
            head.write_length(0);
        }
        Ok(head)
    }

    /// The status code, 200 to 999.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// `200 OK`.
    pub fn status(&self) -> &[u8] {
        &self.bytes[..self.status_len]
    }

    /// The fields, each `Name: value` and CR LF.
    pub fn fields(&self) -> &[u8] {
        &self.bytes[self.status_len..]
    }

    /// The fields' names and values, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields().split_inclusive(|byte| *byte == b'\n').map(|line| {
            let colon =
                line.iter().position(|byte| *byte == b':').expect("field() writes a colon in each line");
            (&line[..colon], &line[colon + 2..line.len() - 2])
        })
    }

    /// Content-Length, bytes, if it was given or set.
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether the Content-Length is the server's own, and not the application's.
    pub fn is_length_added(&self) -> bool {
        self.length_is_added
    }

    /// Whether the application gave a Date of its own.
    pub fn has_date(&self) -> bool {
        self.has_date
    }

    /// Whether the application gave a Server of its own.
    pub fn has_server(&self) -> bool {
        self.has_server
    }

    /// Sets the Content-Length of a body whose length the server knows, unless one was given or the status has
    /// no body.
    pub fn set_content_length(&mut self, length: u64) {
        if self.content_length.is_none() && self.allows_body() {
            self.write_length(length);
        }
    }

    /// Whether a response of this status may carry a body: not 204, 205 nor 304 (RFC 9110 sections 15.3.5, 15.3.6,
    /// 15.4.5).
    pub fn allows_body(&self) -> bool {
        !matches!(self.code, 204 | RESET_CONTENT | 304)
    }

    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadError> {
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(HeadError::Name { name: text(name) });
        }
        if let Some(offset) = value.iter().position(|byte| is_control(*byte)) {
            return Err(HeadError::Value { name: text(name), offset, byte: value[offset] });
        }
        if is_server_owned(name) {
            return Err(HeadError::ServerOwned { name: text(name) });
        }
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = content_length::parse(value).map_err(|_| match value {
                list if content_length::is_given_twice(list) => HeadError::ContentLengthTwice,
                value => HeadError::ContentLength { value: text(value) },
            })?;
            if self.content_length.replace(length).is_some() {
                return Err(HeadError::ContentLengthTwice);
            }
            if matches!(self.code, 204 | RESET_CONTENT) {
                return Ok(());
            }
        }
        self.has_date |= name.eq_ignore_ascii_case(b"date");
        self.has_server |= name.eq_ignore_ascii_case(b"server");
        self.write_field(name, value);
        Ok(())
    }

    /// Adds fields behind the application's own, whatever those are called. One that cannot be is left out.
    pub(crate) fn add_fields(&mut self, fields: &[(String, String)]) {
        for (name, value) in fields {
            let added = self.field(name.as_bytes(), value.as_bytes());
            debug_assert!(added.is_ok(), "they were looked at when they were given: {added:?}");
        }
    }

    /// The server's own Content-Length.
    fn write_length(&mut self, length: u64) {
        self.content_length = Some(length);
        self.length_is_added = true;
        self.write_field(b"Content-Length", itoa::Buffer::new().format(length).as_bytes());
    }

    fn write_field(&mut self, name: &[u8], value: &[u8]) {
        for part in [name, b": ", value, b"\r\n"] {
            self.bytes.extend_from_slice(part);
        }
    }
}

/// A response that has no content, and whose Content-Length may be 0 alone.
const RESET_CONTENT: u16 = 205;

/// Status codes that are a final response. Three digits reach 999, and proxies pass those above 599.
const FINAL: Range<u16> = 200..1000;

fn check_status(status: &[u8]) -> Result<u16, HeadError> {
    let bad = || HeadError::Status { status: text(status) };
    let (digits, rest) = status.split_first_chunk::<3>().ok_or_else(bad)?;
    if !digits.iter().all(u8::is_ascii_digit)
        || rest.first() != Some(&b' ')
        || rest.iter().any(|b| is_control(*b))
    {
        return Err(bad());
    }
    let code = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    if FINAL.contains(&code) { Ok(code) } else { Err(HeadError::Code { code }) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: &str, headers: &[(&str, &str)]) -> Result<ResponseHead, HeadError> {
        ResponseHead::new(status, headers.iter().copied(), 1_000)
    }

    #[test]
    fn a_good_head_is_bytes_in_order() {
        let head = head(
            "404 Not Found",
            &[("Content-Type", "text/plain"), ("X-A", " b\tc "), ("Content-Length", "3")],
        );
        let head = head.unwrap();
        assert_eq!((head.code(), head.content_length()), (404, Some(3)));
        assert_eq!(head.status(), b"404 Not Found");
        assert_eq!(head.fields(), b"Content-Type: text/plain\r\nX-A: b\tc\r\nContent-Length: 3\r\n");
        let fields: Vec<_> = head.iter().collect();
        assert_eq!(fields[1], (b"X-A".as_slice(), b"b\tc".as_slice()));
    }

    #[test]
    fn a_status_is_three_digits_a_space_and_a_reason() {
        for status in ["", "200", "20 OK", "2000 OK", "OK", "200 O\r\nK", "200 \0", "a00 OK", "200\tOK"] {
            assert!(matches!(head(status, &[]), Err(HeadError::Status { .. })), "{status:?}");
        }
        for status in ["100 Continue", "101 Switching Protocols", "000 Nothing"] {
            assert!(matches!(head(status, &[]), Err(HeadError::Code { .. })), "{status:?}");
        }
        for status in ["200 ", "200 OK", "999 \u{e9}"] {
            assert!(head(status, &[]).is_ok(), "{status:?}");
        }
    }

    #[test]
    fn nothing_splits_a_response() {
        for name in ["", "a b", "a:", "a\r\nb", "caf\u{e9}", "a\0"] {
            assert!(matches!(head("200 OK", &[(name, "x")]), Err(HeadError::Name { .. })), "{name:?}");
        }
        for value in ["a\r\nb", "a\nb", "a\rb", "a\0", "\x7f", "\x1b", "a\r\n"] {
            assert!(matches!(head("200 OK", &[("X", value)]), Err(HeadError::Value { .. })), "{value:?}");
        }
    }

    #[test]
    fn hop_by_hop_fields_are_the_servers() {
        for name in ["Connection", "KEEP-ALIVE", "Transfer-Encoding", "te", "Trailer", "Upgrade", "Status"] {
            assert!(matches!(head("200 OK", &[(name, "x")]), Err(HeadError::ServerOwned { .. })), "{name}");
        }
        assert!(
            head("200 OK", &[("Server", "x"), ("Date", "x"), ("Set-Cookie", "a"), ("Set-Cookie", "b")])
                .is_ok()
        );
    }

    #[test]
    fn a_content_length_is_one_number() {
        for value in ["", "-1", "+1", "1 2", "0x1", "99999999999999999999"] {
            let got = head("200 OK", &[("content-length", value)]);
            assert!(matches!(got, Err(HeadError::ContentLength { .. })), "{value:?}");
        }
        let twice = head("200 OK", &[("Content-Length", "1"), ("content-length", "1")]);
        assert_eq!(twice, Err(HeadError::ContentLengthTwice));
        assert_eq!(head("200 OK", &[("Content-Length", "5, 5")]), Err(HeadError::ContentLengthTwice));
        let words = HeadError::ContentLengthTwice.to_string();
        assert_eq!(words, "Content-Length is given twice: give it once, as one number");
        for value in ["5,", "5, x", ","] {
            let got = head("200 OK", &[("Content-Length", value)]);
            assert!(matches!(got, Err(HeadError::ContentLength { .. })), "{value:?}");
        }
    }

    #[test]
    fn a_known_length_is_set_where_a_body_may_be() {
        let mut given = head("200 OK", &[("Content-Length", "5")]).unwrap();
        given.set_content_length(7);
        assert_eq!(given.fields(), b"Content-Length: 5\r\n");
        let mut unknown = head("200 OK", &[]).unwrap();
        unknown.set_content_length(7);
        assert_eq!(unknown.fields(), b"Content-Length: 7\r\n");
        for status in ["204 No Content", "304 Not Modified"] {
            let mut bodyless = head(status, &[]).unwrap();
            bodyless.set_content_length(7);
            assert_eq!(bodyless.fields(), b"");
        }
        assert_eq!(head("204 No Content", &[("Content-Length", "0")]).unwrap().fields(), b"");
    }

    #[test]
    fn a_205_has_the_length_0_whatever_was_given() {
        for given in [
            &[("X", "y")][..],
            &[("Content-Length", "5"), ("X", "y")],
            &[("content-length", "0"), ("X", "y")],
        ] {
            let mut reset = head("205 Reset Content", given).unwrap();
            reset.set_content_length(7);
            assert_eq!(reset.fields(), b"X: y\r\nContent-Length: 0\r\n");
            assert_eq!(
                (reset.content_length(), reset.is_length_added(), reset.allows_body()),
                (Some(0), true, false)
            );
        }
        let wrong = [("Content-Length", "5"), ("Content-Length", "5")];
        assert_eq!(head("205 Reset Content", &wrong), Err(HeadError::ContentLengthTwice));
    }

    #[test]
    fn a_head_has_a_bound() {
        let long = "x".repeat(2_000);
        assert_eq!(head("200 OK", &[("X", &long)]), Err(HeadError::TooLong { bytes_max: 1_000 }));
    }
}
