//! What a response's bytes are wrapped in: FastCGI's records, HTTP's chunks.

use std::io::{self, BufRead, ErrorKind, Read};
use std::ops::RangeInclusive;

use super::protocol::REQUEST_ID;

/// A wrapping, which is taken off piece by piece as the bytes come.
pub(in crate::cli) trait Framing {
    /// Looks at `bytes`, at least one, which follow what was taken before.
    fn next(&mut self, bytes: &[u8]) -> io::Result<Piece>;

    /// Whether all that was wrapped has come.
    fn is_over(&self) -> bool;
}

/// The first of the bytes that a [`Framing`] looked at: they are done with.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Piece {
    pub(in crate::cli) taken: usize,
    /// Whether they are of the content, and not of the wrapping.
    pub(in crate::cli) is_content: bool,
}

/// What a reader gives without its wrapping.
pub(super) struct Unwrapped<R, F> {
    reader: R,
    framing: F,
}

impl<R: BufRead, F: Framing> Unwrapped<R, F> {
    pub(super) fn new(reader: R, framing: F) -> Self {
        Unwrapped { reader, framing }
    }
}

impl<R: BufRead, F: Framing> Read for Unwrapped<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.framing.is_over() {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let bytes = &bytes[..bytes.len().min(buffer.len())];
            let Piece { taken, is_content } = self.framing.next(bytes)?;
            if is_content {
                buffer[..taken].copy_from_slice(&bytes[..taken]);
            }
            self.reader.consume(taken);
            if is_content {
                return Ok(taken);
            }
        }
        Ok(0)
    }
}

/// What a FastCGI server writes to STDOUT, out of its records up to END_REQUEST (FastCGI 1.0, section 3.3).
#[derive(Clone, Copy)]
pub(in crate::cli) struct Records {
    /// The header of the record, of which so many bytes are there.
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    /// What is left of the record's content, and of its padding, bytes.
    left: usize,
    padding: usize,
    is_over: bool,
    /// Is told what stands on STDERR.
    tell: fn(&[u8]),
}

impl Records {
    pub(in crate::cli) fn new(tell: fn(&[u8])) -> Self {
        Records { header: [0; 8], header_bytes: 0, left: 0, padding: 0, is_over: false, tell }
    }

    fn header(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(HEADER_BYTES - self.header_bytes);
        self.header[self.header_bytes..][..taken].copy_from_slice(&bytes[..taken]);
        self.header_bytes += taken;
        if self.header_bytes == HEADER_BYTES {
            let [version, kind, id_high, id_low, high, low, padding, _] = self.header;
            if version != 1 {
                return Err(wrong(format!("no record of FastCGI 1, but {}", self.header.escape_ascii())));
            }
            let id = u16::from_be_bytes([id_high, id_low]);
            // One about the connection is no part of a reply (section 4).
            let is_management = id == 0 && MANAGEMENT.contains(&kind);
            if id != REQUEST_ID && !is_management {
                return Err(wrong(format!("a record of request {id}, and {REQUEST_ID} is what was asked")));
            }
            self.left = usize::from(u16::from_be_bytes([high, low]));
            self.padding = usize::from(padding);
            if kind == END_REQUEST && self.left != END_REQUEST_BYTES {
                return Err(wrong(format!("an END_REQUEST of {} bytes", self.left)));
            }
            self.end_record();
        }
        Ok(taken)
    }

    fn content(&mut self, bytes: &[u8]) -> io::Result<Piece> {
        let taken = bytes.len().min(self.left);
        let (kind, bytes) = (self.header[1], &bytes[..taken]);
        if kind == END_REQUEST {
            // The protocolStatus is its fifth byte.
            let status = (self.left + 4).checked_sub(END_REQUEST_BYTES).and_then(|at| bytes.get(at));
            if let Some(status @ 1..) = status {
                return Err(wrong(format!("the server refuses the request: protocolStatus {status}")));
            }
        }
        if kind == STDERR {
            (self.tell)(bytes);
        }
        self.left -= taken;
        self.end_record();
        Ok(Piece { taken, is_content: kind == STDOUT })
    }

    fn end_record(&mut self) {
        if self.left == 0 && self.padding == 0 {
            self.header_bytes = 0;
            self.is_over = self.header[1] == END_REQUEST;
        }
    }
}

impl Framing for Records {
    fn next(&mut self, bytes: &[u8]) -> io::Result<Piece> {
        if self.header_bytes < HEADER_BYTES {
            return Ok(Piece { taken: self.header(bytes)?, is_content: false });
        }
        if self.left > 0 {
            return self.content(bytes);
        }
        let taken = bytes.len().min(self.padding);
        self.padding -= taken;
        self.end_record();
        Ok(Piece { taken, is_content: false })
    }

    fn is_over(&self) -> bool {
        self.is_over
    }
}

/// A body out of its chunks (RFC 9112, section 7.1); trailers are dropped.
#[derive(Clone, Default)]
pub(in crate::cli) struct Chunks {
    /// What has come of a line.
    line: Vec<u8>,
    /// What is left of a chunk's content, bytes.
    left: u64,
    next: Next,
}

/// What follows in a chunked body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Size,
    /// A chunk, and then the end of its line.
    Content,
    ContentEnd,
    Trailer,
    Nothing,
}

impl Chunks {
    /// A line has come whole.
    fn end_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii();
        self.next = match self.next {
            Next::ContentEnd if !line.is_empty() => {
                return Err(wrong("a chunk is longer than its size".to_owned()));
            }
            Next::ContentEnd => Next::Size,
            Next::Trailer if line.is_empty() => Next::Nothing,
            Next::Trailer => Next::Trailer,
            _ => {
                let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
                let size = str::from_utf8(size)
                    .ok()
                    .filter(|size| size.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
                self.left = size
                    .ok_or_else(|| wrong(format!("a chunk without a size: \"{}\"", line.escape_ascii())))?;
                if self.left == 0 { Next::Trailer } else { Next::Content }
            }
        };
        Ok(())
    }
}

impl Framing for Chunks {
    fn next(&mut self, bytes: &[u8]) -> io::Result<Piece> {
        if self.next == Next::Content {
            let taken = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= taken as u64;
            if self.left == 0 {
                self.next = Next::ContentEnd;
            }
            return Ok(Piece { taken, is_content: true });
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.line.extend_from_slice(&bytes[..taken]);
        if self.line.len() > LINE_BYTES_MAX {
            return Err(wrong(format!("a line between chunks is longer than {LINE_BYTES_MAX} bytes")));
        }
        if end.is_some() {
            self.end_line()?;
        }
        Ok(Piece { taken, is_content: false })
    }

    fn is_over(&self) -> bool {
        self.next == Next::Nothing
    }
}

fn wrong(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

const HEADER_BYTES: usize = 8;
const END_REQUEST: u8 = 3;
const END_REQUEST_BYTES: usize = 8;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
/// GET_VALUES, GET_VALUES_RESULT and UNKNOWN_TYPE.
const MANAGEMENT: RangeInclusive<u8> = 9..=11;
/// A chunk's size or a trailer is no longer than this, bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The same for reads of every length up to that of the whole.
    fn read<F: Framing>(bytes: &[u8], framing: impl Fn() -> F) -> io::Result<Vec<u8>> {
        let read = |capacity| {
            let mut all = Vec::new();
            let reader = io::BufReader::with_capacity(capacity, bytes);
            Unwrapped::new(reader, framing()).read_to_end(&mut all).map(|_| all)
        };
        let whole = read(bytes.len().max(1));
        for capacity in 1..bytes.len() {
            assert_eq!(read(capacity).ok(), whole.as_ref().ok().cloned(), "{capacity}");
        }
        whole
    }

    fn records(bytes: &[u8]) -> io::Result<Vec<u8>> {
        read(bytes, || Records::new(|_| {}))
    }

    fn chunks(bytes: &[u8]) -> io::Result<Vec<u8>> {
        read(bytes, Chunks::default)
    }

    #[test]
    fn records_are_joined_until_the_request_ends() {
        let reply = b"\x01\x06\0\x01\0\x01\x02\0hXX\x01\x0b\0\0\0\x01\0\0?\x01\x06\0\x01\0\x01\0\0i\x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(records(&reply[..]).unwrap(), b"hi");
        for end in 0..reply.len() {
            assert_eq!(records(&reply[..end]).unwrap_err().kind(), ErrorKind::UnexpectedEof, "{end}");
        }
        let mut refused = *reply;
        refused[reply.len() - 4] = 3;
        assert!(records(&refused[..]).unwrap_err().to_string().contains("protocolStatus 3"));
        assert!(records(&b"HTTP/1.1 400"[..]).unwrap_err().to_string().contains("no record"));
        for (kind, id) in [(6, 2), (7, 2), (3, 2), (6, 0), (11, 258)] {
            let [high, low] = u16::to_be_bytes(id);
            let other = [&[1, kind, high, low, 0, 8, 0, 0], &[0; 8][..]].concat();
            let line = format!("a record of request {id}, and 1 is what was asked");
            assert_eq!(records(&other).unwrap_err().to_string(), line);
        }
    }

    #[test]
    fn chunks_are_joined_until_the_last() {
        let body = b"1\r\nh\r\n1;a=b\r\ni\r\n0\r\nA: b\r\n\r\n";
        assert_eq!(chunks(&body[..]).unwrap(), b"hi");
        for end in 0..body.len() {
            assert!(chunks(&body[..end]).is_err(), "{end}");
        }
        for wrong in [&b"x\r\n"[..], b"-1\r\n", b"1\r\nhi\r\n0\r\n\r\n"] {
            assert!(chunks(wrong).is_err());
        }
    }
}
