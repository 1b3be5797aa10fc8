//! A body in blocks of the worker's memory: all of them full but the last.

use std::io::{self, BufRead, Error, ErrorKind, Read, Seek, SeekFrom};

use super::body_memory::{Block, BodyMemory};

/// What a body is in that is too long for one allocation.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// What is in them, bytes.
    len: u64,
    /// Where it is read from, bytes.
    at: u64,
}

impl Blocks {
    /// What of the last block is free, or all of a new one; `None` if there is no more memory.
    pub(super) fn room(&mut self, memory: &BodyMemory) -> Option<&mut [u8]> {
        let (last, filled) = place(self.len);
        if last == self.blocks.len() {
            self.blocks.push(memory.block()?);
        }
        self.blocks.last_mut().map(|block| &mut block[filled..])
    }

    /// So many bytes of the room have come.
    pub(super) fn filled(&mut self, count: usize) {
        self.len += count as u64;
    }

    /// Keeps some of `bytes`; returns how many. `None` if there is no more memory.
    pub(super) fn extend(&mut self, bytes: &[u8], memory: &BodyMemory) -> Option<usize> {
        let room = self.room(memory)?;
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.filled(count);
        Some(count)
    }

    /// What can be read at once.
    pub(super) fn buffer(&self) -> &[u8] {
        let (first, begin) = place(self.at);
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let block = self.blocks.get(first).map_or(&[][..], |block| &block[begin..]);
        &block[..left.min(block.len())]
    }

    /// All that is in them.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = self.len;
        self.blocks.iter().map(move |block| {
            let filled = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            left -= filled as u64;
            &block[..filled]
        })
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.fill_buf()?;
        let read = piece.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.buffer())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

impl Seek for Blocks {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let before_it = || Error::new(ErrorKind::InvalidInput, "seek to a place before the body");
        self.at = at.ok_or_else(before_it)?;
        Ok(self.at)
    }
}

/// The block in which a byte is, and where it is there.
fn place(at: u64) -> (usize, usize) {
    let block = BodyMemory::BLOCK_BYTES as u64;
    (usize::try_from(at / block).unwrap_or(usize::MAX), (at % block) as usize)
}
