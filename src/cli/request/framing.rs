//! What a response's bytes are wrapped in: FastCGI's records, HTTP's chunks.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// What a FastCGI server writes to STDOUT, read out of its records up to END_REQUEST (FastCGI 1.0, section 3.3).
pub(super) struct Records<R> {
    reader: BufReader<R>,
    /// What is left of a record of STDOUT, and of its padding, bytes.
    left: usize,
    padding: usize,
    is_over: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(reader: R) -> Self {
        Records { reader: BufReader::new(reader), left: 0, padding: 0, is_over: false }
    }

    /// Goes to the next record of STDOUT. What stands on STDERR goes to ours.
    fn next(&mut self) -> io::Result<()> {
        let mut header = [0; 8];
        self.reader.read_exact(&mut header)?;
        let [version, kind, _, _, high, low, padding, _] = header;
        if version != 1 {
            return Err(wrong(format!("no record of FastCGI 1, but {}", header.escape_ascii())));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind == STDOUT {
            (self.left, self.padding) = (length, usize::from(padding));
            return Ok(());
        }
        let mut content = vec![0; length + usize::from(padding)];
        self.reader.read_exact(&mut content)?;
        match (kind, content.get(4)) {
            (END_REQUEST, Some(0)) => self.is_over = true,
            (END_REQUEST, status) => {
                return Err(wrong(format!(
                    "the server refuses the request: protocolStatus {}",
                    status.unwrap_or(&0)
                )));
            }
            (STDERR, _) => eprint!("{}", String::from_utf8_lossy(&content[..length])),
            _ => {}
        }
        Ok(())
    }
}

impl<R: Read> Read for Records<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !self.is_over {
            let padding = std::mem::take(&mut self.padding);
            self.reader.read_exact(&mut [0; 255][..padding])?;
            self.next()?;
        }
        if self.is_over {
            return Ok(0);
        }
        let count = buffer.len().min(self.left);
        let count = self.reader.read(&mut buffer[..count])?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= count;
        Ok(count)
    }
}

/// A body out of its chunks (RFC 9112, section 7.1); trailers are read and dropped.
pub(super) struct Chunks<R> {
    reader: R,
    left: u64,
    is_first: bool,
    is_over: bool,
}

impl<R: BufRead> Chunks<R> {
    pub(super) fn new(reader: R) -> Self {
        Chunks { reader, left: 0, is_first: true, is_over: false }
    }

    fn next(&mut self) -> io::Result<()> {
        if !self.is_first && !self.line()?.is_empty() {
            return Err(wrong("a chunk is longer than its size".to_owned()));
        }
        self.is_first = false;
        let line = self.line()?;
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = str::from_utf8(size).ok().filter(|size| size.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
        self.left =
            size.ok_or_else(|| wrong(format!("a chunk without a size: \"{}\"", line.escape_ascii())))?;
        if self.left == 0 {
            while !self.line()?.is_empty() {}
            self.is_over = true;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_ascii().to_vec())
    }
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.is_over {
            self.next()?;
        }
        if self.is_over {
            return Ok(0);
        }
        let count = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.reader.read(&mut buffer[..count])?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn wrong(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

const END_REQUEST: u8 = 3;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
/// A chunk's size or a trailer is no longer than this, bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut reader: impl Read) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    }

    #[test]
    fn records_are_joined_until_the_request_ends() {
        let reply = b"\x01\x06\0\x01\0\x01\x02\0hXX\x01\x0b\0\0\0\x01\0\0?\x01\x06\0\x01\0\x01\0\0i\x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(read(Records::new(&reply[..])).unwrap(), b"hi");
        for end in 0..reply.len() {
            assert_eq!(
                read(Records::new(&reply[..end])).unwrap_err().kind(),
                ErrorKind::UnexpectedEof,
                "{end}"
            );
        }
        let mut refused = *reply;
        refused[reply.len() - 4] = 3;
        assert!(read(Records::new(&refused[..])).unwrap_err().to_string().contains("protocolStatus 3"));
        assert!(read(Records::new(&b"HTTP/1.1 400"[..])).unwrap_err().to_string().contains("no record"));
    }

    #[test]
    fn chunks_are_joined_until_the_last() {
        let body = b"1\r\nh\r\n1;a=b\r\ni\r\n0\r\nA: b\r\n\r\n";
        assert_eq!(read(Chunks::new(&body[..])).unwrap(), b"hi");
        for end in 0..body.len() {
            assert!(read(Chunks::new(&body[..end])).is_err(), "{end}");
        }
        for wrong in [&b"x\r\n"[..], b"-1\r\n", b"1\r\nhi\r\n0\r\n\r\n"] {
            assert!(read(Chunks::new(wrong)).is_err());
        }
    }
}
