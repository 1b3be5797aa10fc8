//! Bytes of a body that the application gave before the peer could take them: in memory up to a bound, then in an unlinked
//! temporary file.
//!
//! PEP 3333's write() fills one, as it cannot wait for the peer; so does a body that is asked ahead.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Data, FilePart};
use crate::process::descriptors;

/// The bytes that were given and not yet taken, in order.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    data: VecDeque<Data>,
    /// What the chunks hold, bytes.
    in_memory: usize,
    /// What all of it is, bytes.
    len: u64,
    /// The last of it is a file of the spool's own, to which more can be added.
    ends_in_own_file: bool,
}

impl Spool {
    /// Pieces that are all there, in this order.
    pub(crate) fn of(pieces: impl Iterator<Item = Data>) -> Self {
        let mut spool = Spool::default();
        for piece in pieces {
            spool.len += piece.len();
            if let Data::Chunk(chunk) = &piece {
                spool.in_memory += chunk.len();
            }
            spool.data.push_back(piece);
        }
        spool
    }

    /// Keeps a chunk, beyond `memory_bytes_max` in a file; that can fail, as on a full disk.
    pub(crate) fn push(&mut self, chunk: Bytes, memory_bytes_max: usize) -> io::Result<()> {
        let len = chunk.len();
        if !self.ends_in_own_file && self.in_memory + len <= memory_bytes_max {
            self.in_memory += len;
            self.data.push_back(Data::Chunk(chunk));
        } else {
            if !self.ends_in_own_file {
                let part = FilePart { file: Arc::new(descriptors::temporary_file()?), offset: 0, len: 0 };
                self.data.push_back(Data::File(part));
                self.ends_in_own_file = true;
            }
            if let Some(Data::File(part)) = self.data.back_mut() {
                part.file.write_all_at(&chunk, part.offset + part.len)?;
                part.len += len as u64;
            }
        }
        self.len += len as u64;
        Ok(())
    }

    /// Keeps a piece of a file.
    pub(crate) fn push_file(&mut self, part: FilePart) {
        self.len += part.len;
        self.data.push_back(Data::File(part));
        self.ends_in_own_file = false;
    }

    /// Takes the first of it.
    pub(crate) fn take(&mut self) -> Option<Data> {
        let data = self.data.pop_front()?;
        self.len -= data.len();
        match &data {
            Data::Chunk(chunk) => self.in_memory -= chunk.len(),
            Data::File(_) => self.ends_in_own_file &= !self.data.is_empty(),
        }
        Some(data)
    }

    /// What there is, bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_out_in_order_from_memory_and_file() {
        let mut spool = Spool::default();
        for chunk in ["one", "two", "three", "4"] {
            spool.push(Bytes::from(chunk), 6).unwrap();
        }
        let mut all = Vec::new();
        while let Some(data) = spool.take() {
            match data {
                Data::Chunk(chunk) => all.push(chunk.to_vec()),
                Data::File(part) => {
                    let mut bytes = vec![0; part.len as usize];
                    part.file.read_exact_at(&mut bytes, part.offset).unwrap();
                    all.push(bytes);
                }
            }
        }
        assert_eq!(all, [b"one".to_vec(), b"two".to_vec(), b"three4".to_vec()]);
        assert_eq!((spool.in_memory, spool.len()), (0, 0));
    }
}
