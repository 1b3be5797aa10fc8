//! The request's body: in memory up to a bound, then in an unlinked temporary file.
//!
//! A synchronous application must never wait on the socket, so the body is complete before it is called.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};

use crate::process::descriptors;

/// A request's body, `Read + BufRead + Seek`; it ends at CONTENT_LENGTH.
///
/// It has no file descriptor to hand out: what is not kept in memory has no name and closes with the request.
#[derive(Debug, Default)]
pub struct Input {
    store: Store,
    len: u64,
}

impl Input {
    /// The body's length, bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the request has no body.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends what has arrived. Beyond `memory_bytes_max` the whole body moves to a temporary file; its errors
    /// (a full disk) are the caller's to report.
    pub(crate) fn append(&mut self, bytes: &[u8], memory_bytes_max: usize) -> io::Result<()> {
        if let Store::Memory(memory) = &mut self.store {
            let kept = memory.get_mut();
            if kept.len() + bytes.len() <= memory_bytes_max {
                kept.extend_from_slice(bytes);
                self.len += bytes.len() as u64;
                return Ok(());
            }
            let mut file = descriptors::temporary_file()?;
            file.write_all(kept)?;
            self.store = Store::File(BufReader::with_capacity(FILE_BUFFER_BYTES, file));
        }
        if let Store::File(reader) = &mut self.store {
            reader.get_mut().write_all(bytes)?;
            self.len += bytes.len() as u64;
        }
        Ok(())
    }
}

impl From<Vec<u8>> for Input {
    fn from(body: Vec<u8>) -> Self {
        Input { len: body.len() as u64, store: Store::Memory(Cursor::new(body)) }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.store {
            Store::Memory(memory) => memory.read(buffer),
            Store::File(file) => file.read(buffer),
        }
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.store {
            Store::Memory(memory) => memory.fill_buf(),
            Store::File(file) => file.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.store {
            Store::Memory(memory) => memory.consume(amount),
            Store::File(file) => file.consume(amount),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.store {
            Store::Memory(memory) => memory.seek(to),
            Store::File(file) => file.seek(to),
        }
    }
}

/// What is read from the temporary file at once, bytes.
const FILE_BUFFER_BYTES: usize = 64 << 10;

#[derive(Debug)]
enum Store {
    Memory(Cursor<Vec<u8>>),
    File(BufReader<File>),
}

impl Default for Store {
    fn default() -> Self {
        Store::Memory(Cursor::new(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(total: usize, piece: usize, memory_bytes_max: usize) -> Input {
        let body: Vec<u8> = (0..total).map(|i| (i % 251) as u8).collect();
        let mut input = Input::default();
        for part in body.chunks(piece) {
            input.append(part, memory_bytes_max).unwrap();
        }
        input.rewind().unwrap();
        input
    }

    #[test]
    fn memory_and_file_read_alike() {
        for memory_bytes_max in [0, 99, 100, 1_000] {
            let mut input = filled(1_000, 100, memory_bytes_max);
            assert_eq!(matches!(input.store, Store::Memory(_)), memory_bytes_max == 1_000);
            let mut all = Vec::new();
            input.read_to_end(&mut all).unwrap();
            assert_eq!((all.len(), input.len()), (1_000, 1_000));
            assert!(all.iter().enumerate().all(|(i, byte)| *byte == (i % 251) as u8));
            input.seek(SeekFrom::Start(250)).unwrap();
            assert_eq!(input.fill_buf().unwrap()[..3], [250, 0, 1]);
        }
    }

    #[test]
    fn lines_are_read_as_from_any_reader() {
        let input = Input::from(b"one\ntwo\n\nfour".to_vec());
        let lines: Vec<_> = input.lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["one", "two", "", "four"]);
    }
}
