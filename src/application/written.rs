//! What an application gave to write(), PEP 3333's way without an iterable, and the peer was not given yet.
//!
//! write() cannot wait for the peer, or all others would wait too. So what it is given is kept: in memory up to a
//! bound, then in an unlinked temporary file.

use std::collections::VecDeque;
use std::io::{self, Write};

use bytes::Bytes;

use super::{Data, FilePart};
use crate::process::descriptors;

/// The bytes that were written and not yet taken, in order.
#[derive(Debug, Default)]
pub(super) struct Written {
    chunks: VecDeque<Bytes>,
    /// What the chunks hold, bytes.
    in_memory: usize,
    /// What was written behind the chunks.
    spooled: Option<FilePart>,
}

impl Written {
    /// Keeps a chunk, beyond `memory_bytes_max` in a file; that can fail, as on a full disk.
    pub(super) fn push(&mut self, chunk: Bytes, memory_bytes_max: usize) -> io::Result<()> {
        if self.spooled.is_none() && self.in_memory + chunk.len() <= memory_bytes_max {
            self.in_memory += chunk.len();
            self.chunks.push_back(chunk);
            return Ok(());
        }
        let spooled = match &mut self.spooled {
            Some(spooled) => spooled,
            none => none.insert(FilePart { file: descriptors::temporary_file()?, offset: 0, len: 0 }),
        };
        spooled.file.write_all(&chunk)?;
        spooled.len += chunk.len() as u64;
        Ok(())
    }

    /// Takes the first of it.
    pub(super) fn take(&mut self) -> Option<Data> {
        if let Some(chunk) = self.chunks.pop_front() {
            self.in_memory -= chunk.len();
            return Some(Data::Chunk(chunk));
        }
        self.spooled.take().map(Data::File)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn what_is_written_comes_out_in_order_from_memory_and_file() {
        let mut written = Written::default();
        for chunk in ["one", "two", "three", "4"] {
            written.push(Bytes::from(chunk), 6).unwrap();
        }
        let mut all = Vec::new();
        while let Some(data) = written.take() {
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
        assert_eq!(written.in_memory, 0);
    }
}
