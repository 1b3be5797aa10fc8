//! The response: a status line, header fields, and a body up to its Content-Length or the connection's end.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use super::super::Result;
use crate::application::content_length;

/// A response's head.
pub(super) struct Head {
    /// As it came, with the empty line that ends it.
    pub(super) bytes: Vec<u8>,
    code: u16,
    content_length: Option<u64>,
}

/// A response as it comes.
pub(super) struct Reply<R> {
    reader: BufReader<R>,
    /// After how many seconds a read gives up.
    timeout: f64,
}

impl<R: Read> Reply<R> {
    /// A response read from `reader`, whose reads give up after `timeout` seconds.
    pub(super) fn new(reader: R, timeout: f64) -> Self {
        Reply { reader: BufReader::with_capacity(READ_BYTES, reader), timeout }
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
            if start == 0 && !line.starts_with(b"HTTP/1.") {
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
    pub(super) fn body(&mut self, head: &Head, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut received = 0;
        while head.content_length.is_none_or(|length| received < length) {
            let piece = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let error = told(&error, self.timeout);
                    return Err(format!(
                        "the response broke off after {received} bytes of its body: {error}"
                    )
                    .into());
                }
                Ok(piece) => piece,
            };
            if piece.is_empty() {
                return match head.content_length {
                    Some(length) => Err(format!(
                        "the response broke off after {received} of the {length} bytes of its body"
                    )
                    .into()),
                    None => Ok(()),
                };
            }
            let left = head.content_length.map_or(u64::MAX, |length| length - received);
            let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            take(&piece[..count])?;
            self.reader.consume(count);
            received += count as u64;
        }
        Ok(())
    }
}

impl Head {
    fn parse(bytes: Vec<u8>) -> Result<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let status = lines.next().unwrap_or_default();
        let code = status.split(|byte| *byte == b' ').nth(1).and_then(number).filter(|code| *code < 1_000);
        let Some(code) = code.and_then(|code| u16::try_from(code).ok()) else {
            return Err(format!("the response's status line is broken: \"{}\"", status.escape_ascii()).into());
        };
        let mut content_length = None;
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or_default();
            if line[..colon].eq_ignore_ascii_case(b"content-length") {
                let value = line[colon + 1..].trim_ascii();
                let wrong =
                    || format!("the response's Content-Length is broken: \"{}\"", value.escape_ascii());
                content_length = Some(number(value).ok_or_else(wrong)?);
            }
        }
        Ok(Head { bytes, code, content_length })
    }

    /// Whether a body follows: not if `head_only`, the answer to HEAD, nor with 204 and 304.
    pub(super) fn has_body(&self, head_only: bool) -> bool {
        !head_only && !matches!(self.code, 204 | 304)
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
