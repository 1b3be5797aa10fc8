//! The headers inside the netstring: `name NUL value NUL`, again and again, and nothing else.

use super::ScgiFault;
use crate::protocol::pairs::{Pair, Read};

/// Reads the header that begins at `at`. Where a name or a value is cut off, the place of the error is the end.
pub(super) fn read_header(block: &[u8], at: usize) -> Read {
    let string = |start: usize| match memchr::memchr(0, &block[start..]) {
        Some(len) => Ok(start..start + len),
        None => Err((block.len(), ScgiFault::Cut.into())),
    };
    let name = string(at)?;
    if name.is_empty() {
        return Err((at, ScgiFault::NameEmpty.into()));
    }
    let value = string(name.end + 1)?;
    if at == 0 && &block[name.clone()] != b"CONTENT_LENGTH" {
        return Err((at, ScgiFault::LengthNotFirst.into()));
    }
    Ok(Pair { end: value.end + 1, name, value })
}
