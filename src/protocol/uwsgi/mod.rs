//! The uwsgi protocol: a header of four bytes, the vars, the body; the reply is a raw HTTP response.
//!
//! See <https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html>.

mod decoder;
mod encoder;
mod header;
mod vars;

pub use decoder::RequestDecoder;
pub use encoder::{Packet, PacketTooLarge};
pub use header::{PacketHeader, modifier1};
pub use vars::{Vars, WireFault};

use crate::response::ResponseHead;

/// Writes the head of a response as front ends read it: a status line and fields. No Date, no Server: a front
/// end puts its own, and ours would replace them.
pub(super) fn write_head(head: &ResponseHead, out: &mut Vec<u8>) {
    out.reserve(HEAD_BYTES + head.fields().len());
    for part in [b"HTTP/1.1 ", head.status(), b"\r\n", head.fields(), b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// What stands around the fields, with room for any usual reason, bytes.
const HEAD_BYTES: usize = 64;
