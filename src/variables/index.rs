//! Where in a block of bytes each variable lies, and how one is found among many.

use std::ops::Range;

/// Where in the block each variable lies.
#[derive(Default)]
pub struct Index {
    pub(super) places: Vec<Variable>,
    /// A bit for each hash that is in the index (its low six bits), so that most names need no search.
    seen: u64,
    /// Whether a name stands in the index more than once.
    pub(super) repeated: bool,
}

impl Index {
    /// Takes the variable whose name and value lie at these places of `block`.
    ///
    /// HTTP_PROXY is dropped (it is how httpoxy sets a CGI program's proxy), and HTTP_CONTENT_LENGTH and
    /// HTTP_CONTENT_TYPE, which only repeat CONTENT_LENGTH and CONTENT_TYPE.
    #[inline(always)]
    pub fn push(&mut self, block: &[u8], name: Range<usize>, value: Range<usize>) {
        self.push_hashed(block, hash(&block[name.clone()]), name, value);
    }

    #[inline(always)]
    pub(super) fn push_hashed(&mut self, block: &[u8], hash: u32, name: Range<usize>, value: Range<usize>) {
        let bytes = &block[name.clone()];
        if matches!(bytes, b"HTTP_PROXY" | b"HTTP_CONTENT_LENGTH" | b"HTTP_CONTENT_TYPE") {
            return;
        }
        self.repeated |= self.find(block, hash, bytes).is_some();
        self.seen |= seen_bit(hash);
        self.places.push(Variable { hash, name: Place::of(&name), value: Place::of(&value) });
    }

    pub(super) fn find(&self, block: &[u8], hash: u32, name: &[u8]) -> Option<usize> {
        if self.seen & seen_bit(hash) == 0 {
            return None;
        }
        self.places.iter().position(|v| v.hash == hash && &block[v.name.range()] == name)
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.seen = 0;
        self.repeated = false;
    }
}

#[derive(Clone, Copy)]
pub(super) struct Variable {
    pub(super) hash: u32,
    pub(super) name: Place,
    pub(super) value: Place,
}

/// A place in the block: half the size of a `Range<usize>`.
#[derive(Clone, Copy)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// No block comes near 4 GiB: [`Variables::extend_block`] sees to it.
    pub(super) fn of(range: &Range<usize>) -> Self {
        Place { start: range.start as u32, end: range.end as u32 }
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A hash that tells the usual names apart (HTTP_ACCEPT, HTTP_ACCEPT_ENCODING …) at little cost: the length and
/// the last eight bytes. Two names that share it are still compared byte by byte.
pub(super) fn hash(name: &[u8]) -> u32 {
    let tail = match name.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => name.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    mix(tail, name.len())
}

pub(super) fn mix(tail: u64, len: usize) -> u32 {
    let mixed = (tail ^ (len as u64) << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// Eight bytes of ASCII at once: letters in upper case, `_` for `-`. No sum below leaves its byte.
pub(super) fn cgi_case(word: u64) -> u64 {
    let lower = word.wrapping_add(0x1F * ONES) & !word.wrapping_add(0x05 * ONES) & HIGH_BITS;
    let dash = places_of(word, b'-');
    word.wrapping_sub(lower >> 2).wrapping_add((dash >> 7) * u64::from(b'_' - b'-'))
}

/// The high bit of each byte of ASCII that is this one.
pub(super) fn places_of(word: u64, byte: u8) -> u64 {
    !(word ^ (u64::from(byte) * ONES)).wrapping_add(0x7F * ONES) & HIGH_BITS
}

/// The bit of [`Index::seen`] that is a hash's.
fn seen_bit(hash: u32) -> u64 {
    1 << (hash & 63)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x80 * ONES;
