//! The headers inside the netstring: `name NUL value NUL`, again and again, and nothing else.

use std::ops::Range;

use super::ScgiFault;

/// Walks a complete block; each item says where in the block a name and its value lie. It ends with the block,
/// or with the first error and its place, bytes from the block's first: its end, if that cuts a name or a value off.
pub(super) struct Headers<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Headers<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Headers { block, at: 0 }
    }

    /// Where the next name begins.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    fn string(&mut self) -> Result<Range<usize>, (usize, ScgiFault)> {
        let start = self.at;
        let end = memchr::memchr(0, &self.block[start..]).ok_or((self.block.len(), ScgiFault::Cut))?;
        self.at = start + end + 1;
        Ok(start..start + end)
    }
}

impl Iterator for Headers<'_> {
    type Item = Result<(Range<usize>, Range<usize>), (usize, ScgiFault)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.block.len() {
            return None;
        }
        let start = self.at;
        let header = self.string().and_then(|name| {
            if name.is_empty() { Err((start, ScgiFault::NameEmpty)) } else { Ok((name, self.string()?)) }
        });
        if header.is_err() {
            self.at = self.block.len();
        }
        Some(header)
    }
}
