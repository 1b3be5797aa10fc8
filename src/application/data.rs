//! A piece of a body, on its way from the application to the socket.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;

/// A piece of a body.
#[derive(Debug)]
pub(crate) enum Data {
    /// A chunk as the application made it.
    Chunk(Bytes),
    /// A piece of a file.
    File(FilePart),
}

/// A piece of a file that is still to be sent.
#[derive(Debug)]
pub(crate) struct FilePart {
    /// The open file, which other pieces may be of too; its own position is neither used nor moved.
    pub file: Arc<File>,
    /// Where the piece begins, bytes from the file's start.
    pub offset: u64,
    /// What is left of it, bytes.
    pub len: u64,
}

impl Default for Data {
    /// No bytes.
    fn default() -> Self {
        Data::Chunk(Bytes::new())
    }
}

impl Data {
    /// Its length, bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Data::Chunk(chunk) => chunk.len() as u64,
            Data::File(part) => part.len,
        }
    }

    /// Whether it has no bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts it to its first `len` bytes.
    pub(crate) fn truncate(&mut self, len: u64) {
        match self {
            Data::Chunk(chunk) => chunk.truncate(usize::try_from(len).unwrap_or(usize::MAX)),
            Data::File(part) => part.len = part.len.min(len),
        }
    }

    /// Takes the first `len` bytes off, or all if that is all there are.
    pub(crate) fn split_to(&mut self, len: u64) -> Data {
        if len >= self.len() {
            return std::mem::take(self);
        }
        match self {
            Data::Chunk(chunk) => Data::Chunk(chunk.split_to(usize::try_from(len).unwrap_or(usize::MAX))),
            Data::File(part) => {
                let first = FilePart { file: Arc::clone(&part.file), offset: part.offset, len };
                part.offset += len;
                part.len -= len;
                Data::File(first)
            }
        }
    }
}
