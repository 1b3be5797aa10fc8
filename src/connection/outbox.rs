//! What is owed to the peer: bytes before the data, the data (a chunk or a piece of a file), bytes behind it.
//!
//! One write takes all of it, so a head and its first chunk leave in one system call.

use std::io::{self, IoSlice};

use bytes::Buf;

use crate::application::Data;
use crate::net::stream::Stream;

/// The bytes that the peer is to get next, in the order of the fields.
#[derive(Default)]
pub(super) struct Outbox {
    /// A head, a frame's beginning: what the protocol puts before the data.
    pub before: Vec<u8>,
    before_sent: usize,
    data: Data,
    /// What the protocol puts behind the data.
    pub after: Vec<u8>,
    after_sent: usize,
}

impl Outbox {
    /// Whether nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.before.len() == self.before_sent && self.data.is_empty() && self.after.len() == self.after_sent
    }

    /// Whether a part of the body is among what is owed.
    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// Puts the data in its place; the last must be gone.
    pub(super) fn load(&mut self, data: Data) {
        debug_assert!(self.data.is_empty(), "the next piece is loaded when the last is wholly written");
        self.data = data;
    }

    /// Drops what is owed, and keeps the buffers.
    pub(super) fn clear(&mut self) {
        self.before.clear();
        self.after.clear();
        (self.before_sent, self.after_sent) = (0, 0);
        self.data = Data::default();
    }

    /// Writes once; returns how many bytes the stream took. Not to be called when nothing is owed.
    pub(super) fn flush<S: Stream>(
        &mut self,
        stream: &mut S,
        mut wrote: impl FnMut(&[&[u8]], usize),
    ) -> io::Result<usize> {
        let before = &self.before[self.before_sent..];
        let after = &self.after[self.after_sent..];
        let parts: [&[u8]; 3] = match &self.data {
            Data::Chunk(chunk) => [before, chunk, after],
            Data::File(part) if before.is_empty() && part.len > 0 => {
                let sent = stream.send_file(&part.file, part.offset, part.len)?;
                wrote(&[], sent);
                return self.advance(sent);
            }
            Data::File(part) if part.len > 0 => [before, &[], &[]],
            Data::File(_) => [before, &[], after],
        };
        let sent = match parts {
            [one, [], []] | [[], one, []] | [[], [], one] => stream.write(one)?,
            _ => stream.write_vectored(&parts.map(IoSlice::new))?,
        };
        wrote(&parts, sent);
        self.advance(sent)
    }

    /// Takes `sent` bytes off the front. 0 is an error: a stream that takes nothing, or a file that ended early.
    fn advance(&mut self, sent: usize) -> io::Result<usize> {
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let mut left = sent;
        let step = left.min(self.before.len() - self.before_sent);
        self.before_sent += step;
        left -= step;
        match &mut self.data {
            Data::Chunk(chunk) => {
                let step = left.min(chunk.len());
                chunk.advance(step);
                left -= step;
            }
            Data::File(part) => {
                let step = part.len.min(left as u64);
                part.offset += step;
                part.len -= step;
                left -= usize::try_from(step).expect("a step is at most left, a usize");
            }
        }
        self.after_sent += left;
        if self.is_empty() {
            self.clear();
        }
        Ok(sent)
    }
}
