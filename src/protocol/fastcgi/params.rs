//! Name-value pairs (section 3.4): two lengths of one or four bytes, the name, the value.

use byteorder::{BigEndian, ByteOrder};

use super::FastcgiFault;
use crate::protocol::pairs::{Pair, Read};

/// Reads the pair that begins at `at`.
pub(super) fn read_param(block: &[u8], at: usize) -> Read {
    let pair = pair(block, at).ok_or_else(|| (at, FastcgiFault::ParamsCut.into()))?;
    if pair.name.is_empty() {
        return Err((at, FastcgiFault::NameEmpty.into()));
    }
    Ok(pair)
}

fn pair(block: &[u8], mut at: usize) -> Option<Pair> {
    let (name, value) = (length(block, &mut at)?, length(block, &mut at)?);
    let name = at..at.checked_add(name)?;
    let value = name.end..name.end.checked_add(value)?;
    (value.end <= block.len()).then_some(Pair { end: value.end, name, value })
}

fn length(block: &[u8], at: &mut usize) -> Option<usize> {
    let rest = &block[*at..];
    let first = *rest.first()?;
    if first >> 7 == 0 {
        *at += 1;
        return Some(usize::from(first));
    }
    let four = rest.first_chunk::<4>()?;
    *at += four.len();
    usize::try_from(BigEndian::read_u32(four) & 0x7FFF_FFFF).ok()
}
