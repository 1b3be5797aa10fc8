//! The uwsgi protocol: a header of four bytes, the vars, the body; the reply is a raw HTTP response.
//!
//! See <https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html>.

mod decoder;
mod encoder;
mod header;
mod vars;

pub use decoder::RequestDecoder;
pub use encoder::Packet;
pub use header::{PacketHeader, modifier1};
pub use vars::{Vars, WireFault};
