//! Name-value pairs (section 3.4): two lengths of one or four bytes, the name, the value.

use std::ops::Range;

use byteorder::{BigEndian, ByteOrder};

use super::FastcgiFault;

/// Walks a complete PARAMS stream; each item says where in it a name and its value lie. It ends with the stream,
/// or with the first error.
pub(super) struct Params<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Params<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Params { block, at: 0 }
    }

    /// Where the next pair begins.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Where the pair begins whose name lies at `name`.
    pub(super) fn pair_of(mut self, name: usize) -> Option<usize> {
        loop {
            let start = self.at;
            if self.next()?.ok()?.0.start == name {
                return Some(start);
            }
        }
    }

    fn length(&mut self) -> Option<usize> {
        let rest = &self.block[self.at..];
        let first = *rest.first()?;
        if first >> 7 == 0 {
            self.at += 1;
            return Some(usize::from(first));
        }
        let four = rest.first_chunk::<4>()?;
        self.at += four.len();
        usize::try_from(BigEndian::read_u32(four) & 0x7FFF_FFFF).ok()
    }

    fn pair(&mut self) -> Option<(Range<usize>, Range<usize>)> {
        let (name, value) = (self.length()?, self.length()?);
        let name = self.at..self.at.checked_add(name)?;
        let value = name.end..name.end.checked_add(value)?;
        self.at = value.end;
        (value.end <= self.block.len()).then_some((name, value))
    }
}

impl Iterator for Params<'_> {
    type Item = Result<(Range<usize>, Range<usize>), FastcgiFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.block.len() {
            return None;
        }
        let pair = match self.pair() {
            Some((name, _)) if name.is_empty() => Err(FastcgiFault::NameEmpty),
            Some(pair) => Ok(pair),
            None => Err(FastcgiFault::ParamsCut),
        };
        if pair.is_err() {
            self.at = self.block.len();
        }
        Some(pair)
    }
}
