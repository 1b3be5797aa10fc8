//! The vars block: `u16 LE klen, key, u16 LE vlen, value`, again and again, and nothing else.

use std::fmt;
use std::ops::Range;

use byteorder::{ByteOrder, LittleEndian};

use super::header::{PacketHeader, modifier1};

/// Walks a complete vars block; each item says where in the block a key and its value lie.
///
/// It ends with the block, or with the first error. An offset in an error counts from the packet's first byte,
/// so the block begins at [`PacketHeader::LEN`].
#[derive(Clone, Debug)]
pub(crate) struct Vars<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Vars<'a> {
    /// A length field, bytes.
    pub(crate) const LENGTH_BYTES: usize = 2;

    /// The vars of `block`, whose length is the header's datasize.
    pub(crate) fn new(block: &'a [u8]) -> Self {
        Vars { block, at: 0 }
    }

    /// Where the next key's length stands, bytes from the packet's first.
    pub(crate) fn offset(&self) -> usize {
        PacketHeader::LEN + self.at
    }

    /// Where the string lies whose length stands at `at`, if all of it is there.
    #[inline(always)]
    fn string(&self, at: usize) -> Option<Range<usize>> {
        let start = at + Self::LENGTH_BYTES;
        let len = usize::from(LittleEndian::read_u16(self.block.get(at..start)?));
        (len <= self.block.len() - start).then_some(start..start + len)
    }

    #[inline(always)]
    fn var(&self) -> Option<(Range<usize>, Range<usize>)> {
        let key = self.string(self.at).filter(|key| !key.is_empty())?;
        let value = self.string(key.end)?;
        Some((key, value))
    }

    /// What is wrong with the var that [`Vars::var`] could not read. It is found out only then: the walk that all
    /// packets take stays free of it.
    #[cold]
    fn fault(&self) -> (usize, WireFault) {
        let key = self.string(self.at);
        let (what, at) = match &key {
            Some(key) if key.is_empty() => return (self.offset(), WireFault::KeyEmpty),
            Some(key) => (Part::Value, key.end),
            None => (Part::Key, self.at),
        };
        let left = self.block.len() - at;
        let fault = match left.checked_sub(Self::LENGTH_BYTES) {
            None => WireFault::LengthCut { what, left },
            Some(left) => {
                WireFault::Overrun { what, len: usize::from(LittleEndian::read_u16(&self.block[at..])), left }
            }
        };
        (PacketHeader::LEN + at, fault)
    }
}

impl Iterator for Vars<'_> {
    type Item = Result<(Range<usize>, Range<usize>), (usize, WireFault)>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.block.len() {
            return None;
        }
        let Some((key, value)) = self.var() else {
            let fault = self.fault();
            self.at = self.block.len();
            return Some(Err(fault));
        };
        self.at = value.end;
        Some(Ok((key, value)))
    }
}

/// What the bytes of a packet can be wrong about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFault {
    /// A key of no bytes.
    KeyEmpty,
    /// A key or a value that would reach beyond datasize.
    Overrun {
        /// Which of the two.
        what: Part,
        /// Its length as sent, bytes.
        len: usize,
        /// What is left of the block, bytes.
        left: usize,
    },
    /// The block ends where a length should stand.
    LengthCut {
        /// Whose length.
        what: Part,
        /// What is left of the block, bytes: 0 or 1.
        left: usize,
    },
    /// A packet that is no request.
    Modifier {
        /// Its modifier1.
        modifier1: u8,
    },
}

/// The two halves of a var.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The variable's name.
    Key,
    /// The variable's value.
    Value,
}

impl WireFault {
    /// The status that tells the peer, or `None` where it would not understand an HTTP response.
    pub(crate) fn status(self) -> Option<&'static str> {
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

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Key => "key",
            Part::Value => "value",
        })
    }
}
