//! The walk through a block of names and values: every protocol but HTTP sends one, and has its own way to write a pair.

use std::ops::Range;

use super::{DecodeError, Fault, pending_request};
use crate::application::variables::Variables;
use crate::limits::Limits;

/// Where in a block a name and its value lie, and where the next pair begins.
pub(crate) struct Pair {
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
    pub(super) end: usize,
}

/// What is read at a place of a block, or what is wrong and where; places count from the block's first byte.
pub(crate) type Read = Result<Pair, (usize, Fault)>;

/// Walks a complete block by a protocol's `read`. It ends with the block, or with the first error.
#[inline(always)]
pub(super) fn pairs(block: &[u8], read: impl Fn(&[u8], usize) -> Read) -> impl Iterator<Item = Read> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= block.len() {
            return None;
        }
        let pair = read(block, at);
        at = pair.as_ref().map_or(block.len(), |pair| pair.end);
        Some(pair)
    })
}

/// Enters the pairs of the block into its index. The place of an error is `front` bytes and the place in the block.
#[inline(always)]
pub(super) fn index(
    variables: &mut Variables,
    front: usize,
    read: impl Fn(&[u8], usize) -> Read,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let count_max = limits.vars_count_max;
    let (block, index) = variables.parts();
    let (mut at, mut count) = (0, 0);
    while at < block.len() {
        let pair = read(block, at).map_err(|(at, fault)| DecodeError::at(front + at, fault))?;
        if count == count_max {
            return Err(DecodeError::at(front + at, Fault::TooManyVars { count_max }));
        }
        index.push(block, pair.name, pair.value);
        (at, count) = (pair.end, count + 1);
    }
    Ok(())
}

/// Ends the variables that [`index`] has read; returns the declared length of the body, bytes.
pub(super) fn complete(
    variables: &mut Variables,
    front: usize,
    read: impl Fn(&[u8], usize) -> Read,
    limits: &Limits,
) -> Result<Option<u64>, DecodeError> {
    pending_request::complete(variables, limits).map_err(|fault| {
        let name = match fault {
            Fault::MethodMissing => None,
            _ => variables.offset(b"CONTENT_LENGTH"),
        };
        let before = |pair: &Pair| name.is_some_and(|name| pair.end <= name);
        let ends =
            pairs(variables.parts().0, read).map_while(Result::ok).take_while(before).map(|pair| pair.end);
        DecodeError { offset: name.map(|_| front + ends.last().unwrap_or_default()), fault }
    })
}
