//! The vars block: `u16 LE klen, key, u16 LE vlen, value`, again and again, and nothing else.

use std::fmt;
use std::ops::Range;

use byteorder::{ByteOrder, LittleEndian};

use super::header::modifier1;
use crate::protocol::pairs::{Pair, Read, pairs};
use crate::protocol::{Fault, GrammarFault};

/// Walks a complete vars block, as far as it can be read.
pub(crate) fn vars(block: &[u8]) -> impl Iterator<Item = Read> {
    pairs(block, read_var)
}

/// Reads the var that begins at `at`.
#[inline(always)]
pub(super) fn read_var(block: &[u8], at: usize) -> Read {
    let var = || {
        let name = string(block, at).filter(|name| !name.is_empty())?;
        let value = string(block, name.end)?;
        Some(Pair { end: value.end, name, value })
    };
    var().ok_or_else(|| fault(block, at))
}

/// Where the string lies whose length stands at `at`, if all of it is there.
#[inline(always)]
fn string(block: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + LENGTH_BYTES;
    let len = usize::from(LittleEndian::read_u16(block.get(at..start)?));
    (len <= block.len() - start).then_some(start..start + len)
}

/// What is wrong with a var that could not be read. It is found out only then: the walk that all packets take stays
/// free of it.
#[cold]
fn fault(block: &[u8], at: usize) -> (usize, Fault) {
    let (what, at) = match string(block, at) {
        Some(key) if key.is_empty() => return (at, WireFault::KeyEmpty.into()),
        Some(key) => ("value", key.end),
        None => ("key", at),
    };
    let left = block.len() - at;
    let fault = match left.checked_sub(LENGTH_BYTES) {
        None => WireFault::LengthCut { what, left },
        Some(left) => {
            WireFault::Overrun { what, len: usize::from(LittleEndian::read_u16(&block[at..])), left }
        }
    };
    (at, fault.into())
}

/// A length field, bytes.
const LENGTH_BYTES: usize = 2;

/// What the bytes of a packet can be wrong about. `what` is "key" or "value", and `left` is what is left of the vars, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFault {
    KeyEmpty,
    /// It would reach beyond datasize.
    Overrun {
        what: &'static str,
        len: usize,
        left: usize,
    },
    LengthCut {
        what: &'static str,
        left: usize,
    },
    /// A packet that is no request.
    Modifier {
        modifier1: u8,
    },
}

impl GrammarFault for WireFault {
    fn status(&self) -> Option<&'static str> {
        match self {
            WireFault::Modifier { .. } => None,
            _ => Some("400 Bad Request"),
        }
    }
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireFault::KeyEmpty => write!(f, "a variable has a key of length 0"),
            WireFault::Overrun { what, len, left } => {
                write!(f, "a {what} of {len} bytes overruns the vars, of which {left} are left")
            }
            WireFault::LengthCut { what, left } => {
                write!(f, "the vars end where the length of a {what} should stand ({left} of its 2 bytes)")
            }
            WireFault::Modifier { modifier1 } => write!(
                f,
                "modifier1 {modifier1} ({}) is not served here: only 0 and 30 (requests) and 100 (ping)",
                modifier1::meaning(*modifier1)
            ),
        }
    }
}
