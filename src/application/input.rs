//! The request's body: in the worker's memory for bodies as far as that goes, else in an unlinked temporary file.
//!
//! A synchronous application must never wait on the socket, so the body is complete before it is called.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use super::blocks::Blocks;
use super::body_file::BodyFile;
use super::body_memory::{BodyMemory, Share};

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

    /// What comes next and is in memory, as [`BufReader::buffer`](io::BufReader::buffer) has it: nothing is read from a file for it.
    pub fn buffer(&self) -> &[u8] {
        match &self.store {
            Store::Small { body, .. } => {
                let at = usize::try_from(body.position()).unwrap_or(usize::MAX);
                body.get_ref().get(at..).unwrap_or_default()
            }
            Store::Blocks(blocks) => blocks.buffer(),
            Store::File(file) => file.buffer(),
        }
    }

    /// Appends what has arrived; at least `to_come` bytes are to follow. If all that is more than `memory_bytes_max`, or
    /// if `memory` has no more, the whole body moves to a temporary file; its errors (a full disk) are the caller's to
    /// report.
    pub(crate) fn append(
        &mut self,
        mut bytes: &[u8],
        to_come: u64,
        memory_bytes_max: usize,
        memory: &BodyMemory,
    ) -> io::Result<()> {
        let fits = self.len + bytes.len() as u64 + to_come <= memory_bytes_max as u64;
        while fits && !bytes.is_empty() && !matches!(self.store, Store::File(_)) {
            let Some(kept) = self.keep(bytes, memory) else { break };
            self.len += kept as u64;
            bytes = &bytes[kept..];
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.file(memory)?.append(bytes, memory)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Where the next bytes of a long body may be put as they are read: [`Input::filled`] tells how many were. There is
    /// none if they are the first that go to a file, or if `memory` has no more.
    pub(crate) fn room(
        &mut self,
        to_come: u64,
        memory_bytes_max: usize,
        memory: &BodyMemory,
    ) -> Option<&mut [u8]> {
        match &mut self.store {
            Store::Small { .. } => None,
            Store::Blocks(_) if self.len + to_come > memory_bytes_max as u64 => None,
            Store::Blocks(blocks) => blocks.room(memory),
            Store::File(file) => file.room(memory),
        }
    }

    /// So many bytes of the room are the body's now.
    pub(crate) fn filled(&mut self, count: usize) {
        match &mut self.store {
            Store::Small { .. } => return,
            Store::Blocks(blocks) => blocks.filled(count),
            Store::File(file) => file.filled(count),
        }
        self.len += count as u64;
    }

    /// Keeps some of `bytes` in memory; returns how many. `None` if there is no more.
    fn keep(&mut self, bytes: &[u8], memory: &BodyMemory) -> Option<usize> {
        if let Store::Small { body, share } = &mut self.store {
            let body = body.get_mut();
            let len = body.len() + bytes.len();
            if len <= SMALL_BYTES_MAX {
                if len > body.capacity() {
                    let capacity = len.max(body.capacity() * 2);
                    share.grow(capacity - body.capacity(), memory).then_some(())?;
                    body.reserve_exact(capacity - body.len());
                }
                body.extend_from_slice(bytes);
                return Some(bytes.len());
            }
            let mut blocks = Blocks::default();
            let mut small = &body[..];
            while !small.is_empty() {
                small = &small[blocks.extend(small, memory)?..];
            }
            self.store = Store::Blocks(blocks);
        }
        match &mut self.store {
            Store::Blocks(blocks) => blocks.extend(bytes, memory),
            Store::Small { .. } | Store::File(_) => None,
        }
    }

    /// The file that the body is in from now on.
    fn file(&mut self, memory: &BodyMemory) -> io::Result<&mut BodyFile> {
        if !matches!(self.store, Store::File(_)) {
            let mut file = Box::new(BodyFile::new()?);
            match &self.store {
                Store::Small { body, .. } => file.append(body.get_ref(), memory)?,
                Store::Blocks(blocks) => blocks.pieces().try_for_each(|piece| file.append(piece, memory))?,
                Store::File(_) => {}
            }
            memory.note_file();
            self.store = Store::File(file);
        }
        match &mut self.store {
            Store::File(file) => Ok(file),
            Store::Small { .. } | Store::Blocks(_) => Err(io::ErrorKind::Other.into()),
        }
    }
}

impl From<Vec<u8>> for Input {
    fn from(body: Vec<u8>) -> Self {
        Input {
            len: body.len() as u64,
            store: Store::Small { body: Cursor::new(body), share: Share::default() },
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.store {
            Store::Small { body, .. } => body.read(buffer),
            Store::Blocks(blocks) => blocks.read(buffer),
            Store::File(file) => file.read(buffer),
        }
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.store {
            Store::Small { body, .. } => body.fill_buf(),
            Store::Blocks(blocks) => blocks.fill_buf(),
            Store::File(file) => file.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.store {
            Store::Small { body, .. } => body.consume(amount),
            Store::Blocks(blocks) => blocks.consume(amount),
            Store::File(file) => file.consume(amount),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.store {
            Store::Small { body, .. } => body.seek(to),
            Store::Blocks(blocks) => blocks.seek(to),
            Store::File(file) => file.seek(to),
        }
    }
}

/// A longer body is kept in blocks, bytes: usual forms and JSON are below it, and take what they need.
const SMALL_BYTES_MAX: usize = 16 << 10;

#[derive(Debug)]
enum Store {
    Small { body: Cursor<Vec<u8>>, share: Share },
    Blocks(Blocks),
    File(Box<BodyFile>),
}

impl Default for Store {
    fn default() -> Self {
        Store::Small { body: Cursor::default(), share: Share::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(total: usize, piece: usize, memory_bytes_max: usize, memory: &BodyMemory) -> Input {
        let body: Vec<u8> = (0..total).map(|i| (i % 251) as u8).collect();
        let mut input = Input::default();
        for part in body.chunks(piece) {
            input.append(part, 0, memory_bytes_max, memory).unwrap();
        }
        input.rewind().unwrap();
        input
    }

    #[test]
    fn memory_and_file_read_alike() {
        const KIB: usize = 1 << 10;
        for (total, of_body, of_all) in [
            (1_000, 0, 10_000),
            (1_000, 999, 10_000),
            (1_000, 1_000, 10_000),
            (1_000, 10_000, 999),
            (200 * KIB, 100 * KIB, 1_000 * KIB),
            (200 * KIB, 1_000 * KIB, 1_000 * KIB),
            (200 * KIB, 1_000 * KIB, 200 * KIB),
            (256 * KIB, 256 * KIB, 256 * KIB),
        ] {
            let memory = BodyMemory::new(of_all);
            for piece in [total / 10, 16 * KIB + 1, total] {
                let mut input = filled(total, piece, of_body, &memory);
                let is_file = matches!(input.store, Store::File(_));
                // A block is taken as a whole.
                let needs = if total > 16 * KIB { total.next_multiple_of(64 * KIB) } else { total };
                assert_eq!(is_file, total > of_body || needs > of_all, "{total} {piece} {of_body} {of_all}");
                assert_eq!(memory.used() == 0, is_file, "{} bytes are used", memory.used());
                let mut all = Vec::new();
                input.read_to_end(&mut all).unwrap();
                assert_eq!((all.len(), input.len()), (total, total as u64));
                assert!(all.iter().enumerate().all(|(i, byte)| *byte == (i % 251) as u8));
                input.seek(SeekFrom::Start(250)).unwrap();
                assert_eq!(input.fill_buf().unwrap()[..3], [250, 0, 1]);
                input.seek(SeekFrom::Current(50)).unwrap();
                input.seek_relative(-1).unwrap();
                assert_eq!(input.fill_buf().unwrap()[0], (299 % 251) as u8);
                input.seek(SeekFrom::End(-7)).unwrap();
                assert_eq!(input.read(&mut [0; 100]).unwrap(), 7);
                input.seek(SeekFrom::End(7)).unwrap();
                assert_eq!(input.read(&mut [0; 100]).unwrap(), 0);
                assert!(input.seek(SeekFrom::Current(-(total as i64) - 8)).is_err());
                drop(input);
                assert_eq!(memory.used(), 0);
            }
        }
    }

    #[test]
    fn a_body_that_is_going_to_be_too_long_goes_to_the_file_at_once() {
        let memory = BodyMemory::new(1 << 20);
        let mut input = Input::default();
        input.append(b"x", 1_000, 1_000, &memory).unwrap();
        assert!(matches!(input.store, Store::File(_)) && memory.files() == 1);
    }

    #[test]
    fn what_is_read_into_its_place_is_the_bodys() {
        let memory = BodyMemory::new(BodyMemory::BLOCK_BYTES * 2);
        let mut input = Input::default();
        assert!(input.room(1 << 20, 1 << 20, &memory).is_none(), "a short body has no blocks");
        input.append(&[1; 20_000], 1 << 20, 2 << 20, &memory).unwrap();
        assert!(input.room(1 << 21, 1 << 20, &memory).is_none(), "it is too long");
        for count in [100, BodyMemory::BLOCK_BYTES - 20_100, BodyMemory::BLOCK_BYTES] {
            let room = input.room(1 << 20, 2 << 20, &memory).unwrap();
            room[..count].fill(2);
            input.filled(count);
        }
        assert!(input.room(1 << 20, 2 << 20, &memory).is_none(), "there is no more memory");
        input.append(&[3; 10], 0, 2 << 20, &memory).unwrap();
        assert_eq!(memory.files(), 1);
        input.rewind().unwrap();
        assert_eq!(memory.used(), 0);
        let mut all = Vec::new();
        input.read_to_end(&mut all).unwrap();
        let twos = BodyMemory::BLOCK_BYTES * 2 - 20_000;
        assert_eq!(all, [vec![1; 20_000], vec![2; twos], vec![3; 10]].concat());
    }

    #[test]
    fn lines_are_read_as_from_any_reader() {
        let input = Input::from(b"one\ntwo\n\nfour".to_vec());
        let lines: Vec<_> = input.lines().map(Result::unwrap).collect();
        assert_eq!(lines, ["one", "two", "", "four"]);
    }
}
