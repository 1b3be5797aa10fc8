//! The walk through a block of names and values: every protocol but HTTP sends one, and has its own way to write a pair.

use std::ops::Range;

use super::{DecodeError, Fault};
use crate::application::variables::{ContentLengthError, Variables};
use crate::ascii::Ascii;
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

/// That there is a method: without one this is no request.
pub(super) fn require_method(variables: &Variables) -> Result<(), DecodeError> {
    match variables.get(b"REQUEST_METHOD") {
        None | Some(b"") => Err(DecodeError::of(Fault::MethodMissing)),
        Some(_) => Ok(()),
    }
}

/// Ends the variables that [`index`] has read; returns the declared length of the body, bytes.
pub(super) fn complete(
    variables: &mut Variables,
    front: usize,
    read: impl Fn(&[u8], usize) -> Read,
    limits: &Limits,
) -> Result<Option<u64>, DecodeError> {
    let declared = variables.complete();
    let bytes_max = limits.body_bytes_max;
    let fault = match declared {
        Ok(length) if length.is_none_or(|length| length <= bytes_max) => return Ok(length),
        Ok(_) | Err(ContentLengthError::TooLarge) => Fault::BodyTooLarge { bytes_max },
        Err(ContentLengthError::Twice) => Fault::ContentLengthTwice,
        Err(ContentLengthError::NotDigits) => {
            let value = Ascii(variables.get(b"CONTENT_LENGTH").unwrap_or_default()).to_string();
            Fault::ContentLength { value }
        }
    };
    let offset = variables.offset(b"CONTENT_LENGTH").map(|name| {
        let ends = pairs(variables.parts().0, read).map_while(|pair| Some(pair.ok()?.end));
        front + ends.take_while(|end| *end <= name).last().unwrap_or_default()
    });
    Err(DecodeError { offset, ..DecodeError::of(fault) })
}
