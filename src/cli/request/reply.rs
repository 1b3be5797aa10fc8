//! The response: a status line or a `Status` field, header fields, and a body up to its Content-Length or the end of what
//! it comes in.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use super::super::Result;
use super::framing::{Chunks, Unwrapped};
use crate::application::content_length;

/// A response's head.
pub(in crate::cli) struct Head {
    /// As it came, with the empty line that ends it.
    pub(super) bytes: Vec<u8>,
    code: u16,
    content_length: Option<u64>,
    is_chunked: bool,
    closes: bool,
}

/// A response as it comes.
pub(super) struct Reply<R> {
    reader: BufReader<R>,
    /// After how many seconds a read gives up.
    timeout: f64,
    /// Whether the head may do without a status line, as CGI has it (RFC 3875, section 6.2): FastCGI's and SCGI's does.
    is_cgi: bool,
}

impl<R: Read> Reply<R> {
    /// A response read from `reader`, whose reads give up after `timeout` seconds.
    pub(super) fn new(reader: R, timeout: f64, is_cgi: bool) -> Self {
        Reply { reader: BufReader::with_capacity(READ_BYTES, reader), timeout, is_cgi }
    }

    /// Reads the head.
    pub(super) fn head(&mut self) -> Result<Head> {
        let (mut bytes, timeout) = (Vec::new(), self.timeout);
        let mut reader = self.reader.by_ref().take(HEAD_BYTES_MAX);
        loop {
            let start = bytes.len();
            if let Err(error) = reader.read_until(b'\n', &mut bytes) {
                let what =
                    if bytes.is_empty() { "no response" } else { "the response broke off in its head" };
                return Err(format!("{what}: {}", told(&error, timeout)).into());
            }
            let line = &bytes[start..];
            if bytes.is_empty() {
                return Err("no response: the server closed the connection".into());
            }
            if start == 0 && !self.is_cgi && !line.starts_with(b"HTTP/1.") {
                let begin = line[..line.len().min(40)].escape_ascii();
                return Err(format!("the response has no status line; it begins with \"{begin}\"").into());
            }
            if !line.ends_with(b"\n") {
                let bytes = bytes.len();
                return Err(format!("the response broke off in its head, after {bytes} bytes").into());
            }
            if line.trim_ascii().is_empty() {
                return Head::parse(bytes);
            }
        }
    }

    /// Reads the body that belongs to `head`, and hands on each piece as it comes.
    pub(super) fn body(self, head: &Head, take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Reply { reader, timeout, .. } = self;
        if head.is_chunked {
            return body(BufReader::new(Unwrapped::new(reader, Chunks::default())), timeout, head, take);
        }
        body(reader, timeout, head, take)
    }
}

fn body(
    mut reader: impl BufRead,
    timeout: f64,
    head: &Head,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut received = 0;
    while head.content_length.is_none_or(|length| received < length) {
        let piece = match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                let error = told(&error, timeout);
                return Err(
                    format!("the response broke off after {received} bytes of its body: {error}").into()
                );
            }
            Ok(piece) => piece,
        };
        if piece.is_empty() {
            return match head.content_length {
                Some(length) => {
                    Err(format!("the response broke off after {received} of the {length} bytes of its body")
                        .into())
                }
                None => Ok(()),
            };
        }
        let left = head.content_length.map_or(u64::MAX, |length| length - received);
        let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        take(&piece[..count])?;
        reader.consume(count);
        received += count as u64;
    }
    Ok(())
}

impl Head {
    /// A head with the empty line that ends it.
    pub(in crate::cli) fn parse(bytes: Vec<u8>) -> Result<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let status = lines.next().unwrap_or_default();
        let code = match status.starts_with(b"HTTP/1.") {
            true => status.split(|byte| *byte == b' ').nth(1).and_then(number),
            false => cgi_code(&bytes),
        };
        let code = code.filter(|code| *code < 1_000);
        let Some(code) = code.and_then(|code| u16::try_from(code).ok()) else {
            return Err(format!("the response's status line is broken: \"{}\"", status.escape_ascii()).into());
        };
        let (mut content_length, mut is_chunked, mut closes) = (None, false, status.starts_with(b"HTTP/1.0"));
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or_default();
            if line[..colon].eq_ignore_ascii_case(b"content-length") {
                let value = line[colon + 1..].trim_ascii();
                let wrong =
                    || format!("the response's Content-Length is broken: \"{}\"", value.escape_ascii());
                let length = number(value).ok_or_else(wrong)?;
                // RFC 9112, section 6.3: a list of different ones cannot be mended.
                if content_length.is_some_and(|other| other != length) {
                    return Err("the response has two Content-Lengths that differ".into());
                }
                content_length = Some(length);
            } else if line[..colon].eq_ignore_ascii_case(b"transfer-encoding") {
                is_chunked = line[colon + 1..].trim_ascii().eq_ignore_ascii_case(b"chunked");
            } else if line[..colon].eq_ignore_ascii_case(b"connection") {
                closes = !line[colon + 1..].trim_ascii().eq_ignore_ascii_case(b"keep-alive");
            }
        }
        // RFC 9112, section 6.3: the chunks say where the body ends.
        let content_length = content_length.filter(|_| !is_chunked);
        Ok(Head { bytes, code, content_length, is_chunked, closes })
    }

    /// What it was parsed from.
    pub(in crate::cli) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Its status code.
    pub(in crate::cli) fn code(&self) -> u16 {
        self.code
    }

    /// The length that it tells of its body, bytes, if that is what ends it.
    pub(in crate::cli) fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether chunks say where the body ends.
    pub(in crate::cli) fn is_chunked(&self) -> bool {
        self.is_chunked
    }

    /// Whether an HTTP server closes the connection behind it.
    pub(in crate::cli) fn closes(&self) -> bool {
        self.closes
    }

    /// Whether a body follows: not if `head_only`, the answer to HEAD, nor with 204 and 304.
    pub(in crate::cli) fn has_body(&self, head_only: bool) -> bool {
        !head_only && !matches!(self.code, 204 | 304)
    }
}

/// The code of a head without a status line: that of `Status`, else 200.
fn cgi_code(head: &[u8]) -> Option<u64> {
    let lines = head.split(|byte| *byte == b'\n');
    let status = lines
        .filter_map(|line| line.split_at_checked(7))
        .find(|(name, _)| name.eq_ignore_ascii_case(b"status:"));
    match status {
        Some((_, value)) => value.trim_ascii().split(|byte| *byte == b' ').next().and_then(number),
        None => Some(200),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    content_length::parse(digits).ok()
}

/// A read's failure in words.
fn told(error: &io::Error, timeout: f64) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("nothing came for {timeout} s (--timeout)"),
        _ => error.to_string(),
    }
}

/// A response's head is no longer than this, bytes; no front end takes so much.
const HEAD_BYTES_MAX: u64 = 1 << 20;
/// Read at once, bytes.
const READ_BYTES: usize = 64 << 10;
